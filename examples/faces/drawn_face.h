/* drawn_face.h - faces drawn by formulas, for whoever has no photographs. */
#ifndef EXAMPLES_FACES_DRAWN_FACE_H
#define EXAMPLES_FACES_DRAWN_FACE_H

#include "common/image.h"

enum { FACE_TRAITS = 24, FACE_MOODS = 24 };

/* Who it is: lengths in units of half the width of the picture. */
typedef struct face_traits {
    double skin[3], hair[3], iris[3];     /* colours, 0 .. 1 */
    double width, height, jaw;            /* of the head; how angular it is, 0 .. 1 */
    double hairline, hair_length, volume; /* where the hair begins, how far it falls, how thick */
    double eye_distance, eye_size, brow;  /* thickness of the brows */
    double nose_length, nose_width;
    double mouth_width, lips, beard; /* thickness of the lips; 0: shaved, 1: a full beard */
    double glasses;                  /* more than 1/2: wears some */
} face_traits;

/* How it looks in one picture; numbers about 0 with deviation 1, but for the colours. */
typedef struct face_mood {
    double right, down, size, roll, yaw;   /* pose */
    double light_x, light_y, bright, warm; /* light */
    double smile, open, brows, eyes;       /* expression */
    double back[3], cloth[3], fall;        /* background, clothes, gradient */
    double grain, tan;                     /* noise; skin */
    double shade, cut;                     /* of the hair: how dark, how long */
} face_mood;

/* Makes a person of numbers that are uniform on [0, 1); the first six persons are fixed. */
face_traits face_traits_of(int person, const float uniform[FACE_TRAITS]);

/* Makes a mood of numbers from the standard normal distribution. */
face_mood face_mood_of(const float normal[FACE_MOODS]);

/* Draws the face into a picture of red, green and blue. `noise` seeds its grain. */
void face_draw(const face_traits *who, const face_mood *mood, uint64_t noise, image *picture);

#endif
