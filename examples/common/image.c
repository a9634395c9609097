#include "common/image.h"

#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/report.h"

bool image_make(grey_image *picture, int width, int height, uint8_t grey)
{
    size_t size = (size_t)width * (size_t)height;
    *picture = (grey_image){.width = width, .height = height, .pixels = malloc(size)};
    if (picture->pixels)
        memset(picture->pixels, grey, size);
    return picture->pixels != NULL;
}

void image_free(grey_image *picture)
{
    free(picture->pixels);
    picture->pixels = NULL;
}

void image_put_ink(grey_image *picture, int x, int y, const uint8_t *ink, int side, int zoom)
{
    for (int row = 0; row < side * zoom; row++) {
        uint8_t *line = picture->pixels + (size_t)(y + row) * (size_t)picture->width + x;
        for (int column = 0; column < side * zoom; column++)
            line[column] = (uint8_t)(255 - ink[row / zoom * side + column / zoom]);
    }
}

/* A full disk shows when the report is closed; whatever else libpng reports is a lack of memory. */
bool image_write_png(const grey_image *picture, const char *dir, const char *name)
{
    report r;
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)picture->width,
                     .height = (png_uint_32)picture->height,
                     .format = PNG_FORMAT_GRAY};
    if (!report_open(&r, dir, name))
        return false;
    if (png_image_write_to_stdio(&png, r.file, 0, picture->pixels, picture->width, NULL))
        return report_close(&r);
    int reason = ferror(r.file) ? errno : ENOMEM;
    fclose(r.file);
    unlink(r.temporary.s);
    errno = reason;
    return false;
}
