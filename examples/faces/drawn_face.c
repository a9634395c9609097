/* drawn_face.c - draws a face from the numbers that describe it. */
#include "faces/drawn_face.h"

#include <math.h>
#include <string.h>

enum { SAMPLES = 3 }; /* across and down a pixel */

/* Colours are alike on purpose: no single pixel tells who it is. */
static const face_traits FIRST[] = {
    {{0.86, 0.66, 0.54},
     {0.24, 0.17, 0.12},
     {0.30, 0.40, 0.50},
     0.60,
     0.80,
     0.8,
     0.62,
     0.0,
     0.08,
     0.25,
     0.085,
     0.045,
     0.24,
     0.10,
     0.22,
     0.040,
     0.0,
     0},
    {{0.88, 0.69, 0.58},
     {0.36, 0.22, 0.13},
     {0.32, 0.24, 0.14},
     0.54,
     0.80,
     0.2,
     0.56,
     0.9,
     0.16,
     0.23,
     0.100,
     0.026,
     0.19,
     0.08,
     0.19,
     0.062,
     0.0,
     0},
    {{0.83, 0.63, 0.51},
     {0.16, 0.12, 0.10},
     {0.22, 0.16, 0.10},
     0.56,
     0.86,
     0.6,
     0.66,
     0.0,
     0.12,
     0.21,
     0.075,
     0.052,
     0.29,
     0.13,
     0.25,
     0.034,
     0.0,
     0},
    {{0.89, 0.71, 0.60},
     {0.52, 0.37, 0.21},
     {0.28, 0.42, 0.34},
     0.56,
     0.76,
     0.3,
     0.52,
     0.7,
     0.14,
     0.25,
     0.095,
     0.024,
     0.18,
     0.09,
     0.24,
     0.055,
     0.0,
     0},
    {{0.87, 0.67, 0.55},
     {0.22, 0.15, 0.11},
     {0.25, 0.33, 0.42},
     0.52,
     0.84,
     0.5,
     0.60,
     0.1,
     0.11,
     0.20,
     0.080,
     0.036,
     0.27,
     0.09,
     0.18,
     0.036,
     0.7,
     0},
    {{0.85, 0.65, 0.53},
     {0.14, 0.10, 0.09},
     {0.20, 0.14, 0.09},
     0.55,
     0.82,
     0.4,
     0.58,
     1.0,
     0.13,
     0.24,
     0.105,
     0.034,
     0.20,
     0.08,
     0.21,
     0.070,
     0.0,
     1},
};

enum { FIRST_PERSONS = sizeof(FIRST) / sizeof(FIRST[0]) };

static double between(float uniform, double low, double high)
{
    return low + uniform * (high - low);
}

static void set_colour(double *colour, double red, double green, double blue)
{
    colour[0] = red;
    colour[1] = green;
    colour[2] = blue;
}

face_traits face_traits_of(int person, const float u[FACE_TRAITS])
{
    if (person < FIRST_PERSONS)
        return FIRST[person];
    double light = between(u[0], 0.55, 0.9), dark = between(u[1], 0.1, 0.6);
    bool long_hair = u[2] < 0.5F;
    face_traits t = {
        .width = between(u[3], 0.5, 0.62),
        .height = between(u[4], 0.74, 0.88),
        .jaw = u[5],
        .hairline = between(u[6], 0.5, 0.68),
        .hair_length = long_hair ? between(u[7], 0.5, 1) : between(u[7], 0, 0.2),
        .volume = between(u[8], 0.06, 0.17),
        .eye_distance = between(u[9], 0.19, 0.26),
        .eye_size = between(u[10], 0.07, 0.11),
        .brow = between(u[11], 0.02, 0.055),
        .nose_length = between(u[12], 0.17, 0.3),
        .nose_width = between(u[13], 0.07, 0.14),
        .mouth_width = between(u[14], 0.17, 0.27),
        .lips = between(u[15], 0.03, 0.07),
        .beard = !long_hair && u[16] < 0.4F ? between(u[17], 0.4, 1) : 0,
        .glasses = u[18] < 0.25F,
    };
    set_colour(t.skin, light, light * between(u[19], 0.72, 0.82),
               light * between(u[20], 0.58, 0.7));
    set_colour(t.hair, dark, dark * between(u[21], 0.65, 0.8), dark * between(u[22], 0.4, 0.6));
    set_colour(t.iris, 0.25, between(u[23], 0.18, 0.4), between(u[23], 0.1, 0.5));
    return t;
}

