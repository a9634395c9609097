/* Pickles, which PyTorch's files hold: opcode by opcode, and small ones that say much. What tensors
 * their values make is in test_pth.c. */
#include <stdlib.h>
#include <string.h>
#include "common/pickles.h"

static const pickled pickles[] = {
    {BYTES(OBJECT(X)), 1, NULL},
    {BYTES(OBJECT("](" X X "e")), 2, NULL},
    {BYTES(OBJECT("](" X "(NN1" X "e")), 2, NULL},
    {BYTES(OBJECT("(" X X "t")), 2, NULL},
    {BYTES(OBJECT(X X X "\x87")), 3, NULL},
    {BYTES(OBJECT("]" X "a")), 1, NULL},
    {BYTES(OBJECT("}(K\7" X "\x8a\1\xff" X "\x8a\0" X "u")), 3, NULL},
    {BYTES(OBJECT("ccollections\nOrderedDict\n)R(" TEXT("\1", "x") X TEXT("\1", "y") X "u}b")), 2,
     NULL},
    {BYTES(OBJECT("ccollections\nOrderedDict\n](" TEXT("\1", "x") X "\x86" TEXT("\1", "y") X
                  "\x86"
                  "e\x85R")),
     2, NULL},
    {BYTES(NAMED("(" TEXT("\5", "torch") TEXT("\4", "Size") "\x93" X "0t")), 0, NULL},
    {BYTES(OBJECT(X "2\x86")), 2, NULL},
    {BYTES(OBJECT(X "q\1(X\4\0\0\0more1h\1j\1\0\0\0\x86")), 2, NULL},
    {BYTES(OBJECT("](NG\x3f\xe0\0\0\0\0\0\0U\1zT\2\0\0\0zzC\1zB\1\0\0\0z\x8d\1\0\0\0\0\0\0\0z"
                  "\x8e\1\0\0\0\0\0\0\0z\x8b\2\0\0\0\1\2\x8a\x9zzzzzzzzz" X "e")),
     1, NULL},
    {BYTES(OBJECT(FOUR "0N")), 0, NULL},
    /* What is opaque holds no tensors. */
    {BYTES(OBJECT("}(" TEXT("\1", "a") NAMESPACE ")\x81}" TEXT("\1", "b") "Nsb" TEXT("\1", "x") X
                  "u")),
     1, NULL},
    {BYTES(OBJECT("}(" TEXT("\1", "a") NAMESPACE ")}\x92" TEXT("\1", "x") X "u")), 1, NULL},
    {BYTES(OBJECT("}(" TEXT("\1", "a") "\x8f(K\1K\2\x90" TEXT("\1", "x") X "u")), 1, NULL},
    {BYTES(OBJECT("}(" TEXT("\1", "a") "(K\1K\2\x91" TEXT("\1", "x") X "u")), 1, NULL},
    {BYTES(OBJECT("}(K\1K\2\x86K\5NK\6G\x3f\xe0\0\0\0\0\0\0K\7C\1bK\x8" TEXT("\1", "x") X "u")), 1,
     NULL},
    {BYTES(OBJECT("}(" TEXT("\3", "a\0b") "N" TEXT("\2", "\xc3(") "N" TEXT("\1", "x") X "u")), 1,
     NULL},
    {BYTES(OBJECT("}(" TEXT("\1", "d") "ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R" TEXT(
         "\1", "x") X "su")),
     1, NULL},
    /* Called with more than what makes its values, it may be anything. */
    {BYTES(OBJECT("ccollections\ndefaultdict\nN}\x86R" TEXT("\1", "x") X "s")), 0,
     "load_pth: %: it is defaultdict" ALL},
    {BYTES(OBJECT("}\x89" X "s\x88" X "s")), 2, NULL},
    {BYTES(NAMED(NAMESPACE ")}" TEXT("\1", "y") X "s\x92")), 0,
     "load_pth: %: x: it is a part of argparse.Namespace" ALL},
    {BYTES(OBJECT("(I01\nI-12\nL123456789012345678901234567890L\nI00\n" X "t")), 1, NULL},
    {BYTES(OBJECT("](cmine\nf\n)R)R\x96\1\0\0\0\0\0\0\0z" X "e")), 1, NULL},
    {BYTES(OBJECT("cmine\nf\n0" X)), 1, NULL},
    {BYTES(OBJECT("}M\0\1" X "s")), 1, NULL},
    {BYTES(OBJECT("Nq\5")), 0,
     "load_pth: %: pickle: a place that the memo does not have is used at byte 5"},
    {BYTES(OBJECT("ccollections\nOrderedDict\n]NNN\x87"
                  "a\x85R")),
     0, "load_pth: %: pickle: an OrderedDict is made of something else than pairs at byte 35"},
    {BYTES(OBJECT("cmine\nf\n)RNR")), 0,
     "load_pth: %: pickle: something that cannot be called is called at byte 14"},
    {BYTES(OBJECT("N)}\x92")), 0,
     "load_pth: %: pickle: something that cannot be called is called at byte 6"},
    {BYTES(OBJECT("Ix\n")), 0,
     "load_pth: %: pickle: something else than an integer ends at byte 5"},
    {BYTES(OBJECT("I1LL\n")), 0,
     "load_pth: %: pickle: something else than an integer ends at byte 7"},
    {BYTES(OBJECT("L-\n")), 0,
     "load_pth: %: pickle: something else than an integer ends at byte 5"},
    {BYTES(OBJECT("(S'true'\niposix\nsystem\n")), 0,
     "load_pth: %: pickle: opcode 53 at byte 3 cannot be read"},
    {BYTES("\x80\6."), 0, "load_pth: %: pickle: a protocol that cannot be read is named at byte 2"},
    {BYTES(OBJECT("N)R")), 0,
     "load_pth: %: pickle: something that cannot be called is called at byte 5"},
    {BYTES(OBJECT("ctorch\nSize\nNR")), 0,
     "load_pth: %: pickle: something that cannot be called is called at byte 16"},
    {BYTES(OBJECT(FLOATS ")R")), 0,
     "load_pth: %: pickle: something that cannot be called is called at byte 24"},
    {BYTES(OBJECT("ccollections\nOrderedDict\nK\1\x85R")), 0,
     "load_pth: %: pickle: an OrderedDict is made of something else than pairs at byte 31"},
    {BYTES(OBJECT("ccollections\nOrderedDict\n]K\1a\x85R")), 0,
     "load_pth: %: pickle: an OrderedDict is made of something else than pairs at byte 33"},
    {BYTES(OBJECT("N}b")), 0,
     "load_pth: %: pickle: something else than a dictionary has attributes at byte 5"},
    {BYTES(OBJECT("NNs")), 0, "load_pth: %: pickle: a dictionary is missing at byte 5"},
    {BYTES(OBJECT("}NNNs")), 0, "load_pth: %: pickle: a dictionary is missing at byte 7"},
    {BYTES(OBJECT("}(Nu")), 0, "load_pth: %: pickle: a value is missing at byte 6"},
    {BYTES(OBJECT("(NNu")), 0, "load_pth: %: pickle: a dictionary is missing at byte 6"},
    {BYTES(OBJECT("}Na")), 0, "load_pth: %: pickle: a list is missing at byte 5"},
    {BYTES(OBJECT("N(Ne")), 0, "load_pth: %: pickle: a list is missing at byte 6"},
    {BYTES(OBJECT("](a")), 0, "load_pth: %: pickle: a value is missing at byte 5"},
    {BYTES(OBJECT("Nt")), 0, "load_pth: %: pickle: a mark is missing at byte 4"},
    {BYTES(OBJECT("N(\x85")), 0, "load_pth: %: pickle: a value is missing at byte 5"},
    {BYTES(OBJECT("NN\x93")), 0, "load_pth: %: pickle: a name is missing at byte 5"},
    {BYTES(OBJECT("h\1")), 0, "load_pth: %: pickle: an empty place of the memo is used at byte 4"},
    {BYTES(OBJECT("Nr\xff\xff\xff\xff")), 0,
     "load_pth: %: pickle: a place that the memo does not have is used at byte 8"},
    {BYTES(OBJECT("(q\1")), 0, "load_pth: %: pickle: a value is missing at byte 5"},
    {BYTES(OBJECT("\x8d\xff\xff\xff\xff\xff\xff\xff\xff")), 0,
     "load_pth: %: pickle: text of 18446744073709551615 bytes begins where 34 are left"},
    {BYTES(OBJECT("")), 0, "load_pth: %: pickle: a value is missing at byte 3"},
    {BYTES(OBJECT("(")), 0, "load_pth: %: pickle: a value is missing at byte 4"},
};

