/* numbers.c - numbers as files store them: integers in two's complement and IEEE 754 floats of 16
 * to 64 bits, in either byte order, and arrays of them in row-major or column-major order. */
#include <math.h>
#include <string.h>
#include "io/file.h"
#include "io/numbers.h"
#include "io/output.h"
#include "io/stream.h"
#include "tensor/dtype.h"
#include "tensor/iter.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

#define CHUNK_SIZE 16384

static bool machine_is_big_endian(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 0;
}

const char *tn__number_name(tn__number number)
{
    static const char *const names[][9] = {
        [TN__UNSIGNED] = {[1] = "u8", [2] = "u16", [4] = "u32", [8] = "u64"},
        [TN__SIGNED] = {[1] = "i8", [2] = "i16", [4] = "i32", [8] = "i64"},
        [TN__FLOAT] = {[2] = "f16", [4] = "f32", [8] = "f64"},
        [TN__LOGICAL] = {[1] = "bool"},
        [TN__BFLOAT] = {[2] = "bf16"},
    };
    return names[number.kind][number.size];
}

tn_dtype tn__number_dtype(tn__number number)
{
    switch (number.kind) {
    case TN__FLOAT:
        return number.size == 8 ? TN_F64 : TN_F32;
    case TN__LOGICAL:
        return TN_BOOL;
    case TN__BFLOAT:
        return TN_F32;
    case TN__SIGNED:
        return number.size == 8 ? TN_I64 : TN_I32;
    default:
        return number.size == 1 ? TN_U8 : number.size == 2 ? TN_I32 : TN_I64;
    }
}

uint64_t tn__load_bytes(const void *bytes, int size, bool big_endian)
{
    const unsigned char *p = bytes;
    uint64_t value = 0;
    for (int i = 0; i < size; i++)
        value = value << 8 | p[big_endian ? i : size - 1 - i];
    return value;
}

void tn__store_bytes(void *bytes, int size, uint64_t value)
{
    unsigned char *p = bytes;
    for (int i = 0; i < size; i++)
        p[i] = (unsigned char)(value >> 8 * i);
}

/* IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction. */
static double half_to_double(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    double value = exponent == 31  ? (fraction ? NAN : INFINITY)
                   : exponent == 0 ? ldexp(fraction, -24)
                                   : ldexp(fraction + 1024, exponent - 25);
    return bits & 0x8000 ? -value : value;
}

static double float_value(uint64_t bits, int size)
{
    float f;
    double d;
    uint32_t low = (uint32_t)bits;
    switch (size) {
    case 2:
        return half_to_double(bits);
    case 4:
        memcpy(&f, &low, sizeof f);
        return f;
    default:
        memcpy(&d, &bits, sizeof d);
        return d;
    }
}

static int64_t signed_value(uint64_t bits, int size)
{
    uint64_t sign = (uint64_t)1 << (8 * size - 1);
    return (bits & sign) ? -(int64_t)(~bits & (sign - 1)) - 1 : (int64_t)bits;
}

static double value_f64(tn__number number, uint64_t bits)
{
    switch (number.kind) {
    case TN__FLOAT:
        return float_value(bits, number.size);
    case TN__BFLOAT:
        return float_value(bits << 16, 4);
    case TN__SIGNED:
        return (double)signed_value(bits, number.size);
    default:
        return (double)bits;
    }
}

static bool fits(tn_dtype dtype, int64_t value)
{
    switch (dtype) {
    case TN_U8:
        return value >= 0 && value <= UINT8_MAX;
    case TN_I32:
        return value >= INT32_MIN && value <= INT32_MAX;
    default:
        return true;
    }
}

static bool store_integer(const tn__file *file, const tn__filler *f, uint64_t bits, void *to)
{
    tn_dtype dtype = f->t->dtype;
    bool is_signed = f->number.kind == TN__SIGNED;
    int64_t value = is_signed ? signed_value(bits, f->number.size) : (int64_t)bits;
    if (!is_signed && bits > INT64_MAX)
        return tn__file_fail(file, "it holds %llu, which is too large for %s",
                             (unsigned long long)bits, tn_dtype_name(dtype));
    if (!fits(dtype, value))
        return tn__file_fail(file, "it holds %lld, which does not fit %s", (long long)value,
                             tn_dtype_name(dtype));
    tn__store_i64(dtype, to, value);
    return true;
}

static bool convert(const tn__file *file, const tn__filler *f, const unsigned char *from, void *to)
{
    uint64_t bits = tn__load_bytes(from, f->number.size, f->number.big_endian);
    if (!tn__is_float(f->t->dtype))
        return store_integer(file, f, bits, to);
    tn__store_f64(f->t->dtype, to, value_f64(f->number, bits));
    return true;
}

static void swap_bytes(unsigned char *p, int size)
{
    for (int i = 0; i < size / 2; i++) {
        unsigned char byte = p[i];
        p[i] = p[size - 1 - i];
        p[size - 1 - i] = byte;
    }
}

tn__filler tn__filler_new(tn_tensor *t, tn__number number, bool fortran)
{
    tn__filler f = {.t = t, .number = number, .ndim = 1, .shape = {tn_numel(t)}, .strides = {1}};
    f.same = number.kind != TN__LOGICAL && tn__number_dtype(number) == t->dtype &&
             (size_t)number.size == tn_dtype_size(t->dtype) &&
             !(number.kind == TN__UNSIGNED && number.size == 8);
    f.swap = number.size > 1 && number.big_endian != machine_is_big_endian();
    if (fortran && t->ndim > 1) {
        f.ndim = t->ndim;
        memcpy(f.shape, t->shape, sizeof f.shape);
        memcpy(f.strides, t->strides, sizeof f.strides);
    }
    return f;
}