face_mood face_mood_of(const float n[FACE_MOODS])
{
    face_mood m = {.right = n[0], .down = n[1], .size = n[2], .roll = n[3], .yaw = n[4]};
    m.light_x = n[5];
    m.light_y = n[6];
    m.bright = n[7];
    m.warm = n[8];
    m.smile = n[9];
    m.open = n[10];
    m.brows = n[11];
    m.eyes = n[12];
    m.fall = n[13];
    m.grain = fabs((double)n[14]);
    m.tan = n[15];
    m.shade = n[22];
    m.cut = n[23];
    for (int c = 0; c < 3; c++) {
        m.back[c] = 0.5 + 0.22 * tanhf(n[16 + c]);
        m.cloth[c] = 0.4 + 0.25 * tanhf(n[19 + c]);
    }
    return m;
}

/* ---- the parts of a face ------------------------------------------------------------------------
 * x runs to the right, y up; the middle of the head is at 0, 0. */

static bool in_ellipse(double x, double y, double width, double height)
{
    return (x / width) * (x / width) + (y / height) * (y / height) < 1;
}

/* |x/a|^p + |y/b|^p < 1 below the middle is the more angular, the larger p is. */
static bool in_head(const face_traits *t, double x, double y)
{
    double p = y < 0 ? 2 + 0.8 * t->jaw : 2;
    return pow(fabs(x) / t->width, p) + pow(fabs(y) / t->height, p) < 1;
}

static void paint(double *colour, const double *with, double part)
{
    for (int c = 0; c < 3; c++)
        colour[c] += part * (with[c] - colour[c]);
}

/* Hair behind the head, falling to hair_length below its middle. */
static bool in_back_hair(const face_traits *t, double x, double y)
{
    double width = t->width + t->volume, height = t->height + t->volume;
    if (y > 0 || t->hair_length < 0.3)
        return in_ellipse(x, y, width, height) && y > -0.1;
    return fabs(x) < width * (1 + 0.1 * y) && y > -t->hair_length;
}

/* Hair in front: above a line that falls to the sides. */
static bool in_front_hair(const face_traits *t, double x, double y)
{
    return y > t->hairline * t->height - 1.1 * (x / t->width) * (x / t->width) * t->volume * 3 &&
           in_ellipse(x, y, t->width + t->volume, t->height + t->volume);
}

static void paint_eye(const face_traits *t, const face_mood *m, double x, double y, double *colour)
{
    static const double white[] = {0.93, 0.92, 0.9}, black[] = {0.06, 0.05, 0.05};
    double height = t->eye_size * (0.55 + 0.12 * tanh(m->eyes)), gaze = 0.02 * m->yaw;
    if (in_ellipse(x, y, t->eye_size * 1.15, height * 1.25))
        paint(colour, t->hair, 0.45);
    if (in_ellipse(x, y, t->eye_size, height)) {
        paint(colour, white, 1);
        if (in_ellipse(x - gaze, y, t->eye_size * 0.5, t->eye_size * 0.5))
            paint(colour, t->iris, 1);
        if (in_ellipse(x - gaze, y, t->eye_size * 0.22, t->eye_size * 0.22))
            paint(colour, black, 1);
    }
    double brow = y - 1.5 * t->eye_size - 0.02 * m->brows + 0.3 * x * x / t->eye_size;
    if (fabs(brow) < t->brow && fabs(x) < t->eye_size * 1.45)
        paint(colour, t->hair, 0.85);
    if (t->glasses > 0.5 && in_ellipse(x, y, t->eye_size * 1.7, t->eye_size * 1.5) &&
        !in_ellipse(x, y, t->eye_size * 1.5, t->eye_size * 1.3))
        paint(colour, black, 0.9);
}

/* A ridge that is light on one side, and the shadow of its tip. */
static void paint_nose(const face_traits *t, const face_mood *m, double x, double y, double *colour)
{
    static const double dark[] = {0.3, 0.18, 0.14}, light[] = {1, 0.92, 0.85};
    double along = (0.1 - y) / t->nose_length;
    if (along < 0 || along > 1.2)
        return;
    double width = t->nose_width * (0.35 + 0.65 * along * along);
    if (along < 1 && fabs(x) < width)
        paint(colour, m->light_x * x > 0 ? light : dark, 0.22 * fabs(x) / width);
    if (in_ellipse(x, y - 0.1 + t->nose_length, t->nose_width, 0.03))
        paint(colour, dark, 0.4);
}

/* y(x) bends up at the ends of a smile. */
static void paint_mouth(const face_traits *t, const face_mood *m, double x, double y,
                        double *colour)
{
    static const double lips[] = {0.66, 0.3, 0.29}, teeth[] = {0.92, 0.9, 0.86};
    double smile = 0.25 + 0.35 * tanh(m->smile), width = t->mouth_width * (1 + 0.12 * smile);
    double bend = y - smile * x * x / width * 0.9, open = fmax(0, 0.03 * m->open);
    double edge = 1 - (x / width) * (x / width);
    if (edge <= 0)
        return;
    if (fabs(bend) < (t->lips + open) * sqrt(edge))
        paint(colour, lips, 0.8);
    if (fabs(bend) < open * sqrt(edge))
        paint(colour, teeth, 1);
}