START_TEST(reads_or_refuses)
{
    check_object(&pickles[_i]);
}
END_TEST

/* A text that ends with the file, and one that goes on beyond it. */
START_TEST(reads_text_up_to_the_end)
{
    static const char whole[] = "\x80\2U\3abc", beyond[] = "\x80\2U\4abc";
    size_t at = sizeof PREAMBLE - 1;
    memcpy(pickled_file, PREAMBLE, at);
    memcpy(pickled_file + at, whole, sizeof whole - 1);
    const char *path = write_temporary(pickled_file, at + sizeof whole - 1);
    ck_assert_ptr_null(tn_load_pth(ctx, path));
    check_error(TN_ERR_FORMAT, "load_pth: %: pickle: it is cut off at byte 7", path);
    memcpy(pickled_file + at, beyond, sizeof beyond - 1);
    ck_assert_ptr_null(tn_load_pth(ctx, write_temporary(pickled_file, at + sizeof beyond - 1)));
    check_error(TN_ERR_FORMAT, "load_pth: %: pickle: text of 4 bytes begins where 3 are left",
                path);
    remove_temporary();
}
END_TEST

/* Every opcode on an empty stack, after a mark, and after values, with what may follow it. */
START_TEST(survives_every_opcode)
{
    static const struct {
        const char *bytes;
        size_t size;
    } before[] = {{BYTES("")},   {BYTES("(")},       {BYTES("N")},
                  {BYTES("](")}, {BYTES("}(NN")},    {BYTES("q\0h\0")},
                  {BYTES(X)},    {BYTES("(K\1K\2")}, {BYTES("\x8c\1a\x8c\1b")}};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        for (int opcode = 0; opcode < 256; opcode++) {
            char object[256] = "\x80\2";
            size_t size = before[i].size + 2;
            memcpy(object + 2, before[i].bytes, before[i].size);
            object[size++] = (char)opcode;
            memset(object + size, 1 + opcode % 3, 9);
            object[size + 9] = '.';
            load_pickled(write_object(object, size + 10));
            tn_clear_error(ctx);
        }
    remove_temporary();
}
END_TEST

