/* mutate.c - libFuzzer changes bytes; here the bytes are those inside of what is packed, which is
 * then packed again with lengths and checksums that are right. Half of the inputs are changed as
 * they are, so that lengths and checksums that are wrong are tried as well. */
#include "mutate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#define BUFFER_SIZE ((size_t)1 << 20)
#define MAX_MEMBERS 32

static uint32_t state; /* of a generator that is good enough here */

static uint32_t below(uint32_t n)
{
    state = state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(state ^ state >> 16) * n) >> 32);
}

static uint64_t load(const uint8_t *p, int size)
{
    uint64_t value = 0;
    for (int i = 0; i < size; i++)
        value |= (uint64_t)p[i] << 8 * i;
    return value;
}

static void store(uint8_t *p, int size, uint64_t value)
{
    for (int i = 0; i < size; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

/* ---- compression ----------------------------------------------------------------------------- */

/* The size of what comes out; 0 if that is damaged or too large. `bits`: as of zlib. */
static size_t unpack(const uint8_t *data, size_t size, uint8_t *out, int bits)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data,
                  .avail_in = (uInt)size,
                  .next_out = out,
                  .avail_out = (uInt)BUFFER_SIZE};
    if (inflateInit2(&z, bits) != Z_OK)
        return 0;
    int status = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return status == Z_STREAM_END ? BUFFER_SIZE - z.avail_out : 0;
}

static size_t pack(const uint8_t *data, size_t size, uint8_t *out, size_t room, int bits)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data,
                  .avail_in = (uInt)size,
                  .next_out = out,
                  .avail_out = (uInt)room};
    if (deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    int status = deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return status == Z_STREAM_END ? room - z.avail_out : 0;
}

static size_t mutate_gzip(uint8_t *data, size_t size, size_t max_size)
{
    static uint8_t inner[BUFFER_SIZE], packed[BUFFER_SIZE];
    size_t n = unpack(data, size, inner, 15 + 16);
    if (n == 0 || n > 4096)
        return LLVMFuzzerMutate(data, size, max_size);
    n = LLVMFuzzerMutate(inner, n, 4096);
    n = pack(inner, n, packed, BUFFER_SIZE, 15 + 16);
    if (n == 0 || n > max_size)
        return size;
    memcpy(data, packed, n);
    return n;
}

/* ---- a text and its length ------------------------------------------------------------------- */

/* Changes the text at `at`, whose length is the number of `bytes` bytes at `length_at`. */
static size_t mutate_text(uint8_t *data, size_t size, size_t max_size, size_t length_at, int bytes)
{
    static uint8_t tail[BUFFER_SIZE];
    size_t at = length_at + (size_t)bytes;
    uint64_t length = size >= at ? load(data + length_at, bytes) : size;
    if (size < at || length > size - at || size > BUFFER_SIZE || max_size < size)
        return LLVMFuzzerMutate(data, size, max_size);
    size_t rest = size - at - (size_t)length;
    memcpy(tail, data + at + length, rest);
    size_t n = LLVMFuzzerMutate(data + at, (size_t)length, max_size - at - rest);
    memcpy(data + at + n, tail, rest);
    store(data + length_at, bytes, n);
    return at + n + rest;
}

static size_t mutate_npy(uint8_t *data, size_t size, size_t max_size)
{
    return below(3) ? mutate_text(data, size, max_size, 8, size > 6 && data[6] > 1 ? 4 : 2)
                    : LLVMFuzzerMutate(data, size, max_size);
}

/* ---- zip archives ---------------------------------------------------------------------------- */

typedef struct member {
    uint8_t name[80];
    size_t name_size;
    bool deflated;
    uint8_t *data; /* the contents, in the pool */
    size_t size;
} member;

static uint8_t pool[8 * BUFFER_SIZE];
static size_t pool_used;

static bool read_member(const uint8_t *data, size_t size, const uint8_t *record, member *m)
{
    size_t at = (size_t)load(record + 42, 4), packed = (size_t)load(record + 20, 4);
    m->name_size = (size_t)load(record + 28, 2);
    m->deflated = load(record + 10, 2) == 8;
    if (m->name_size > sizeof m->name || at + 30 > size || pool_used + BUFFER_SIZE > sizeof pool)
        return false;
    memcpy(m->name, record + 46, m->name_size);
    at += 30 + (size_t)(load(data + at + 26, 2) + load(data + at + 28, 2));
    if (at > size || packed > size - at || packed > BUFFER_SIZE)
        return false;
    m->data = pool + pool_used;
    m->size = packed;
    if (m->deflated)
        m->size = unpack(data + at, packed, m->data, -15);
    else
        memcpy(m->data, data + at, packed);
    pool_used += m->size + 4096; /* so that it can grow */
    return true;
}

