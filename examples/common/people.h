/* people.h - photographs of people, from a folder. */
#ifndef EXAMPLES_PEOPLE_H
#define EXAMPLES_PEOPLE_H

#include "common/cli.h"
#include "common/photo.h"
#include "common/sha256.h"

enum { LOOK_SIDE = 16, LOOK_BITS = LOOK_SIDE * LOOK_SIDE, LOOK_WORDS = LOOK_BITS / 64 };

typedef struct person_photo {
    char *file; /* below the folder: "carell/7.jpg", "carell7.jpg" */
    int person;
    sha256 hash;               /* of the file */
    uint64_t look[LOOK_WORDS]; /* what it looks like: see look_distance */
    int64_t group;             /* near-duplicates have the same: the number of one of them */
} person_photo;

/* A file that is named like a photograph, but could not be used. */
typedef struct lost_photo {
    char *file;
    photo_error why;
} lost_photo;

typedef struct people {
    const char *dir;
    int persons;
    char **names; /* of the persons, in order of the alphabet */
    int64_t count;
    person_photo *photos; /* in order of their files' names */
    int64_t losses;
    lost_photo *lost;
    int side;
    uint8_t *pixels; /* [count, 3, side, side], or NULL */
    bool generated;  /* drawn by `faces generate`: all names begin with "generated-" */
} people;

typedef struct people_opts {
    int side;     /* keep the pixels of all photographs at this size; 0: none */
    int64_t near; /* bits by which near-duplicates may differ; negative: look for none */
    int threads;  /* that decode; 0: as many as there are cores */
    bool quiet;
} people_opts;

/* Reads the photographs of DIR/NAME/ANY.jpg, or else of DIR/NAME12.jpg (or .jpeg, .png): decodes
 * and hashes each, and finds those that are nearly the same. What cannot be read, or has a name
 * that is no plain text (text.h), is put among those lost, and reported on standard error. False
 * with a line there if there is no folder, not one photograph in it, or a NAME that is no plain
 * text. To be freed by people_free, in any case. */
bool people_load(const cli_program *program, const char *dir, people_opts opts, people *p);
void people_free(people *p);

/* The pixels of photograph i: [3, side, side]. */
const uint8_t *people_pixels(const people *p, int64_t i);

const char *people_kind(const people *p); /* "photographs", or "generated faces" */
int people_name_width(const people *p);   /* of the longest name */
int64_t people_groups(const people *p);   /* of near-duplicates: more than one photograph */

/* The square in the middle of a photograph at another size, as planes of red, green and blue. False
 * if memory is short. */
bool people_square(const image *from, int side, uint8_t *planes);

/* The difference hash: bit (y, x) says whether column x + 1 is brighter than column x in row y of
 * the picture at 17 x 16 pixels of grey. It hardly changes with brightness, contrast, size and
 * compression. The distance is Hamming's, 0 .. 256. */
bool look_of(const image *picture, uint64_t *look);
int look_distance(const uint64_t *a, const uint64_t *b);

#endif