/* Integers of one to eight bytes, with a sign, as keys. */
START_TEST(names_what_has_integers_for_keys)
{
    static const char object[] =
        OBJECT("}(" ZERO X "M\0\1" X "M\xff\xff" X "J\xfe\xff\xff\xff" X "\x8a\1\xff" X
               "\x8a\2\0\x80" X "\x8a\7\xfd\xff\xff\xff\xff\xff\xff" X
               "\x8a\7\xfd\xff\xff\xff\xff\xff\x7f" X "\x8a\x8\xfc\xff\xff\xff\xff\xff\xff\xff" X
               "\x8a\x8\1\0\0\0\0\0\0\x80" X "I-12\n" X "I999999999999999999\n" X "u");
    static const char *const expected[] = {"0",     "256",
                                           "65535", "-2",
                                           "-1",    "-32768",
                                           "-3",    "36028797018963965",
                                           "-4",    "-9223372036854775807",
                                           "-12",   "999999999999999999"};
    tn_dict *dict = tn_load_pth(ctx, write_object(BYTES(object)));
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict), 12);
    for (int i = 0; i < 12; i++)
        ck_assert_str_eq(tn_dict_name(dict, i), expected[i]);
    remove_temporary();
}
END_TEST

/* One list of a thousand pairs, of which dictionaries are made again and again. */
START_TEST(limits_dictionaries_of_pairs)
{
    char object[32768];
    size_t size = append(object, 0, BYTES("ccollections\nOrderedDict\nq\0NN\x86q\1]q\2("));
    for (int i = 0; i < 1000; i++)
        size = append(object, size, BYTES("h\1"));
    size = append(object, size, BYTES("e"));
    for (int i = 0; i < 1000; i++)
        size = append(object, size, BYTES("h\0h\2\x85R"));
    size = append(object, size, BYTES("."));
    check_bomb(object, size,
               "load_pth: %: pickle: it has used the same values too often at byte 2049");
}
END_TEST