/* How many members there are; 0 if it is no archive that can be read here. */
static int read_zip(const uint8_t *data, size_t size, member *members)
{
    size_t end = size >= 22 ? size - 22 : 0;
    int count = 0;
    pool_used = 0;
    while (end > 0 && memcmp(data + end, "PK\5\6", 4) != 0)
        end--;
    if (end == 0)
        return 0;
    size_t at = (size_t)load(data + end + 16, 4);
    while (count < MAX_MEMBERS && at + 46 <= end && memcmp(data + at, "PK\1\2", 4) == 0) {
        size_t next =
            at + 46 +
            (size_t)(load(data + at + 28, 2) + load(data + at + 30, 2) + load(data + at + 32, 2));
        if (next > end || !read_member(data, size, data + at, &members[count]))
            return 0;
        count++;
        at = next;
    }
    return count;
}

/* The fields that the local header and the record of the directory share. */
static void write_fields(uint8_t *p, const member *m, size_t packed)
{
    store(p, 2, 20);
    store(p + 4, 2, m->deflated ? 8 : 0);
    store(p + 10, 4, crc32(0, m->data, (uInt)m->size));
    store(p + 14, 4, packed);
    store(p + 18, 4, m->size);
    store(p + 22, 2, m->name_size);
}

/* Returns the size, or 0 if it is more than `room`. */
static size_t write_zip(uint8_t *out, size_t room, const member *members, int count)
{
    static uint8_t directory[MAX_MEMBERS * 128];
    size_t at = 0, used = 0;
    for (int i = 0; i < count; i++) {
        const member *m = &members[i];
        if (at + 30 + m->name_size + m->size + 64 > room)
            return 0;
        uint8_t *local = out + at, *record = directory + used, *body = local + 30 + m->name_size;
        size_t packed = m->size;
        if (m->deflated)
            packed = pack(m->data, m->size, body, room - at - 30 - m->name_size, -15);
        else
            memcpy(body, m->data, m->size);
        memset(local, 0, 30);
        memcpy(local, "PK\3\4", 4);
        write_fields(local + 4, m, packed);
        memcpy(local + 30, m->name, m->name_size);
        memset(record, 0, 46);
        memcpy(record, "PK\1\2\24", 5);
        write_fields(record + 6, m, packed);
        store(record + 42, 4, at);
        memcpy(record + 46, m->name, m->name_size);
        used += 46 + m->name_size;
        at += 30 + m->name_size + packed;
    }
    if (at + used + 22 > room)
        return 0;
    memcpy(out + at, directory, used);
    uint8_t *end = out + at + used;
    memset(end, 0, 22);
    memcpy(end, "PK\5\6", 4);
    store(end + 8, 2, (uint64_t)count);
    store(end + 10, 2, (uint64_t)count);
    store(end + 12, 4, used);
    store(end + 16, 4, at);
    return at + used + 22;
}

static bool ends_in(const member *m, const char *ending)
{
    size_t n = strlen(ending);
    return m->name_size >= n && memcmp(m->name + m->name_size - n, ending, n) == 0;
}

/* One of them, mostly the pickle if there is one. */
static int choose_member(const member *members, int count)
{
    for (int i = 0; i < count; i++)
        if (ends_in(&members[i], ".pkl") && below(4))
            return i;
    return (int)below((uint32_t)count);
}

static void mutate_members(member *members, int *count)
{
    int i = choose_member(members, *count);
    member *m = &members[i];
    switch (below(8)) {
    case 0:
        m->name_size = LLVMFuzzerMutate(m->name, m->name_size, sizeof m->name);
        return;
    case 1:
        m->deflated = !m->deflated;
        return;
    case 2:
        if (*count > 1)
            members[i] = members[--*count];
        return;
    case 3:
        if (*count < MAX_MEMBERS)
            members[(*count)++] = *m;
        return;
    default:
        m->size = ends_in(m, ".npy") ? mutate_npy(m->data, m->size, m->size + 64)
                                     : LLVMFuzzerMutate(m->data, m->size, m->size + 64);
    }
}

