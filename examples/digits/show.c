/* digits show: ten different examples of each digit on one sheet. */
#include "digits/digits.h"

#include <errno.h>
#include <string.h>

#include "common/image.h"
#include "digits/setup.h"

enum { EXAMPLES = 10, ZOOM = 3, BORDER = 2 };
enum { CELL = MNIST_SIDE * ZOOM + BORDER, SHEET = EXAMPLES * CELL + BORDER };
enum { BORDER_GREY = 200 };

static const cli_program PROGRAM = {
    .name = "digits show",
    .summary = "Ten examples of each digit, drawn at random from the training images, no two of "
               "them alike, on one sheet with a row for each digit. Writes digits.png, "
               "examples.csv and metrics.json.",
};

/* The numbers of the images in each row of the sheet. */
typedef struct sheet {
    int64_t chosen[MNIST_CLASSES][EXAMPLES];
    int count[MNIST_CLASSES];
} sheet;

static const uint8_t *ink_of(const setup *s, int64_t number)
{
    return (const uint8_t *)tn_data(s->images) + number * DIGIT_PIXELS;
}

/* Adds the image to the row of its digit, unless that is full or has such an image. */
static void offer(const setup *s, sheet *h, int64_t number)
{
    int digit = ((const uint8_t *)tn_data(s->labels))[number];
    if (h->count[digit] == EXAMPLES)
        return;
    for (int i = 0; i < h->count[digit]; i++)
        if (memcmp(ink_of(s, h->chosen[digit][i]), ink_of(s, number), DIGIT_PIXELS) == 0)
            return;
    h->chosen[digit][h->count[digit]++] = number;
}

static bool choose(const setup *s, sheet *h)
{
    tn_tensor *order = tn_randperm(s->ctx, s->count);
    if (!order)
        return setup_library_failed(s);
    for (int64_t i = 0; i < s->count; i++)
        offer(s, h, tn_data_i64(order)[i]);
    for (int digit = 0; digit < MNIST_CLASSES; digit++) {
        if (h->count[digit] < EXAMPLES) {
            cli_error(s->program, "%lld training images of %s hold %d different %ds, not %d",
                      (long long)s->count, s->data, h->count[digit], digit, EXAMPLES);
            return false;
        }
    }
    return true;
}

static bool write_sheet(const setup *s, const sheet *h)
{
    image picture;
    if (!image_make(&picture, SHEET, SHEET, 1, BORDER_GREY)) {
        errno = ENOMEM;
        return setup_unwritten(s, "digits.png");
    }
    for (int digit = 0; digit < MNIST_CLASSES; digit++)
        for (int i = 0; i < EXAMPLES; i++)
            image_put_ink(&picture, BORDER + i * CELL, BORDER + digit * CELL,
                          ink_of(s, h->chosen[digit][i]), MNIST_SIDE, ZOOM);
    bool written = image_write_png(&picture, s->out, "digits.png");
    image_free(&picture);
    return written || setup_unwritten(s, "digits.png");
}

static bool write_examples(const setup *s, const sheet *h)
{
    report r;
    if (!report_open(&r, s->out, "examples.csv"))
        return setup_unwritten(s, "examples.csv");
    fputs("digit,column,image\n", r.file);
    for (int digit = 0; digit < MNIST_CLASSES; digit++)
        for (int i = 0; i < EXAMPLES; i++)
            csv_row(&r, (double[]){digit, i, (double)h->chosen[digit][i]}, 3);
    return report_close(&r) || setup_unwritten(s, "examples.csv");
}

static bool write_metrics(const setup *s)
{
    report r;
    if (!report_open(&r, s->out, "metrics.json"))
        return setup_unwritten(s, "metrics.json");
    json_begin(&r);
    json_integer(&r, "examples", MNIST_CLASSES * EXAMPLES);
    json_integer(&r, "width", SHEET);
    json_integer(&r, "height", SHEET);
    setup_put(&r, s);
    json_end(&r);
    return report_close(&r) || setup_unwritten(s, "metrics.json");
}

static int show(setup *s, void *payload)
{
    sheet *h = payload;
    if (!choose(s, h) || !setup_make_out(s))
        return CLI_EXIT_USAGE;
    if (!write_sheet(s, h) || !write_examples(s, h) || !write_metrics(s))
        return CLI_EXIT_FAILURE;
    if (!s->quiet)
        printf("%d examples of each digit, no two alike, from %lld images of %s\nresults in %s\n",
               EXAMPLES, (long long)s->count, s->data, s->out);
    return 0;
}

int digits_show(int argc, char **argv)
{
    sheet h = {0};
    setup s = {.program = &PROGRAM, .out = "out/digits/show", .seed = 1};
    const cli_option options[] = {{.name = NULL}};
    return setup_run(&s, options, argc, argv, show, &h);
}