static void advance(tn__filler *f)
{
    for (int d = 0; d < f->ndim; d++) {
        f->at += f->strides[d];
        if (++f->index[d] < f->shape[d])
            return;
        f->at -= f->strides[d] * f->shape[d];
        f->index[d] = 0;
    }
}

bool tn__filler_put(const tn__file *file, tn__filler *f, const void *bytes, int64_t count)
{
    const unsigned char *from = bytes;
    unsigned char *data = tn__ptr(f->t);
    size_t size = (size_t)f->number.size, width = tn_dtype_size(f->t->dtype);
    for (int64_t i = 0; i < count; i++, from += size, advance(f)) {
        unsigned char *to = data + (size_t)f->at * width;
        if (!f->same) {
            if (!convert(file, f, from, to))
                return false;
            continue;
        }
        memcpy(to, from, width);
        if (f->swap)
            swap_bytes(to, f->number.size);
    }
    return true;
}

static int64_t read_in_place(tn__stream *s, const tn__filler *f)
{
    unsigned char *data = tn__ptr(f->t);
    int64_t numel = tn_numel(f->t);
    int64_t n = tn__stream_read(s, data, numel * f->number.size);
    for (int64_t i = 0; f->swap && i < n / f->number.size; i++)
        swap_bytes(data + i * f->number.size, f->number.size);
    return n;
}

int64_t tn__read_numbers(tn__stream *s, tn_tensor *t, tn__number number, bool fortran)
{
    unsigned char chunk[CHUNK_SIZE];
    tn__filler f = tn__filler_new(t, number, fortran);
    if (f.same && f.ndim == 1)
        return read_in_place(s, &f);
    int64_t size = tn_numel(t) * number.size, done = 0;
    while (done < size) {
        int64_t want = size - done < CHUNK_SIZE ? size - done : CHUNK_SIZE;
        int64_t n = tn__stream_read(s, chunk, want);
        if (n < 0 || !tn__filler_put(tn__stream_file(s), &f, chunk, n / number.size))
            return -1;
        done += n;
        if (n < want)
            break;
    }
    return done;
}

/* `most`: "at most " if how much the file holds is a bound. */
static bool fail_size(tn__stream *s, tn__number number, tn_text shape, int64_t size,
                      const char *most, int64_t held)
{
    return tn__file_fail(tn__stream_file(s),
                         "header says %s of %s, %lld bytes, but the file holds %s%lld", shape.s,
                         tn__number_name(number), (long long)size, most, (long long)held);
}

/* Reads all that the stream holds: true if it is what t needs. */
static bool read_all(tn__stream *s, tn_tensor *t, tn__number number, bool fortran)
{
    int64_t size = tn_numel(t) * number.size;
    int64_t held = tn__read_numbers(s, t, number, fortran);
    int64_t rest = held < 0 ? -1 : tn__stream_drain(s);
    if (rest < 0)
        return false;
    return held + rest == size ||
           fail_size(s, number, tn_shape_text(t->ndim, t->shape), size, "", held + rest);
}

static bool check_left(tn__stream *s, tn__number number, tn_text shape, int64_t size)
{
    int64_t left = tn__stream_left(s);
    return size <= left ||
           fail_size(s, number, shape, size, tn__stream_is_exact(s) ? "" : "at most ", left);
}

tn_tensor *tn__read_array(tn__stream *s, tn__number number, int ndim, const int64_t *shape,
                          bool fortran)
{
    tn__file *file = tn__stream_file(s);
    tn_text text = tn_shape_text(ndim, shape);
    int64_t numel = tn__numel_of(ndim, shape, 8);
    if (numel < 0) {
        tn__file_fail(file, "header says %s of %s, which is too large", text.s,
                      tn__number_name(number));
        return NULL;
    }
    int64_t size = numel * number.size;
    if (!check_left(s, number, text, size) || !tn__stream_confirm(s, size) ||
        !check_left(s, number, text, size))
        return NULL;
    tn_tensor *t = tn__new(file->ctx, file->what, tn__number_dtype(number), ndim, shape);
    if (t && read_all(s, t, number, fortran))
        return t;
    tn_free(t);
    return NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct writing {
    tn__output *out;
    int size; /* of an element */
    bool ok;
} writing;

static void write_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    unsigned char chunk[CHUNK_SIZE];
    writing *w = payload;
    bool swap = w->size > 1 && machine_is_big_endian();
    int64_t step = strides[0] * w->size, per_chunk = CHUNK_SIZE / w->size;
    const unsigned char *from = p[0];
    if (step == w->size && !swap) {
        w->ok = w->ok && tn__output_write(w->out, from, n * w->size);
        return;
    }
    for (int64_t i = 0; w->ok && i < n; i += per_chunk) {
        int64_t count = n - i < per_chunk ? n - i : per_chunk;
        for (int64_t j = 0; j < count; j++, from += step) {
            memcpy(chunk + j * w->size, from, (size_t)w->size);
            if (swap)
                swap_bytes(chunk + j * w->size, w->size);
        }
        w->ok = tn__output_write(w->out, chunk, count * w->size);
    }
}

bool tn__write_numbers(tn__output *out, const tn_tensor *t)
{
    writing w = {.out = out, .size = (int)tn_dtype_size(t->dtype), .ok = true};
    tn__iter it = tn__iter_new(t->ndim, t->shape, 1, &t);
    tn__iter_run_serial(&it, write_row, &w);
    return w.ok;
}
