/* history.c - a table of numbers, by rows, and its files. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tn/train.h>
#include "base/index.h"
#include "base/memory.h"
#include "base/object.h"
#include "base/text.h"
#include "base/utf8.h"
#include "dict/dict.h"
#include "dict/entries.h"
#include "io/output.h"
#include "io/sink.h"
#include "tensor/decimal.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

struct tn_history {
    tn__object object;
    tn_ctx *ctx;
    int64_t columns, rows, capacity; /* `capacity` is in numbers */
    char **names;
    double *values;
};

static void free_object(tn__object *object)
{
    tn_history_free((tn_history *)(void *)object);
}

void tn_history_free(tn_history *history)
{
    if (!history)
        return;
    tn_ctx *ctx = history->ctx;
    tn__object_remove(&history->object);
    for (int64_t i = 0; history->names && i < history->columns; i++)
        tn__free(ctx, history->names[i]);
    tn__free(ctx, history->names);
    tn__free(ctx, history->values);
    tn__free(ctx, history);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define MOST_COLUMNS 65536

static bool check_names(tn_ctx *ctx, int64_t count, const char *const *names)
{
    if (tn_ok(ctx) && (count < 1 || count > MOST_COLUMNS || !names))
        tn_fail(ctx, TN_ERR_ARGUMENT, "history: %lld columns, not 1 to %d%s", (long long)count,
                MOST_COLUMNS, names ? "" : ", without names");
    for (int64_t i = 0; tn_ok(ctx) && i < count; i++)
        if (!names[i])
            tn_fail(ctx, TN_ERR_ARGUMENT, "history: name %lld is NULL", (long long)i);
        else if (!tn__is_utf8(names[i]))
            tn_fail(ctx, TN_ERR_ARGUMENT, "history: name %lld is not UTF-8", (long long)i);
    return tn_ok(ctx);
}

static bool add_name(tn_history *h, tn__index *index, int64_t i, const char *name)
{
    uint64_t hash = tn__hash(h->ctx, name);
    if (tn__index_find(index, h->names, sizeof *h->names, name, hash) >= 0)
        tn_fail(h->ctx, TN_ERR_ARGUMENT, "history: two columns are named '%.60s'", name);
    else if ((h->names[i] = tn__strdup(h->ctx, name)))
        tn__index_add(index, hash, i);
    return tn_ok(h->ctx);
}

static bool add_names(tn_history *h, const char *const *names)
{
    tn__index index = {0};
    h->names = tn__alloc_zeroed(h->ctx, (size_t)h->columns * sizeof *h->names);
    bool ok = h->names && tn__index_reserve(h->ctx, &index, h->columns);
    for (int64_t i = 0; ok && i < h->columns; i++)
        ok = add_name(h, &index, i, names[i]);
    tn__index_free(h->ctx, &index);
    return ok;
}

tn_history *tn_history_new(tn_ctx *ctx, int64_t count, const char *const *names)
{
    tn_history *h = check_names(ctx, count, names) ? tn__alloc_zeroed(ctx, sizeof *h) : NULL;
    if (!h)
        return NULL;
    tn__object_add(ctx, &h->object, free_object);
    h->ctx = ctx;
    h->columns = count;
    if (add_names(h, names))
        return h;
    tn_history_free(h);
    return NULL;
}

static bool reserve(tn_history *h, int64_t rows)
{
    int64_t count = rows <= INT64_MAX / h->columns ? rows * h->columns : INT64_MAX;
    return tn__reserve(h->ctx, &h->values, &h->capacity, count, sizeof *h->values);
}

tn_status tn_history_add(tn_history *history, int64_t count, const double *values)
{
    if (!history)
        return TN_ERR_ARGUMENT;
    if (!tn_ok(history->ctx))
        return tn_error_status(history->ctx);
    if (count != history->columns || !values)
        return tn_fail(history->ctx, TN_ERR_ARGUMENT, "history_add: %lld %s for %lld columns",
                       (long long)count, values ? "values" : "values, NULL,",
                       (long long)history->columns);
    if (!reserve(history, history->rows + 1))
        return tn_error_status(history->ctx);
    memcpy(history->values + history->rows * count, values, (size_t)count * sizeof *values);
    history->rows++;
    return TN_OK;
}

int64_t tn_history_rows(const tn_history *history)
{
    return history ? history->rows : 0;
}

double tn_history_at(const tn_history *history, int64_t row, int64_t column)
{
    bool there =
        history && row >= 0 && row < history->rows && column >= 0 && column < history->columns;
    return there ? history->values[row * history->columns + column] : NAN;
}

/* ---- numbers as text ------------------------------------------------------------------------- */

/* Room for the digits, and for zeros on one side of them. */
typedef struct number_text {
    char s[64];
} number_text;

enum { LEAST_EXPONENT = -5, MOST_EXPONENT = 16 };

/* 0.00125, 12.5, 12500: digits in their places, and zeros where there are none. */
static int put_places(char *text, const tn__decimal *d)
{
    int n = 0, last = d->exponent - d->count + 1;
    for (int power = d->exponent < 0 ? 0 : d->exponent; power >= last || power >= 0; power--) {
        if (power == -1)
            text[n++] = '.';
        text[n++] = tn__digit_at(d, power);
    }
    return n;
}

/* 1.25e-7 */
static int put_power(char *text, const tn__decimal *d)
{
    int n = 0;
    text[n++] = d->digits[0];
    if (d->count > 1)
        text[n++] = '.';
    for (int i = 1; i < d->count; i++)
        text[n++] = d->digits[i];
    return n + snprintf(text + n, 8, "e%d", d->exponent);
}

/* The fewest digits that are read back as the same number, with a point in any locale. */
static number_text text_of(double x)
{
    number_text text = {""};
    tn__decimal d = tn__shortest(TN_F64, x, DBL_DECIMAL_DIG);
    int n = 0;
    if (d.negative)
        text.s[n++] = '-';
    n += d.exponent < LEAST_EXPONENT || d.exponent > MOST_EXPONENT ? put_power(text.s + n, &d)
                                                                   : put_places(text.s + n, &d);
    text.s[n] = '\0';
    return text;
}

/* ---- files ----------------------------------------------------------------------------------- */

static void put(tn__output *out, const char *text)
{
    if (tn_ok(out->ctx))
        tn__output_write(out, text, (int64_t)strlen(text));
}

/* A field with a comma, a quote or the end of a line goes in quotes, and its quotes are doubled. */
static void put_csv_name(tn__output *out, const char *name)
{
    if (!strpbrk(name, ",\"\r\n")) {
        put(out, name);
        return;
    }
    put(out, "\"");
    for (; *name; name++) {
        char letter[] = {*name, *name == '"' ? '"' : '\0', '\0'};
        put(out, letter);
    }
    put(out, "\"");
}

static void put_csv_number(tn__output *out, double x)
{
    put(out, isfinite(x) ? text_of(x).s : isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

static void put_csv(const tn_history *h, tn__output *out)
{
    for (int64_t i = 0; i < h->columns; i++) {
        put(out, i > 0 ? "," : "");
        put_csv_name(out, h->names[i]);
    }
    put(out, "\n");
    for (int64_t row = 0; row < h->rows; row++)
        for (int64_t i = 0; i < h->columns; i++) {
            put_csv_number(out, tn_history_at(h, row, i));
            put(out, i + 1 < h->columns ? "," : "\n");
        }
}

/* Name number i as JSON has it. */
static char *json_name(const tn_history *h, int64_t i)
{
    tn__text text = {0};
    tn__append_json(&text, h->names[i]);
    size_t size = (size_t)text.length + 1;
    text = (tn__text){tn__alloc(h->ctx, size), size, 0};
    if (text.buffer)
        tn__append_json(&text, h->names[i]);
    return text.buffer;
}

static void put_object(const tn_history *h, tn__output *out, char *const *names, int64_t row)
{
    for (int64_t i = 0; i < h->columns; i++) {
        double x = tn_history_at(h, row, i);
        put(out, i > 0 ? ", " : "{");
        put(out, names[i]);
        put(out, ": ");
        put(out, isfinite(x) ? text_of(x).s : "null");
    }
    put(out, "}\n");
}

static void put_jsonl(const tn_history *h, tn__output *out)
{
    char **names = tn__alloc_zeroed(h->ctx, (size_t)h->columns * sizeof *names);
    for (int64_t i = 0; names && tn_ok(h->ctx) && i < h->columns; i++)
        names[i] = json_name(h, i);
    for (int64_t row = 0; tn_ok(h->ctx) && row < h->rows; row++)
        put_object(h, out, names, row);
    for (int64_t i = 0; names && i < h->columns; i++)
        tn__free(h->ctx, names[i]);
    tn__free(h->ctx, names);
}

/* Behind a name of one byte at least. */
static bool has_ending(tn__target target, const char *ending)
{
    return strlen(target.path) > strlen(ending) && tn__target_ends_in(target, ending);
}

static tn_status save(const tn_history *history, const char *what, tn__target target)
{
    tn_ctx *ctx = history->ctx;
    if (!tn_ok(ctx))
        return tn_error_status(ctx);
    if (!target.path)
        return tn_fail(ctx, TN_ERR_ARGUMENT, "%s: path is NULL", what);
    bool csv = tn__target_is_nameless(target) || has_ending(target, ".csv");
    if (!csv && !has_ending(target, ".jsonl"))
        return tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %.300s ends in neither .csv nor .jsonl", what,
                       target.path);
    tn__output out;
    bool opened = tn__output_open(&out, ctx, what, target);
    if (opened)
        (csv ? put_csv : put_jsonl)(history, &out);
    tn__output_close(&out, opened && tn_ok(ctx));
    return tn_error_status(ctx);
}

tn_status tn_history_save(const tn_history *history, const char *path)
{
    return history ? save(history, "history_save", tn__at_path(path)) : TN_ERR_ARGUMENT;
}

tn_status tn_history_save_to(const tn_history *history, tn_sink sink)
{
    return history ? save(history, "history_save_to", tn__in_sink(&sink)) : TN_ERR_ARGUMENT;
}

/* ---- state ----------------------------------------------------------------------------------- */

static tn_tensor *column_of(const tn_history *h, int64_t column)
{
    tn_tensor *t = tn__new(h->ctx, "history_state_dict", TN_F64, 1, &h->rows);
    for (int64_t row = 0; t && row < h->rows; row++)
        ((double *)tn__ptr(t))[row] = tn_history_at(h, row, column);
    return t;
}

tn_dict *tn_history_state_dict(const tn_history *history)
{
    tn_dict *dict = history ? tn_dict_new(history->ctx) : NULL;
    for (int64_t i = 0; dict && tn_ok(history->ctx) && i < history->columns; i++) {
        tn_tensor *column = column_of(history, i);
        if (column)
            tn_dict_set(dict, history->names[i], column);
        tn_free(column);
    }
    if (!dict || tn_ok(history->ctx))
        return dict;
    tn_dict_free(dict);
    return NULL;
}

/* How many rows the dictionary has; -1 if it has other columns. */
static int64_t rows_in(const tn_history *h, const char *what, const tn_dict *dict)
{
    const tn_tensor *first = tn_dict_get(dict, h->names[0]);
    int64_t rows = first && first->ndim == 1 ? first->shape[0] : 0;
    for (int64_t i = 0; i < h->columns; i++)
        if (!tn__get_entry(dict, what, h->names[i], TN_F64, 1, &rows))
            return -1;
    if (tn_dict_count(dict) == h->columns)
        return rows;
    tn_fail(h->ctx, TN_ERR_FORMAT, "%s: it has %lld columns, but %lld here", what,
            (long long)tn_dict_count(dict), (long long)h->columns);
    return -1;
}

static void load_column(tn_history *h, int64_t column, const tn_tensor *from)
{
    for (int64_t row = 0; row < h->rows; row++)
        h->values[row * h->columns + column] =
            ((const double *)tn__ptr(from))[row * from->strides[0]];
}

tn_status tn_history_load_state_dict(tn_history *history, const tn_dict *dict)
{
    const char *what = "history_load_state_dict";
    if (!history)
        return TN_ERR_ARGUMENT;
    if (!tn__check_dict(history->ctx, what, dict))
        return tn_error_status(history->ctx);
    int64_t rows = rows_in(history, what, dict);
    if (rows < 0 || !reserve(history, rows))
        return tn_error_status(history->ctx);
    history->rows = rows;
    for (int64_t i = 0; i < history->columns; i++)
        load_column(history, i, tn_dict_get(dict, history->names[i]));
    return TN_OK;
}