START_TEST(refuses_what_is_too_short)
{
    const char *path = write_temporary("\x80\2N", 3);
    ck_assert_ptr_null(tn_load_pth(ctx, path));
    check_error(TN_ERR_FORMAT, "load_pth: %: pickle: it is cut off at byte 3", path);
    remove_temporary();
}
END_TEST

/* Pickles that deflate makes a thousand times smaller: lists in lists, and text. */
typedef struct bomb {
    const char *begin;
    size_t size;
    char middle;
} bomb;

static const bomb bombs[] = {
    {BYTES("\x80\2"), ']'},
    {BYTES("\x80\2"), '('},
    {BYTES("\x80\2N"), '2'},
    {BYTES("\x80\2N"), (char)0x94},
    {BYTES("\x80\2X\0\0\x3f\0"), 'x'},
    {BYTES("\x80\2C\1"), 'C'},
};

START_TEST(deflated_pickles_take_little)
{
    enum { SIZE = 1 << 22 };
    char *object = malloc(SIZE);
    memset(object, bombs[_i].middle, SIZE);
    append(object, 0, bombs[_i].begin, bombs[_i].size);
    make_folder();
    const char *path = folder_path("x.pth");
    write_entries(path, &(archive_entry){"a/data.pkl", object, SIZE}, 1, true);
    size_t packed;
    free(read_bytes(path, &packed));
    ck_assert_uint_lt(packed, SIZE / 500);
    tn_memory_reset_peak(ctx);
    int64_t live = tn_memory(ctx).live_bytes;
    clock_t begin = clock();
    ck_assert_ptr_null(tn_load_pth(ctx, path));
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), ": pickle: its values take more than "));
    tn_clear_error(ctx);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live,
                     (256 << 10) + PTH_EXPANSION * (int64_t)packed);
    ck_assert_double_lt(effort(begin), 500);
    free(object);
    remove_folder();
}
END_TEST

/* The values of a pickle are counted up to 64 bytes for each byte of the file. Arrays that grow are
 * there twice for a moment, the new one twice as large, and blocks are rounded up by an eighth:
 * 64 (1 + 2) 9 / 8. */
#define PICKLE_EXPANSION 216

/* One of `size` bytes. */
START_TEST(reads_pickles_of_any_size)
{
    unsigned char object[4100] = "\x80\2B";
    size_t size = 4095 + (size_t)_i;
    make_folder();
    object[3] = (unsigned char)(size - 10);
    object[4] = (unsigned char)((size - 10) >> 8);
    memcpy(object + size - 3, "0}.", 3);
    write_entries(folder_path("x.pth"), &(archive_entry){"a/data.pkl", (char *)object, size}, 1,
                  false);
    ck_assert(load_pickled(folder_path("x.pth")));
    ck_tn_ok();
    remove_folder();
}
END_TEST

