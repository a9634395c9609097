#include "common/photo.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <jpeglib.h>

#include <jerror.h>

enum { MOST_SCANS = 64 };

static bool fail(photo_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(photo_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return false;
}

static bool check_size(int64_t width, int64_t height, photo_error *error)
{
    if (width < 1 || height < 1)
        return fail(error, "a picture of %lld x %lld pixels", (long long)width, (long long)height);
    if (width > PHOTO_MOST_PIXELS / height)
        return fail(error, "%lld x %lld pixels are more than the %lld that are allowed",
                    (long long)width, (long long)height, (long long)PHOTO_MOST_PIXELS);
    return true;
}

static bool make_picture(image *picture, int width, int height, photo_error *error)
{
    if (image_make(picture, width, height, 3, 0))
        return true;
    return fail(error, "no memory for %d x %d pixels", width, height);
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

/* libjpeg reports by calling back, and ends a fatal call by a jump. */
typedef struct jpeg_reader {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf end;
    photo_error *error;
    image *picture;
    uint8_t *row; /* of CMYK */
} jpeg_reader;

static void keep_message(j_common_ptr info)
{
    jpeg_reader *reader = info->client_data;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    fail(reader->error, "JPEG: %s", text);
}

static void end_by_error(j_common_ptr info)
{
    jpeg_reader *reader = info->client_data;
    keep_message(info);
    longjmp(reader->end, 1);
}

/* Bytes between markers and odd headers are common in photographs and do no harm; a warning about
 * the picture itself means that part of it is missing. */
static void warn(j_common_ptr info, int level)
{
    int code = info->err->msg_code;
    if (level < 0 && (code == JWRN_HIT_MARKER || code == JWRN_JPEG_EOF ||
                      code == JWRN_HUFF_BAD_CODE || code == JWRN_ARITH_BAD_CODE))
        end_by_error(info);
}

/* A small file may have a great many scans, each of which takes as long as the whole picture. */
static void count_scans(j_common_ptr info)
{
    jpeg_reader *reader = info->client_data;
    if (reader->info.input_scan_number <= MOST_SCANS)
        return;
    fail(reader->error, "JPEG: more than %d scans", MOST_SCANS);
    longjmp(reader->end, 1);
}

/* Adobe's programs, which write a marker, store 255 - ink. */
static void cmyk_to_rgb(const uint8_t *cmyk, int width, bool inverted, uint8_t *rgb)
{
    for (int x = 0; x < width; x++)
        for (int c = 0; c < 3; c++) {
            int light = inverted ? cmyk[4 * x + c] : 255 - cmyk[4 * x + c];
            int black = inverted ? cmyk[4 * x + 3] : 255 - cmyk[4 * x + 3];
            rgb[3 * x + c] = (uint8_t)((light * black + 127) / 255);
        }
}

static bool read_header(jpeg_reader *reader, const uint8_t *bytes, size_t size)
{
    j_decompress_ptr info = &reader->info;
    jpeg_create_decompress(info);
    info->progress = &reader->progress;
    jpeg_mem_src(info, bytes, size);
    jpeg_read_header(info, TRUE);
    bool four = info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK;
    info->out_color_space = four ? JCS_CMYK : JCS_RGB;
    return check_size(info->image_width, info->image_height, reader->error);
}

static bool read_rows(jpeg_reader *reader)
{
    j_decompress_ptr info = &reader->info;
    int width = (int)info->image_width, height = (int)info->image_height;
    bool four = info->out_color_space == JCS_CMYK;
    if (!make_picture(reader->picture, width, height, reader->error))
        return false;
    reader->row = malloc(4 * (size_t)width);
    if (!reader->row)
        return fail(reader->error, "no memory for a row of %d pixels", width);
    jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        uint8_t *to = reader->picture->pixels + 3 * (size_t)width * info->output_scanline;
        uint8_t *row = four ? reader->row : to;
        jpeg_read_scanlines(info, &row, 1);
        if (four)
            cmyk_to_rgb(row, width, info->saw_Adobe_marker, to);
    }
    jpeg_finish_decompress(info);
    return true;
}

static bool decode_jpeg(const uint8_t *bytes, size_t size, image *picture, photo_error *error)
{
    jpeg_reader *reader = calloc(1, sizeof(*reader));
    volatile bool read = false;
    if (!reader)
        return fail(error, "memory is short");
    reader->info.err = jpeg_std_error(&reader->errors);
    reader->info.client_data = reader;
    reader->errors.error_exit = end_by_error;
    reader->errors.emit_message = warn;
    reader->progress.progress_monitor = count_scans;
    reader->error = error;
    reader->picture = picture;
    if (setjmp(reader->end) == 0)
        read = read_header(reader, bytes, size) && read_rows(reader);
    jpeg_destroy_decompress(&reader->info);
    free(reader->row);
    free(reader);
    return read;
}

/* ---- PNG ------------------------------------------------------------------------------------- */

static bool decode_png(const uint8_t *bytes, size_t size, image *picture, photo_error *error)
{
    const png_color white = {255, 255, 255};
    png_image png = {.version = PNG_IMAGE_VERSION};
    bool read = png_image_begin_read_from_memory(&png, bytes, size) &&
                check_size(png.width, png.height, error) &&
                make_picture(picture, (int)png.width, (int)png.height, error);
    if (read) {
        png.format = PNG_FORMAT_RGB;
        png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
        read = png_image_finish_read(&png, &white, picture->pixels, 0, NULL);
    }
    if (PNG_IMAGE_FAILED(png))
        fail(error, "PNG: %s", png.message);
    png_image_free(&png);
    return read;
}

/* ---- either ---------------------------------------------------------------------------------- */

static bool begins(const uint8_t *bytes, size_t size, const char *with, size_t length)
{
    return size >= length && memcmp(bytes, with, length) == 0;
}

bool photo_decode(const uint8_t *bytes, size_t size, image *picture, photo_error *error)
{
    bool read = false;
    *picture = (image){.pixels = NULL};
    *error = (photo_error){""};
    if (size == 0)
        fail(error, "an empty file");
    else if (size > PHOTO_MOST_BYTES)
        fail(error, "%zu bytes are more than the %zu that are allowed", size, PHOTO_MOST_BYTES);
    else if (begins(bytes, size, "\xff\xd8\xff", 3))
        read = decode_jpeg(bytes, size, picture, error);
    else if (begins(bytes, size, "\x89PNG\r\n\x1a\n", 8))
        read = decode_png(bytes, size, picture, error);
    else
        fail(error, "neither JPEG nor PNG");
    if (!read)
        image_free(picture);
    return read;
}

uint8_t *photo_bytes(const char *name, size_t *size, photo_error *error)
{
    struct stat status;
    FILE *file = fopen(name, "rb");
    if (!file || fstat(fileno(file), &status) != 0) {
        fail(error, "%s", strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        fail(error, "not a file");
    } else if ((size_t)status.st_size > PHOTO_MOST_BYTES) {
        fail(error, "%lld bytes are more than the %zu that are allowed", (long long)status.st_size,
             PHOTO_MOST_BYTES);
    } else {
        uint8_t *bytes = malloc((size_t)status.st_size + 1);
        *size = bytes ? fread(bytes, 1, (size_t)status.st_size, file) : 0;
        bool whole = bytes && *size == (size_t)status.st_size;
        fclose(file);
        if (whole)
            return bytes;
        fail(error, bytes ? "it could not be read whole" : "memory is short");
        free(bytes);
        return NULL;
    }
    if (file)
        fclose(file);
    return NULL;
}

bool photo_read(const char *name, image *picture, photo_error *error)
{
    size_t size;
    uint8_t *bytes = photo_bytes(name, &size, error);
    bool read = bytes && photo_decode(bytes, size, picture, error);
    free(bytes);
    return read;
}

bool photo_named(const char *name)
{
    static const char *const ENDINGS[] = {".jpg", ".jpeg", ".png"};
    size_t length = strlen(name);
    for (int i = 0; i < 3; i++) {
        size_t ending = strlen(ENDINGS[i]);
        if (length > ending && strcasecmp(name + length - ending, ENDINGS[i]) == 0)
            return true;
    }
    return false;
}
