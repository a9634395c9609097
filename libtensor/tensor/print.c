/* print.c - tensors as text, as numpy.array2string(separator=', ') writes them.
 *
 * Two walks over the elements that are shown find how wide a number is, a third one writes them.
 * Nothing is allocated. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/integers.h"
#include "base/memory.h"
#include "tensor/decimal.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

enum {
    LINE_WIDTH = 75,
    THRESHOLD = 1000, /* more elements than this are summarised, */
    EDGE = 3,         /* to so many at each end of a dimension */
    PRECISION = 8,
    WORD_SIZE = 48
};

typedef struct printer {
    const tn_tensor *t;
    char *text;
    size_t size;
    int64_t length;
    int column;
    int prefix; /* columns before the first bracket */
    int line_width;
    bool summary;

    int width; /* of every element */
    bool scientific;
    int left, right;   /* characters before and after the point */
    int fraction;      /* digits after the point when scientific */
    int exponent_size; /* digits of the exponent */

    double smallest, largest; /* |x| over finite x != 0 */
    bool finite, infinite, nan, minus_infinite;
} printer;

/* ---- how wide a number is -------------------------------------------------------------------- */

typedef void (*visitor)(printer *p, const void *element);

/* The index shown after i of n, n if that was the last one. */
static int64_t following(const printer *p, int64_t i, int64_t n)
{
    return p->summary && n - EDGE > EDGE && i == EDGE - 1 ? n - EDGE : i + 1;
}

static const char *element_of(const printer *p, const char *at, int dim, int64_t i)
{
    return at + i * p->t->strides[dim] * (int64_t)tn_dtype_size(p->t->dtype);
}

static void visit(printer *p, int dim, const char *at, visitor see)
{
    if (dim == p->t->ndim) {
        see(p, at);
        return;
    }
    int64_t n = p->t->shape[dim];
    for (int64_t i = 0; i < n; i = following(p, i, n))
        visit(p, dim + 1, element_of(p, at, dim, i), see);
}

static void see_integer(printer *p, const void *element)
{
    int length = snprintf(NULL, 0, "%" PRId64, tn__load_i64(p->t->dtype, element));
    p->width = tn__max_int(p->width, length);
}

static void see_range(printer *p, const void *element)
{
    double x = tn__load_f64(p->t->dtype, element);
    p->nan |= isnan(x) != 0;
    p->infinite |= isinf(x) != 0;
    p->minus_infinite |= isinf(x) && x < 0;
    if (!isfinite(x))
        return;
    p->finite = true;
    if (x != 0) {
        p->smallest = fmin(p->smallest, fabs(x));
        p->largest = fmax(p->largest, fabs(x));
    }
}

static void see_positional(printer *p, const void *element)
{
    double x = tn__load_f64(p->t->dtype, element);
    if (!isfinite(x))
        return;
    tn__decimal d = tn__shortest_positional(p->t->dtype, x, PRECISION);
    p->left = tn__max_int(p->left, d.negative + tn__max_int(d.exponent, 0) + 1);
    p->right = tn__max_int(p->right, d.count - 1 - d.exponent);
}

static void see_scientific(printer *p, const void *element)
{
    double x = tn__load_f64(p->t->dtype, element);
    if (!isfinite(x))
        return;
    tn__decimal d = tn__shortest(p->t->dtype, x, 1 + PRECISION);
    p->left = tn__max_int(p->left, d.negative + 1);
    p->fraction = tn__max_int(p->fraction, d.count - 1);
    p->exponent_size = tn__max_int(p->exponent_size, abs(d.exponent) >= 100 ? 3 : 2);
}

/* Exponents are for numbers that are large or small, or too far from each other. */
static bool wants_exponents(const printer *p)
{
    if (p->largest == 0)
        return false;
    double ratio = p->largest / p->smallest;
    if (p->t->dtype == TN_F32)
        ratio = (float)ratio;
    return p->largest >= 1e8 || p->smallest < 1e-4 || ratio > 1000;
}

static void lay_out_reals(printer *p, const char *data)
{
    p->smallest = INFINITY;
    visit(p, 0, data, see_range);
    p->scientific = wants_exponents(p);
    visit(p, 0, data, p->scientific ? see_scientific : see_positional);
    if (p->scientific)
        p->right = p->fraction + 2 + p->exponent_size;
    if (p->nan || p->infinite)
        p->left = tn__max_int(p->left, 3 + p->minus_infinite - (p->right + 1));
    p->width = p->left + 1 + p->right;
}

