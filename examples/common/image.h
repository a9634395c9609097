/* image.h - grey pictures as PNG files. */
#ifndef EXAMPLES_IMAGE_H
#define EXAMPLES_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

/* Rows from the top, without gaps; 0 is black, 255 white. */
typedef struct grey_image {
    int width, height;
    uint8_t *pixels;
} grey_image;

/* An image of one grey. False if memory is short. To be freed by image_free. */
bool image_make(grey_image *picture, int width, int height, uint8_t grey);
void image_free(grey_image *picture);

/* Draws `side` x `side` values of ink (255 is black) at x, y, each as zoom x zoom pixels. */
void image_put_ink(grey_image *picture, int x, int y, const uint8_t *ink, int side, int zoom);

/* Writes DIR/NAME, whole or not at all. False with errno. */
bool image_write_png(const grey_image *picture, const char *dir, const char *name);

#endif
