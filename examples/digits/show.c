/* digits show: ten different examples of each digit on one sheet. */
#include "digits/digits.h"

#include <errno.h>
#include <string.h>

#include "common/image.h"
#include "digits/sets.h"

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
    digit_images digits;
    int64_t chosen[MNIST_CLASSES][EXAMPLES];
    int count[MNIST_CLASSES];
} sheet;

static const uint8_t *ink_of(const sheet *h, int64_t number)
{
    return (const uint8_t *)tn_data(h->digits.images) + number * DIGIT_PIXELS;
}

/* Adds the image to the row of its digit, unless that is full or has such an image. */
static void offer(sheet *h, int64_t number)
{
    int digit = ((const uint8_t *)tn_data(h->digits.labels))[number];
    if (h->count[digit] == EXAMPLES)
        return;
    for (int i = 0; i < h->count[digit]; i++)
        if (memcmp(ink_of(h, h->chosen[digit][i]), ink_of(h, number), DIGIT_PIXELS) == 0)
            return;
    h->chosen[digit][h->count[digit]++] = number;
}

static bool choose(const run *s, sheet *h)
{
    tn_tensor *order = tn_randperm(s->ctx, h->digits.count);
    if (!order)
        return run_library_failed(s);
    for (int64_t i = 0; i < h->digits.count; i++)
        offer(h, tn_data_i64(order)[i]);
    for (int digit = 0; digit < MNIST_CLASSES; digit++) {
        if (h->count[digit] < EXAMPLES) {
            cli_error(s->program, "%lld training images of %s hold %d different %ds, not %d",
                      (long long)h->digits.count, h->digits.source.data, h->count[digit], digit,
                      EXAMPLES);
            return false;
        }
    }
    return true;
}

static bool write_sheet(const run *s, const sheet *h)
{
    image picture;
    if (!image_make(&picture, SHEET, SHEET, 1, BORDER_GREY)) {
        errno = ENOMEM;
        return run_unwritten(s, "digits.png");
    }
    for (int digit = 0; digit < MNIST_CLASSES; digit++)
        for (int i = 0; i < EXAMPLES; i++)
            image_put_ink(&picture, BORDER + i * CELL, BORDER + digit * CELL,
                          ink_of(h, h->chosen[digit][i]), MNIST_SIDE, ZOOM);
    bool written = image_write_png(&picture, s->out, "digits.png");
    image_free(&picture);
    return written || run_unwritten(s, "digits.png");
}

static bool write_examples(const run *s, const sheet *h)
{
    report r;
    if (!run_open(s, &r, "examples.csv"))
        return false;
    fputs("digit,column,image\n", r.file);
    for (int digit = 0; digit < MNIST_CLASSES; digit++)
        for (int i = 0; i < EXAMPLES; i++)
            csv_row(&r, (double[]){digit, i, (double)h->chosen[digit][i]}, 3);
    return run_close(s, &r);
}

static bool write_metrics(const run *s, const sheet *h)
{
    report r;
    if (!run_open_metrics(s, &r))
        return false;
    json_integer(&r, "examples", MNIST_CLASSES * EXAMPLES);
    json_integer(&r, "width", SHEET);
    json_integer(&r, "height", SHEET);
    digits_put(&r, s, &h->digits);
    return run_close_metrics(s, &r);
}

static int show(run *s, void *payload)
{
    sheet *h = payload;
    if (!choose(s, h) || !run_make_out(s))
        return CLI_EXIT_USAGE;
    if (!write_sheet(s, h) || !write_examples(s, h) || !write_metrics(s, h))
        return CLI_EXIT_FAILURE;
    if (!s->quiet)
        printf("%d examples of each digit, no two alike, from %lld images of %s\nresults in %s\n",
               EXAMPLES, (long long)h->digits.count, h->digits.source.data, s->out);
    return 0;
}

int digits_show(int argc, char **argv)
{
    sheet h = {0};
    run s = {.program = &PROGRAM, .out = "out/digits/show", .seed = 1};
    const cli_option options[] = {{.name = NULL}};
    return digits_run(&s, &h.digits, options, argc, argv, show, &h);
}