static void lay_out(printer *p, const char *data)
{
    if (tn__is_float(p->t->dtype))
        lay_out_reals(p, data);
    else if (p->t->dtype == TN_BOOL)
        p->width = p->t->ndim > 0 ? (int)strlen("False") : 0;
    else
        visit(p, 0, data, see_integer);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_char(printer *p, char c)
{
    if (p->length + 1 < (int64_t)p->size)
        p->text[p->length] = c;
    p->length++;
    p->column = c == '\n' ? 0 : p->column + 1;
}

static void put(printer *p, const char *text)
{
    while (*text)
        put_char(p, *text++);
}

static void put_times(printer *p, int64_t times, char c)
{
    for (int64_t i = 0; i < times; i++)
        put_char(p, c);
}

static void put_padded(printer *p, const char *text)
{
    put_times(p, p->width - (int)strlen(text), ' ');
    put(p, text);
}

static void put_scientific(printer *p, double x)
{
    tn__decimal d = tn__shortest(p->t->dtype, x, 1 + p->fraction);
    if (d.count <= p->fraction)
        d = tn__rounded(x, 1 + p->fraction);
    char exponent[16];
    snprintf(exponent, sizeof(exponent), "e%+0*d", 1 + p->exponent_size, d.exponent);
    put_times(p, p->left - 1 - d.negative, ' ');
    put(p, d.negative ? "-" : "");
    put_char(p, d.digits[0]);
    put_char(p, '.');
    for (int i = 1; i <= p->fraction; i++)
        put_char(p, tn__digit_at(&d, d.exponent - i));
    put(p, exponent);
}

static void put_positional(printer *p, double x)
{
    tn__decimal d = tn__shortest_positional(p->t->dtype, x, PRECISION);
    int top = tn__max_int(d.exponent, 0), fraction = tn__max_int(d.count - 1 - d.exponent, 0);
    put_times(p, p->left - top - 1 - d.negative, ' ');
    put(p, d.negative ? "-" : "");
    for (int power = top; power >= 0; power--)
        put_char(p, tn__digit_at(&d, power));
    put_char(p, '.');
    for (int power = -1; power >= -fraction; power--)
        put_char(p, tn__digit_at(&d, power));
    put_times(p, p->right - fraction, ' ');
}

static void put_real(printer *p, double x)
{
    if (isnan(x))
        put_padded(p, "nan");
    else if (isinf(x))
        put_padded(p, x < 0 ? "-inf" : "inf");
    else if (p->scientific)
        put_scientific(p, x);
    else
        put_positional(p, x);
}

static void put_element(printer *p, const void *element)
{
    char text[WORD_SIZE];
    if (tn__is_float(p->t->dtype)) {
        put_real(p, tn__load_f64(p->t->dtype, element));
    } else if (p->t->dtype == TN_BOOL) {
        put_padded(p, tn__load_i64(TN_BOOL, element) ? "True" : "False");
    } else {
        snprintf(text, sizeof(text), "%" PRId64, tn__load_i64(p->t->dtype, element));
        put_padded(p, text);
    }
}

/* Writes what separates two items of `dim`. The second item takes `length` columns. */
static void put_separator(printer *p, int dim, int length)
{
    int inner = p->t->ndim - 1 - dim; /* dimensions inside this one */
    put_char(p, ',');
    if (inner == 0 && p->column + 1 + length <= p->line_width - p->t->ndim) {
        put_char(p, ' ');
        return;
    }
    put_times(p, tn__max_int(inner, 1), '\n');
    put_times(p, p->prefix + dim + 1, ' ');
}

static void put_items(printer *p, int dim, const char *at)
{
    if (dim == p->t->ndim) {
        put_element(p, at);
        return;
    }
    int64_t n = p->t->shape[dim];
    put_char(p, '[');
    for (int64_t i = 0, next; i < n; i = next) {
        put_items(p, dim + 1, element_of(p, at, dim, i));
        next = following(p, i, n);
        if (next > i + 1) {
            put_separator(p, dim, 3);
            put(p, "...");
        }
        if (next < n)
            put_separator(p, dim, p->width);
    }
    put_char(p, ']');
}

static void put_tensor(printer *p)
{
    int64_t numel = tn_numel(p->t);
    p->summary = numel > THRESHOLD;
    if (numel == 0) {
        put(p, "[]");
        return;
    }
    const char *data = tn__ptr(p->t);
    lay_out(p, data);
    put_items(p, 0, data);
}

static void finish(printer *p)
{
    if (p->size > 0)
        p->text[p->length < (int64_t)p->size ? p->length : (int64_t)p->size - 1] = '\0';
}

int64_t tn_format(const tn_tensor *t, char *buffer, size_t size)
{
    printer p = {.t = t, .text = buffer, .size = buffer ? size : 0, .line_width = LINE_WIDTH};
    put_tensor(&p);
    finish(&p);
    return p.length;
}

/* An empty tensor shows its shape, and the data type goes on a line of its own where the last one
 * is full, as numpy.array_repr does. */
static int64_t format_printed(const tn_tensor *t, char *buffer, size_t size)
{
    printer p = {.t = t, .text = buffer, .size = buffer ? size : 0, .line_width = LINE_WIDTH - 1};
    char word[WORD_SIZE];
    put(&p, "tensor(");
    p.prefix = p.column;
    put_tensor(&p);
    if (tn_numel(t) == 0 && t->ndim != 1) {
        put(&p, ", size=(");
        for (int i = 0; i < t->ndim; i++) {
            snprintf(word, sizeof(word), "%s%" PRId64, i > 0 ? ", " : "", t->shape[i]);
            put(&p, word);
        }
        put_char(&p, ')');
    }
    put_char(&p, ',');
    snprintf(word, sizeof(word), "%s)", tn_dtype_name(t->dtype));
    if (p.column + 1 + (int)strlen(word) > LINE_WIDTH) {
        put_char(&p, '\n');
        put_times(&p, p.prefix, ' ');
    } else {
        put_char(&p, ' ');
    }
    put(&p, word);
    put_char(&p, '\n');
    finish(&p);
    return p.length;
}

tn_status tn_print(tn_ctx *ctx, const tn_tensor *t)
{
    if (!tn_check_input(ctx, "print", "tensor", t))
        return tn_error_status(ctx);
    size_t size = (size_t)format_printed(t, NULL, 0) + 1;
    char *text = tn__alloc(ctx, size);
    if (!text)
        return tn_error_status(ctx);
    format_printed(t, text, size);
    bool written = fputs(text, stdout) >= 0;
    tn__free(ctx, text);
    return written ? TN_OK : tn_fail(ctx, TN_ERR_FILE, "print: standard output cannot be written");
}
