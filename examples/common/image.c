/* image.c - pastes, crops and scales pictures, and writes them as PNG files. */
#include "common/image.h"

#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/report.h"

size_t image_bytes(const image *picture)
{
    return (size_t)picture->width * (size_t)picture->height * (size_t)picture->channels;
}

bool image_make(image *picture, int width, int height, int channels, uint8_t grey)
{
    *picture = (image){.width = width, .height = height, .channels = channels};
    picture->pixels = malloc(image_bytes(picture));
    if (picture->pixels)
        memset(picture->pixels, grey, image_bytes(picture));
    return picture->pixels != NULL;
}

void image_free(image *picture)
{
    free(picture->pixels);
    picture->pixels = NULL;
}

static uint8_t *pixel_at(const image *picture, int x, int y)
{
    size_t number = (size_t)y * (size_t)picture->width + (size_t)x;
    return picture->pixels + number * (size_t)picture->channels;
}

void image_put_ink(image *picture, int x, int y, const uint8_t *ink, int side, int zoom)
{
    for (int row = 0; row < side * zoom; row++)
        for (int column = 0; column < side * zoom; column++)
            *pixel_at(picture, x + column, y + row) =
                (uint8_t)(255 - ink[row / zoom * side + column / zoom]);
}

void image_put(image *picture, int x, int y, const image *other, int zoom)
{
    for (int row = 0; row < other->height * zoom; row++)
        for (int column = 0; column < other->width * zoom; column++)
            memcpy(pixel_at(picture, x + column, y + row),
                   pixel_at(other, column / zoom, row / zoom), (size_t)other->channels);
}

int image_clamp(int i, int size)
{
    return i < 0 ? 0 : i < size ? i : size - 1;
}

bool image_crop(const image *from, int x, int y, int width, int height, image *to)
{
    if (!image_make(to, width, height, from->channels, 0))
        return false;
    for (int row = 0; row < height; row++)
        for (int column = 0; column < width; column++)
            memcpy(pixel_at(to, column, row),
                   pixel_at(from, image_clamp(x + column, from->width),
                            image_clamp(y + row, from->height)),
                   (size_t)from->channels);
    return true;
}

/* ---- resizing -------------------------------------------------------------------------------- */

/* The inputs first .. first + count - 1 that make up one output, and how much of each. */
typedef struct window {
    int first, count;
    double *weight;
} window;

/* With s = in / out, the centre of output i lies at c = (i + 1/2) s, and input j, whose centre is
 * j + 1/2, counts max(0, 1 - |j + 1/2 - c| / max(s, 1)), divided by the sum of all these. */
static void set_window(window *w, int i, int in, int out)
{
    double scale = (double)in / out, reach = fmax(scale, 1), centre = (i + 0.5) * scale, sum = 0;
    w->first = image_clamp((int)floor(centre - reach + 0.5), in);
    int end = image_clamp((int)floor(centre + reach + 0.5) - 1, in) + 1;
    w->count = end - w->first;
    for (int j = 0; j < w->count; j++) {
        w->weight[j] = fmax(0, 1 - fabs(w->first + j + 0.5 - centre) / reach);
        sum += w->weight[j];
    }
    for (int j = 0; j < w->count; j++)
        w->weight[j] /= sum;
}

/* The windows of all outputs; their weights lie behind them. NULL if memory is short. */
static window *make_windows(int in, int out)
{
    size_t most = (size_t)(2 * fmax((double)in / out, 1)) + 3, count = (size_t)out;
    window *windows = calloc(count, sizeof(window) + most * sizeof(double));
    for (int i = 0; windows && i < out; i++) {
        windows[i].weight = (double *)(windows + count) + (size_t)i * most;
        set_window(&windows[i], i, in, out);
    }
    return windows;
}

/* Each of `rows` rows of bytes becomes `out` pixels of floats. */
static void resize_rows(const image *from, const window *windows, int out, float *to)
{
    int channels = from->channels;
    for (int y = 0; y < from->height; y++) {
        for (int i = 0; i < out; i++) {
            const uint8_t *in = pixel_at(from, windows[i].first, y);
            for (int c = 0; c < channels; c++) {
                double sum = 0;
                for (int j = 0; j < windows[i].count; j++)
                    sum += windows[i].weight[j] * in[j * channels + c];
                *to++ = (float)sum;
            }
        }
    }
}

static void resize_columns(const float *from, const window *windows, image *to)
{
    size_t length = (size_t)to->width * (size_t)to->channels;
    for (int i = 0; i < to->height; i++) {
        const float *in = from + (size_t)windows[i].first * length;
        for (size_t k = 0; k < length; k++) {
            double sum = 0;
            for (int j = 0; j < windows[i].count; j++)
                sum += windows[i].weight[j] * in[(size_t)j * length + k];
            to->pixels[(size_t)i * length + k] = (uint8_t)(sum + 0.5);
        }
    }
}

bool image_resize(const image *from, int width, int height, image *to)
{
    window *across = make_windows(from->width, width), *down = make_windows(from->height, height);
    size_t size = (size_t)width * (size_t)from->height * (size_t)from->channels;
    float *narrow = malloc(size * sizeof(*narrow));
    bool made = across && down && narrow && image_make(to, width, height, from->channels, 0);
    if (made) {
        resize_rows(from, across, width, narrow);
        resize_columns(narrow, down, to);
    }
    free(across);
    free(down);
    free(narrow);
    return made;
}

bool image_square(const image *from, int side, image *to)
{
    int size = from->width < from->height ? from->width : from->height;
    image middle;
    if (!image_crop(from, (from->width - size) / 2, (from->height - size) / 2, size, size, &middle))
        return false;
    bool made = image_resize(&middle, side, side, to);
    image_free(&middle);
    return made;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* A full disk shows when the report is closed; whatever else libpng reports is a lack of memory. */
bool image_write_png(const image *picture, const char *dir, const char *name)
{
    report r;
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)picture->width,
                     .height = (png_uint_32)picture->height,
                     .format = picture->channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
    if (!report_open(&r, dir, name))
        return false;
    if (png_image_write_to_stdio(&png, r.file, 0, picture->pixels,
                                 picture->width * picture->channels, NULL))
        return report_close(&r);
    int reason = ferror(r.file) ? errno : ENOMEM;
    fclose(r.file);
    unlink(r.temporary.s);
    errno = reason;
    return false;
}