static void paint_features(const face_traits *t, const face_mood *m, double x, double y,
                           double *colour)
{
    double mouth = 0.1 - t->nose_length - 0.17;
    if (t->beard > 0 && y < mouth + 0.12 - 0.1 * fabs(x))
        paint(colour, t->hair, 0.75 * t->beard);
    paint_eye(t, m, fabs(x) - t->eye_distance, y - 0.14, colour);
    paint_nose(t, m, x, y, colour);
    paint_mouth(t, m, x, y - mouth, colour);
}

/* The colour at a place of the picture, both -1 .. 1. */
static void colour_at(const face_traits *t, const face_mood *m, double px, double py,
                      double *colour)
{
    double angle = 0.15 * m->roll, scale = 1.05 * (1 + 0.12 * tanh(m->size));
    double sx = (px - 0.11 * m->right) / scale, sy = (py + 0.11 * m->down) / scale - 0.02;
    double x = sx * cos(angle) + sy * sin(angle), y = sy * cos(angle) - sx * sin(angle);
    double skin[3], turned = x - 0.11 * tanh(m->yaw) * (1 - x * x);
    bool head = in_head(t, x, y), front = in_front_hair(t, x, y);
    memcpy(skin, t->skin, sizeof(skin));
    for (int c = 0; c < 3; c++)
        skin[c] *= 1 + 0.06 * tanh(m->tan);
    for (int c = 0; c < 3; c++)
        colour[c] = m->back[c] * (1 + 0.2 * tanh(m->fall) * py);
    if (in_back_hair(t, x, y))
        paint(colour, t->hair, 1);
    if (!head && fabs(x) < 0.3 && y < -0.4)
        paint(colour, skin, 0.9);
    if (in_ellipse(x, y + 1.35, 1.2, 0.5))
        paint(colour, m->cloth, 1);
    if (in_ellipse(fabs(x) - t->width, y - 0.03, 0.07, 0.14) && t->hair_length < 0.3)
        paint(colour, skin, 1);
    if (head) {
        paint(colour, skin, 1);
        paint_features(t, m, turned, y, colour);
    }
    if (front)
        paint(colour, t->hair, 1);
    double side = 0.45 * tanh(m->light_x) * x / t->width + 0.3 * tanh(m->light_y) * y;
    double round = head && !front ? 0.12 * (x * x + 0.5 * y * y) : 0;
    double light = 1 + 0.3 * tanh(m->bright) + side - round, warm = 0.1 * tanh(m->warm);
    for (int c = 0; c < 3; c++)
        colour[c] *= light * (1 + warm * (1 - c));
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* Numbers in [-1, 1) from a counter (splitmix64). */
static double grain_of(uint64_t counter)
{
    uint64_t z = counter * 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (double)(z >> 11) / (double)((uint64_t)1 << 52) - 1;
}

static void average_colour(const face_traits *who, const face_mood *mood, const image *picture,
                           int column, int row, double *sum)
{
    double sample[3];
    for (int c = 0; c < 3; c++)
        sum[c] = 0;
    for (int k = 0; k < SAMPLES * SAMPLES; k++) {
        double x = (column + (k % SAMPLES + 0.5) / SAMPLES) / picture->width;
        double y = (row + ((double)(k / SAMPLES) + 0.5) / SAMPLES) / picture->height;
        colour_at(who, mood, 2 * x - 1, 1 - 2 * y, sample);
        for (int c = 0; c < 3; c++)
            sum[c] += sample[c] / (SAMPLES * SAMPLES);
    }
}

void face_draw(const face_traits *who, const face_mood *mood, uint64_t noise, image *picture)
{
    double colour[3];
    face_traits today = *who;
    for (int c = 0; c < 3; c++)
        today.hair[c] *= 1 + 0.4 * tanh(mood->shade);
    today.hair_length += 0.2 * mood->cut * who->hair_length;
    uint64_t counter = noise << 24;
    for (int pixel = 0; pixel < picture->width * picture->height; pixel++) {
        average_colour(&today, mood, picture, pixel % picture->width, pixel / picture->width,
                       colour);
        for (int c = 0; c < 3; c++) {
            double value = colour[c] + 0.08 * (0.5 + mood->grain) * grain_of(++counter);
            picture->pixels[3 * pixel + c] = (uint8_t)lround(255 * fmin(fmax(value, 0), 1));
        }
    }
}