static size_t mutate_zip(uint8_t *data, size_t size, size_t max_size)
{
    static member members[MAX_MEMBERS];
    static uint8_t packed[BUFFER_SIZE];
    int count = below(3) ? read_zip(data, size, members) : 0;
    if (count == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    mutate_members(members, &count);
    size_t n = write_zip(packed, max_size < BUFFER_SIZE ? max_size : BUFFER_SIZE, members, count);
    if (n == 0)
        return size;
    memcpy(data, packed, n);
    return n;
}

/* ---- MAT-files ------------------------------------------------------------------------------- */

enum { MAT_HEADER = 128, MATRIX = 14, COMPRESSED = 15 };

/* Changes the data of the first array, compressed or not, and keeps what follows it. */
static size_t mutate_mat(uint8_t *data, size_t size, size_t max_size)
{
    static uint8_t inner[2 * BUFFER_SIZE], packed[BUFFER_SIZE];
    size_t at = MAT_HEADER + 8, n = size >= at ? (size_t)load(data + MAT_HEADER + 4, 4) : size;
    uint32_t type = size >= at ? (uint32_t)load(data + MAT_HEADER, 4) : 0;
    if (!below(3) || size < at || n > size - at || (type != MATRIX && type != COMPRESSED))
        return LLVMFuzzerMutate(data, size, max_size);
    if (type == MATRIX)
        return mutate_text(data, size, max_size, MAT_HEADER + 4, 4);
    size_t rest = size - at - n, m = unpack(data + at, n, inner, 15);
    if (m < 8 || m > 8192)
        return LLVMFuzzerMutate(data, size, max_size);
    m = below(4) ? mutate_text(inner, m, m + 64, 4, 4) : LLVMFuzzerMutate(inner, m, m + 64);
    m = pack(inner, m, packed, BUFFER_SIZE, 15);
    if (m == 0 || at + m + rest > max_size)
        return size;
    memmove(data + at + m, data + at + n, rest);
    memcpy(data + at, packed, m);
    store(data + MAT_HEADER + 4, 4, m);
    return at + m + rest;
}

/* ---- rows of calls --------------------------------------------------------------------------- */

/* Rows of CALL_SIZE bytes each: some are moved, left out or changed as a whole. */
static size_t mutate_calls(uint8_t *data, size_t size, size_t max_size)
{
    size_t count = size / FUZZ_CALL_SIZE;
    if (count < 2 || max_size < size + FUZZ_CALL_SIZE || !below(3))
        return LLVMFuzzerMutate(data, size, max_size);
    uint8_t *a = data + FUZZ_CALL_SIZE * below((uint32_t)count),
            *b = data + FUZZ_CALL_SIZE * below((uint32_t)count), call[FUZZ_CALL_SIZE];
    memcpy(call, a, sizeof call);
    switch (below(4)) {
    case 0:
        memmove(a, a + FUZZ_CALL_SIZE, (size_t)(data + size - a) - FUZZ_CALL_SIZE);
        return size - FUZZ_CALL_SIZE;
    case 1:
        memmove(b + FUZZ_CALL_SIZE, b, (size_t)(data + size - b));
        memcpy(b, call, sizeof call);
        return size + FUZZ_CALL_SIZE;
    case 2:
        memmove(a, b, sizeof call);
        memcpy(b, call, sizeof call);
        return size;
    default:
        LLVMFuzzerMutate(a, FUZZ_CALL_SIZE, FUZZ_CALL_SIZE);
        return size;
    }
}

/* ---- all targets ----------------------------------------------------------------------------- */

static bool is(const char *target, const char *name)
{
    return strcmp(target, name) == 0;
}

size_t mutate(const char *target, uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    state = seed;
    below(2);
    if (is(target, "calls"))
        return mutate_calls(data, size, max_size);
    if ((is(target, "checkpoint") || is(target, "model")) && size < 200 && below(2))
        return fuzz_save_checkpoint(data, max_size);
    if (is(target, "npy"))
        return mutate_npy(data, size, max_size);
    if (is(target, "mat"))
        return mutate_mat(data, size, max_size);
    if (size > 2 && data[0] == 0x1f && data[1] == 0x8b && below(3))
        return mutate_gzip(data, size, max_size);
    if (size > 2 && data[0] == 'P' && data[1] == 'K')
        return mutate_zip(data, size, max_size);
    if (size > 9 && data[8] == '{' && below(3))
        return mutate_text(data, size, max_size, 0, 8);
    return LLVMFuzzerMutate(data, size, max_size);
}
