/* facescrub.h - the lists of FaceScrub (Ng and Winkler, "A data-driven approach to cleaning large
 * face datasets", ICIP 2014): where photographs of people are, or were. */
#ifndef EXAMPLES_FACES_FACESCRUB_H
#define EXAMPLES_FACES_FACESCRUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli.h"

typedef struct face_entry {
    char *person, *url;
    int64_t image_id, face_id;
    int x1, y1, x2, y2; /* the box of the face: columns x1 .. x2 - 1, rows y1 .. y2 - 1 */
    char sha256[65];    /* of the photograph's file */
} face_entry;

typedef struct face_list {
    face_entry *entries; /* in the order of the files */
    int64_t count, room;
    int64_t wrong; /* lines that are no entries */
} face_list;

/* Adds the entries of a file: tab-separated name, image id, face id, URL, x1,y1,x2,y2, SHA-256; a
 * first line with these titles is skipped. Only entries of `people` are taken (names with commas
 * between them, or "all"). Lines that are no entries are reported, ten at most, and left out. False
 * with a line on standard error if the file cannot be read. */
bool face_list_read(const cli_program *program, const char *file, const char *people, face_list *l);
void face_list_free(face_list *l);

/* The name of a person as the name of a folder: "alec-baldwin". */
void face_slug(const char *person, char *slug, size_t size);

#endif
