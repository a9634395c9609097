/* photo.h - photographs from JPEG and PNG files. */
#ifndef EXAMPLES_PHOTO_H
#define EXAMPLES_PHOTO_H

#include <tn/tn.h>

#include "common/cli.h"
#include "common/image.h"

/* The largest photographs that are read: more is refused by what the header says, before any memory
 * is taken. */
#define PHOTO_MOST_BYTES ((size_t)64 << 20)
#define PHOTO_MOST_PIXELS ((int64_t)1 << 25)

/* Why a photograph could not be read: "JPEG: premature end of JPEG file", without its name. */
typedef struct photo_error {
    char text[240];
    bool other; /* it is neither JPEG nor PNG */
} photo_error;

/* Makes a red, green, blue picture of a JPEG file (also progressive, grey, CMYK) or a PNG file
 * (also palette, grey, 16 bits, interlaced; what is transparent shows white). Rotations that a
 * camera noted and colour profiles are not applied. A photograph that is cut off or damaged is
 * refused, with a reason. To be freed by image_free. Several threads may read at a time. */
bool photo_decode(const uint8_t *bytes, size_t size, image *picture, photo_error *error);

/* The same from a file. */
bool photo_read(const char *name, image *picture, photo_error *error);

/* The bytes of a file of PHOTO_MOST_BYTES at most, to be freed; NULL with a reason. */
uint8_t *photo_bytes(const char *name, size_t *size, photo_error *error);

/* Whether a file's name ends in .jpg, .jpeg or .png, in upper or lower case. */
bool photo_named(const char *name);

/* Says something about a photograph; false if it cannot, without a line on standard error. */
typedef bool (*photo_answer)(void *payload, const char *name, const image *picture);

/* Reads photographs one by one and asks for an answer to each, in a scope of its own. What cannot
 * be read or answered is reported on standard error. Returns the exit status: a failure if there
 * was one. */
int photos_answer(const cli_program *program, tn_ctx *ctx, const cli_words *names,
                  photo_answer answer, void *payload);

#endif
