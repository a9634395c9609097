/* image.h - pictures in memory, and as PNG files. */
#ifndef EXAMPLES_IMAGE_H
#define EXAMPLES_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows from the top, without gaps: grey with one channel, or red, green, blue. 0 is black, 255
 * white or full. */
typedef struct image {
    int width, height, channels;
    uint8_t *pixels;
} image;

/* An image of one grey. False if memory is short. To be freed by image_free. */
bool image_make(image *picture, int width, int height, int channels, uint8_t grey);
void image_free(image *picture);

size_t image_bytes(const image *picture);

/* Draws `side` x `side` values of ink (255 is black) at x, y, each as zoom x zoom pixels. */
void image_put_ink(image *picture, int x, int y, const uint8_t *ink, int side, int zoom);

/* Draws another picture with as many channels at x, y, each pixel as zoom x zoom. */
void image_put(image *picture, int x, int y, const image *other, int zoom);

/* The part of `from` that begins at x, y; what lies outside of it repeats the nearest pixel. False
 * if memory is short. */
bool image_crop(const image *from, int x, int y, int width, int height, image *to);

/* Another size, with antialiasing: each pixel is the average of those around its place, weighted by
 * a triangle that reaches as far as the distance of two pixels of the coarser of the two grids.
 * Enlarging this is bilinear interpolation. The resize of PIL and torchvision (BILINEAR). False if
 * memory is short. */
bool image_resize(const image *from, int width, int height, image *to);

/* The square in the middle at another size. False if memory is short. */
bool image_square(const image *from, int side, image *to);

/* The nearest of 0 .. size - 1. */
int image_clamp(int i, int size);

/* Writes DIR/NAME, whole or not at all. False with errno. */
bool image_write_png(const image *picture, const char *dir, const char *name);

#endif