/* Begins a pickle with bytes that deflate cannot make smaller; returns its size. */
static size_t begin_filled(char *object, size_t filling)
{
    uint32_t state = 1;
    size_t size = append(object, 0, BYTES("\x80\2"));
    size = append(object, size, (char[]){'B', (char)filling, (char)(filling >> 8), 0, 0}, 5);
    for (size_t i = 0; i < filling; i++)
        object[size++] = (char)((state = state * 1664525 + 1013904223) >> 24);
    return append(object, size, "0", 1);
}

/* Texts that take 48 bytes for each byte of the file, of the 64 that they may. */
START_TEST(reads_pickles_up_to_the_limit)
{
    enum { SIZE = 1 << 21, TEXTS = 1 << 12 };
    char *object = malloc(SIZE);
    size_t size = begin_filled(object, 14000);
    for (int i = 0; i < TEXTS; i++) {
        size = append(object, size, BYTES("T\377\0\0\0"));
        memset(object + size, 'x', 255);
        object[size + 255] = '0';
        size += 256;
    }
    size = append(object, size, BYTES("}."));
    make_folder();
    const char *path = folder_path("x.pth");
    write_entries(path, &(archive_entry){"a/data.pkl", object, size}, 1, true);
    free(object);
    free(read_bytes(path, &size));
    ck_assert_uint_lt(size, 256 * TEXTS / 48);
    ck_assert_ptr_nonnull(tn_load_pth(ctx, path));
    ck_tn_ok();
    remove_folder();
}
END_TEST

/* The same pickles behind bytes that deflate cannot make smaller: a file of this size at least. */
static size_t write_filled_bomb(const char *path, const bomb *b, size_t filling)
{
    enum { SIZE = 1 << 22 };
    char *object = malloc(SIZE);
    memset(object, b->middle, SIZE);
    size_t size = begin_filled(object, filling);
    append(object, size, b->begin + 2, b->size - 2);
    write_entries(path, &(archive_entry){"a/data.pkl", object, SIZE}, 1, true);
    free(object);
    free(read_bytes(path, &size));
    return size;
}

START_TEST(pickles_take_what_is_stated)
{
    make_folder();
    const char *path = folder_path("x.pth");
    for (size_t filling = 8000; filling < 32000; filling += 3000) {
        size_t size = write_filled_bomb(path, &bombs[_i], filling);
        tn_empty_cache(ctx);
        tn_memory_reset_peak(ctx);
        int64_t live = tn_memory(ctx).live_bytes;
        ck_assert_ptr_null(tn_load_pth(ctx, path));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_FORMAT);
        tn_clear_error(ctx);
        int64_t peak = tn_memory(ctx).peak_bytes - live;
        ck_assert_int_lt(peak, (256 << 10) + PICKLE_EXPANSION * (int64_t)size);
    }
    remove_folder();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pickle");
    TCase *tc = tn_case(suite, "pickle");
    tcase_add_loop_test(tc, reads_or_refuses, 0, (int)(sizeof pickles / sizeof *pickles));
    tcase_add_test(tc, reads_text_up_to_the_end);
    tcase_add_test(tc, survives_every_opcode);
    tcase_add_test(tc, names_what_has_integers_for_keys);
    tcase_add_test(tc, limits_dictionaries_of_pairs);
    tcase_add_test(tc, refuses_what_is_too_short);
    tcase_add_loop_test(tc, reads_pickles_of_any_size, 0, 5);
    tcase_add_loop_test(tc, deflated_pickles_take_little, 0, (int)(sizeof bombs / sizeof *bombs));
    tcase_add_test(tc, reads_pickles_up_to_the_limit);
    tcase_add_loop_test(tc, pickles_take_what_is_stated, 0, (int)(sizeof bombs / sizeof *bombs));
    return tn_run(suite);
}
