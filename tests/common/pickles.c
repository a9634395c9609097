/* pickles.c - writes PyTorch's files opcode by opcode. */
#include "common/pickles.h"

#include <string.h>
#include "io/output.h"
#include "io/zip.h"

unsigned char pickled_file[65536];

const char *write_object(const char *object, size_t size)
{
    size_t at = sizeof PREAMBLE - 1;
    ck_assert_uint_lt(at + size + sizeof STORAGES, sizeof pickled_file);
    memcpy(pickled_file, PREAMBLE, at);
    memcpy(pickled_file + at, object, size);
    memcpy(pickled_file + at + size, STORAGES, sizeof STORAGES - 1);
    return write_temporary(pickled_file, at + size + sizeof STORAGES - 1);
}

size_t append(char *object, size_t size, const char *bytes, size_t count)
{
    memcpy(object + size, bytes, count);
    return size + count;
}

size_t append_times(char *object, size_t size, const char *bytes, size_t count, int times)
{
    for (int i = 0; i < times; i++)
        size = append(object, size, bytes, count);
    return size;
}

size_t append_letters(char *object, size_t size, char letter, size_t length)
{
    object[size] = 'X';
    put_number((unsigned char *)object + size + 1, 4, length);
    memset(object + size + 5, letter, length);
    return size + 5 + length;
}

bool load_pickled(const char *path)
{
    tn_dict *dict = tn_load_pth(ctx, path);
    tn_dict_free(dict);
    return dict != NULL;
}

void check_object(const pickled *p)
{
    const char *path = write_object(p->object, p->size);
    tn_memory_reset_peak(ctx);
    tn_dict *dict = tn_load_pth(ctx, path);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes, 200000);
    if (p->error)
        check_error(TN_ERR_FORMAT, p->error, path);
    ck_tn_ok();
    ck_assert_int_eq(dict == NULL, p->error != NULL);
    ck_assert_int_eq(tn_dict_count(dict), p->count);
    for (int i = 0; i < p->count; i++)
        ck_tn_equal(tn_dict_at(dict, i), 1, 2, 3, 4);
    remove_temporary();
}

void check_bomb(const char *object, size_t size, const char *error)
{
    const char *path = write_object(object, size);
    tn_memory_reset_peak(ctx);
    int64_t live = tn_memory(ctx).live_bytes;
    ck_assert_ptr_null(tn_load_pth(ctx, path));
    check_error(TN_ERR_FORMAT, error, path);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, 100000 + PTH_EXPANSION * (int64_t)size);
    remove_temporary();
}

void write_entries(const char *path, const archive_entry *entries, int count, bool compress)
{
    tn__output out;
    tn__zip_writer w = {.out = &out, .compress = compress};
    ck_assert(tn__output_open(&out, ctx, "test", tn__at_path(path)));
    for (int i = 0; i < count; i++)
        ck_assert(tn__zip_begin(&w, entries[i].name, (int64_t)entries[i].size) &&
                  tn__output_write(&out, entries[i].bytes, (int64_t)entries[i].size) &&
                  tn__zip_end(&w, entries[i].name));
    ck_assert(tn__zip_finish(&w) && tn__output_close(&out, true));
    tn__free(ctx, w.directory);
}
