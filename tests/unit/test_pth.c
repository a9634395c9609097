/* PyTorch's files in both formats: tensors, views, limits, and files that are damaged. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/pickles.h"

/* ---- files that PyTorch wrote ---------------------------------------------------------------- */

/* Each reads as the .npz beside it. */
static const char *const names[] = {
    "state_dict_zip",
    "state_dict_legacy",
    "mixed_zip",
    "mixed_legacy",
    "nested_zip",
    "nested_legacy",
    "protocol3",
    "protocol4",
    "protocol5",
    "protocol3_legacy",
    "protocol4_legacy",
    "protocol5_legacy",
    "alone",
    "pairs",
    "integers",
    "optimizer",
    "tiny",
    "tiny_legacy",
};

/* These read as opaque.npz: they hold much that has no place in a dictionary of tensors. */
static const char *const opaque[] = {
    "opaque1", "opaque2",        "opaque3",        "opaque4",
    "opaque5", "opaque1_legacy", "opaque2_legacy", "opaque4_legacy",
};

static void compare(const tn_dict *dict, const tn_dict *expected)
{
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict), tn_dict_count(expected));
    for (int64_t i = 0; i < tn_dict_count(expected); i++) {
        ck_assert_str_eq(tn_dict_name(dict, i), tn_dict_name(expected, i));
        check_same_bits(tn_contiguous(ctx, tn_dict_at(dict, i)), tn_dict_at(expected, i));
    }
}

START_TEST(reads_what_pytorch_wrote)
{
    char name[64];
    snprintf(name, sizeof name, "torch/%s.pth", names[_i]);
    tn_dict *dict = tn_load_pth(ctx, data_path(name));
    snprintf(name, sizeof name, "torch/%s.npz", names[_i]);
    compare(dict, tn_load_npz(ctx, data_path(name)));
}
END_TEST

START_TEST(passes_over_what_is_opaque)
{
    char name[64];
    snprintf(name, sizeof name, "torch/%s.pth", opaque[_i]);
    compare(tn_load_pth(ctx, data_path(name)), tn_load_npz(ctx, data_path("torch/opaque.npz")));
}
END_TEST

START_TEST(passes_over_numbers_of_numpy)
{
    tn_dict *dict = tn_load_pth(ctx, data_path("torch/numpy.pth"));
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict), 0);
}
END_TEST

START_TEST(reads_alexnet)
{
    if (!shared_path("alexnet/alexnet_features.pth"))
        return;
    tn_dict *dict = tn_load_pth(ctx, shared_path("alexnet/alexnet_features.pth"));
    compare(dict, tn_load_npz(ctx, shared_path("alexnet/alexnet_features.npz")));
}
END_TEST

/* Views share the storage that was read once, as in PyTorch. */
START_TEST(keeps_views)
{
    const char *path = data_path(_i ? "torch/mixed_legacy.pth" : "torch/mixed_zip.pth");
    tn_dict *dict = tn_load_pth(ctx, path);
    const tn_tensor *shared = tn_dict_get(dict, "shared");
    const char *data = tn_data(shared);
    ck_assert_ptr_eq(tn_data(tn_dict_get(dict, "row")), data + 12 * sizeof(float));
    ck_assert_ptr_eq(tn_data(tn_dict_get(dict, "transposed")), data);
    ck_assert_ptr_eq(tn_data(tn_dict_get(dict, "strided")), data + sizeof(float));
    ck_assert_int_eq(tn_strides(tn_dict_get(dict, "strided"))[0], 12);
    ck_assert_int_eq(tn_strides(tn_dict_get(dict, "strided"))[1], 2);
    tn_fill_(ctx, tn_dict_get(dict, "row"), 7);
    ck_assert_double_eq(tn_at(ctx, shared, (int64_t[]){2, 3}), 7);
}
END_TEST

/* Tensors of other kinds, and tensors where they have no names. */
static const char *const refused[][2] = {
    {"torch/module.pth", "load_pth: %: it is torch.nn.modules.linear.Linear" ALL},
    {"torch/complex.pth", "load_pth: %: it refers to torch.ComplexFloatStorage" ALL},
    {"torch/sparse.pth", "load_pth: %: it refers to torch._utils._rebuild_sparse_tensor" ALL},
    {"torch/in_namespace.pth", "load_pth: %: options: it is a part of argparse.Namespace" ALL},
    {"torch/in_set.pth", "load_pth: %: all: it is a part of __builtin__.set" ALL},
    {"torch/in_partial.pth", "load_pth: %: f: it is a part of functools.partial" ALL},
    {"torch/in_key.pth", "load_pth: %: it is a part of a key" ALL},
    {"torch/under_key.pth", "load_pth: %: it has a key that is neither text nor an integer" ALL},
    {"torch/in_attribute.pth", "load_pth: %: it is an attribute of a dictionary" ALL},
};

START_TEST(refuses_other_objects)
{
    ck_assert_ptr_null(tn_load_pth(ctx, data_path(refused[_i][0])));
    check_error(TN_ERR_FORMAT, refused[_i][1], data_path(refused[_i][0]));
}
END_TEST

static const char *const small[] = {"torch/mixed_zip.pth", "torch/mixed_legacy.pth",
                                    "torch/protocol4.pth", "torch/protocol4_legacy.pth"};

START_TEST(refuses_every_prefix)
{
    ck_assert_int_eq(load_prefixes(small[_i], load_pickled, PTH_EXPANSION), 0);
}
END_TEST

START_TEST(survives_damage)
{
    load_damaged(small[_i], load_pickled, PTH_EXPANSION);
}
END_TEST

START_TEST(survives_every_bit)
{
    static const char *const tiny[] = {"torch/tiny.pth", "torch/tiny_legacy.pth"};
    size_t size;
    unsigned char *bytes = read_bytes(data_path(tiny[_i]), &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (!load_pickled(write_temporary(bytes, size)))
            ck_assert_int_eq(tn_error_status(ctx), TN_ERR_FORMAT);
        tn_clear_error(ctx);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(bytes);
    remove_temporary();
}
END_TEST

START_TEST(survives_without_memory)
{
    load_without_memory(small[_i], load_pickled);
}
END_TEST

/* ---- files made here, in the older format ---------------------------------------------------- */

static const pickled objects[] = {
    {BYTES(NAMED(X)), 1, NULL},
    {BYTES(NAMED(MODULE "_rebuild_parameter\n" X "\x88}\x87R")), 1, NULL},
    {BYTES(NAMED(MODULE "_rebuild_tensor\n(" FOUR ZERO "K\4\x85K\1\x85tR")), 1, NULL},
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "ctorch\nSize\nK\4\x85\x85R", "K\1\x85"))), 1, NULL},

    /* What tensors are made of. */
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "\x88" NO_HOOKS "tR")), 1, NULL},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "\x89NNtR")), 1, NULL},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "\x89}}tR")), 1, NULL},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE
                         "\x89}}(" TEXT("\3", "neg") "\x89" TEXT("\4", "conj") "\x89utR")),
     1, NULL},
    {BYTES(NAMED(REBUILD3 "(" FOUR WHOLE "\x89}ctorch\nfloat32\nNtR")), 1, NULL},
    {BYTES(NAMED(MODULE "_rebuild_parameter_with_state\n(" X "\x88}}" TEXT("\1", "a") "K\1stR")), 1,
     NULL},
    {BYTES(NAMED(FROM_TYPE "(" REBUILD PARAMETER "(" FOUR WHOLE "\x89}t}tR")), 1, NULL},
    {BYTES(NAMED(FROM_TYPE "(" MODULE "_rebuild_parameter\nctorch\nTensor\n(" X "\x88}t}tR")), 1,
     NULL},
    {BYTES(OBJECT("Nq\4")), 0, "load_pth: %: storage 0 is listed but not described"},
    {BYTES(NAMED(MODULE "_rebuild_parameter\n" FROM_TYPE "(" REBUILD PARAMETER "(" FOUR WHOLE
                        "\x89}t}tR\x88}\x87R")),
     1, NULL},
    {BYTES(OBJECT(STORAGE(FLOATS, ZERO))), 0,
     "load_pth: %: storage 0 has 4 elements, but is described with 0"},
    {BYTES(NAMED(REBUILD3 "(" FOUR WHOLE "\x89}ctorch\nfloat32\nNNtR")), 0,
     "load_pth: %: x: a tensor is not described as PyTorch does it"},
    {BYTES(NAMED(FROM_TYPE "(" REBUILD "N(" FOUR WHOLE "\x89}t}tR")), 0,
     "load_pth: %: x: a tensor with attributes is not described as PyTorch does it"},
    {BYTES(NAMED(FROM_TYPE "(N" PARAMETER "(" FOUR WHOLE "\x89}t}tR")), 0,
     "load_pth: %: x: a tensor with attributes is not described as PyTorch does it"},
    {BYTES(NAMED(FROM_TYPE "(" REBUILD PARAMETER "(" FOUR WHOLE "\x89}t]" X "atR")), 0,
     "load_pth: %: x: it is a tensor's attribute" ALL},
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "J\0\0\0\x40J\0\0\0\x40\x86", "K\0K\0\x86"))), 0,
     "load_pth: %: x: its size [1073741824,1073741824] is too large"},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "N}tR")), 0,
     "load_pth: %: x: its requires_grad is neither True nor False"},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "\x89}K\1K\2stR")), 0,
     "load_pth: %: x: it has backward hooks, which cannot be read"},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "\x89K\0tR")), 0,
     "load_pth: %: x: it has backward hooks, which cannot be read"},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "\x89}K\1tR")), 0,
     "load_pth: %: x: its metadata is no dictionary"},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "\x89}}" TEXT("\4", "conj") "\x88stR")), 0,
     "load_pth: %: x: its metadata 'conj' cannot be read"},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "\x89}}" TEXT("\5", "other") "\x89stR")), 0,
     "load_pth: %: x: its metadata 'other' cannot be read"},
    /* The dictionary is the first in the file that holds anything. */
    {BYTES(OBJECT("}" TEXT("\4", "conj") "\x88sq\1" REBUILD "(" FOUR WHOLE "\x89}h\1tR")), 0,
     "load_pth: %: its metadata 'conj' cannot be read"},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "\x89}}" TEXT("\3", "neg") "NstR")), 0,
     "load_pth: %: x: its metadata 'neg' cannot be read"},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "\x89}NNtR")), 0,
     "load_pth: %: x: a tensor is not described as PyTorch does it"},
    {BYTES(NAMED(REBUILD "(" FOUR WHOLE "\x89tR")), 0,
     "load_pth: %: x: a tensor is not described as PyTorch does it"},
    {BYTES(NAMED(REBUILD "(" STORAGE("ctorch\nIntStorage\n", "K\4") WHOLE
                 "\x89}}" TEXT("\3", "neg") "\x88stR")),
     0, "load_pth: %: x: its metadata 'neg' cannot be read for i32"},
    {BYTES(NAMED(MODULE "_rebuild_tensor\n(" FOUR WHOLE "\x89tR")), 0,
     "load_pth: %: x: a tensor is not described as PyTorch does it"},
    {BYTES(NAMED(REBUILD3 "(" FOUR WHOLE "\x89}ctorch\nint32\ntR")), 0,
     "load_pth: %: x: storage 0 is of f32 and of i32"},
    {BYTES(NAMED(MODULE "_rebuild_parameter\n" X "N}\x87R")), 0,
     "load_pth: %: x: its requires_grad is neither True nor False"},
    {BYTES(NAMED(FOUR "0" MODULE "_rebuild_parameter\n]\x88}\x87R")), 0,
     "load_pth: %: x: a parameter is not described as PyTorch does it"},
    {BYTES(NAMED(MODULE "_rebuild_parameter_with_state\n(" X "\x88}]" X "atR")), 0,
     "load_pth: %: x: it is a tensor's attribute" ALL},
    {BYTES(NAMED(FROM_TYPE "(" REBUILD "cmine\nTensor\n(" FOUR WHOLE "\x89}t}tR")), 0,
     "load_pth: %: x: it is a mine.Tensor" ALL},
    {BYTES(NAMED(FROM_TYPE "(cmine\nf\nctorch\nTensor\n(" FOUR WHOLE "\x89}t}tR")), 0,
     "load_pth: %: x: it is made by mine.f" ALL},
    {BYTES(NAMED(FOUR "0" FROM_TYPE ")R")), 0,
     "load_pth: %: x: a tensor with attributes is not described as PyTorch does it"},
    {BYTES(OBJECT(FOUR "0" NAMESPACE ")\x81")), 0, "load_pth: %: it is argparse.Namespace" ALL},
    {BYTES(OBJECT(FOUR "0" NAMESPACE)), 0, "load_pth: %: it is argparse.Namespace" ALL},
    {BYTES(OBJECT("](\x8f(" X "\x90"
                  "e")),
     0, "load_pth: %: 0: it is a part of set" ALL},
    {BYTES(OBJECT("]cmine\nf\n(" FOUR "tRa")), 0, "load_pth: %: 0: it is a part of mine.f" ALL},
    {BYTES(OBJECT("]cmine\nf\n)R" X "aa")), 0, "load_pth: %: 0: it is a part of mine.f" ALL},
    {BYTES(OBJECT("]cmine\nf\n)R" X X "sa")), 0, "load_pth: %: 0: it is a part of mine.f" ALL},
    {BYTES(OBJECT("]cmine\nf\n" X "\x85R)Ra")), 0, "load_pth: %: 0: it is a part of mine.f" ALL},
    {BYTES(OBJECT("}" X X "s")), 0, "load_pth: %: it is a part of a key" ALL},
    {BYTES(OBJECT("cposix\nsystem\n" TEXT("\4", "true") "\x85R")), 0,
     "load_pth: %: it refers to posix.system; tensors of real numbers in dictionaries, lists and "
     "tuples are all that is read"},
    {BYTES(OBJECT(TEXT("\2", "os") TEXT("\6", "system") "\x93")), 0,
     "load_pth: %: it refers to os.system; tensors of real numbers in dictionaries, lists and "
     "tuples are all that is read"},
    {BYTES(OBJECT(TEXT("\3", "o\0s") TEXT("\6", "system") "\x93")), 0,
     "load_pth: %: pickle: a name is missing at byte 16"},
    {BYTES(OBJECT("c__builtin__\neval\n")), 0,
     "load_pth: %: it refers to __builtin__.eval; tensors of real numbers in dictionaries, lists "
     "and tuples are all that is read"},
    {BYTES(OBJECT("csubprocess\nPopen\n")), 0, "load_pth: %: it refers to subprocess.Popen" ALL},
    {BYTES(OBJECT("ctorch\n_utils._rebuild_tensor_v2\n")), 0,
     "load_pth: %: it refers to torch._utils._rebuild_tensor_v2; tensors of real numbers in "
     "dictionaries, lists and tuples are all that is read"},
    {BYTES(OBJECT("NQ")), 0, "load_pth: %: a storage is not described as PyTorch does it"},
    {BYTES(OBJECT("(" TEXT("\6", "stores") FLOATS TEXT("\1", "0") TEXT("\3", "cpu") "K\4tQ")), 0,
     "load_pth: %: a storage is not described as PyTorch does it"},
    {BYTES(OBJECT(STORAGE("ctorch\nSize\n", "K\4"))), 0,
     "load_pth: %: a storage is not described as PyTorch does it"},
    {BYTES(OBJECT(STORAGE(FLOATS, "J\xff\xff\xff\xff"))), 0,
     "load_pth: %: storage 0 has -1 elements"},
    {BYTES(OBJECT("(" TEXT("\7", "storage") FLOATS TEXT("\1", "0") TEXT("\3", "cpu") "K\4)tQ")), 0,
     "load_pth: %: storages that are parts of others cannot be read"},
    {BYTES(OBJECT("(" FOUR STORAGE("ctorch\nIntStorage\n", "K\4") "t")), 0,
     "load_pth: %: storage 0 is described in two ways"},
    {BYTES(OBJECT("(" FOUR STORAGE(FLOATS, "K\3") "t")), 0,
     "load_pth: %: storage 0 is described in two ways"},
    {BYTES(OBJECT(STORAGE(FLOATS, "K\5"))), 0,
     "load_pth: %: storage 0 has 4 elements, but is described with 5"},
    {BYTES(OBJECT(STORAGE("ctorch\nDoubleStorage\n", "K\4"))), 0,
     "load_pth: %: storage 0 has 4 elements of f64, but 16 bytes follow"},
    {BYTES(OBJECT(STORAGE("ctorch\nHalfStorage\n", "K\4"))), 0, NULL},
    {BYTES(OBJECT("N(" TEXT("\7", "storage") FLOATS TEXT("\1", "1") TEXT("\3", "cpu") "K\4tQ0")), 0,
     "load_pth: %: storage 0 is listed but not described"},
    {BYTES(NAMED(TENSOR(FOUR, "K\1", "K\4\x85", "K\1\x85"))), 0,
     "load_pth: %: x: shape [4] with strides [1] at 1 does not fit a storage of 4 elements"},
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "K\2K\2\x86", "K\3K\1\x86"))), 0,
     "load_pth: %: x: shape [2,2] with strides [3,1] at 0 does not fit a storage of 4 elements"},
    {BYTES(NAMED(TENSOR(FOUR, "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f", ")", ")"))), 0,
     "load_pth: %: x: shape [] with strides [] at 9223372036854775807 does not fit a storage of 4 "
     "elements"},
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "K\2\x85", "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f\x85"))), 0,
     "load_pth: %: x: shape [2] with strides [9223372036854775807] at 0 does not fit a storage of "
     "4 elements"},
    {BYTES(NAMED(TENSOR(FOUR, "K\1", "K\3\x85", "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f\x85"))), 0,
     "load_pth: %: x: shape [3] with strides [9223372036854775807] at 1 does not fit a storage of "
     "4 elements"},
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "\x8a\x8\0\0\0\0\0\0\0\x40K\4\x86", "K\0K\0\x86"))), 0,
     "load_pth: %: x: its size [4611686018427387904,4] is too large"},
    {BYTES(NAMED(TENSOR(FOUR, "J\xff\xff\xff\xff", "K\4\x85", "K\1\x85"))), 0,
     "load_pth: %: x: its shape, strides or offset are none"},
    {BYTES(NAMED(TENSOR(FOUR, "K\3", "K\4\x85", "J\xff\xff\xff\xff\x85"))), 0,
     "load_pth: %: x: its shape, strides or offset are none"},
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "J\xff\xff\xff\xff\x85", "K\1\x85"))), 0,
     "load_pth: %: x: its shape, strides or offset are none"},
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "K\4\x85", ")"))), 0,
     "load_pth: %: x: its shape, strides or offset are none"},
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "N", "N"))), 0,
     "load_pth: %: x: its shape, strides or offset are none"},
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "N\x85", "K\1\x85"))), 0,
     "load_pth: %: x: its shape, strides or offset are none"},
    {BYTES(NAMED(
         TENSOR(FOUR, ZERO, "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"))),
     0, "load_pth: %: x: it has more than 8 dimensions"},
    {BYTES(NAMED(FOUR "0" TENSOR("N", ZERO, ")", ")"))), 0,
     "load_pth: %: x: a tensor is not described as PyTorch does it"},
    {BYTES(NAMED(REBUILD FOUR "\x85R")), 0,
     "load_pth: %: x: a tensor is not described as PyTorch does it"},
    {BYTES(NAMED(FOUR "0" MODULE "_rebuild_parameter\n)R")), 0,
     "load_pth: %: x: a parameter is not described as PyTorch does it"},
    {BYTES(OBJECT("}(" TEXT("\1", "x") X TEXT("\1", "x") X "u")), 0,
     "load_pth: %: there are two values of the key 'x'"},
    {BYTES(OBJECT("}(" TEXT("\3", "a.x") X TEXT("\1", "a") "}" TEXT("\1", "x") X "su")), 0,
     "load_pth: %: a.x: there are two tensors of this name"},
    {BYTES(OBJECT("}(" TEXT("\1", "x") X TEXT("\1", "x") "Nu")), 0,
     "load_pth: %: there are two values of the key 'x'"},
    {BYTES(OBJECT("}(K\1" X TEXT("\1", "1") "NK\0NK\1]u")), 0,
     "load_pth: %: there are two values of the key '1'"},
    {BYTES(OBJECT("}" TEXT("\1", "d") "}(" TEXT("\1", "y") "N" TEXT("\1", "x") "}" TEXT("\1", "x") X
                  "s" TEXT("\1", "a") "N" TEXT("\1", "x") "Nus")),
     0, "load_pth: %: d: there are two values of the key 'x'"},
    {BYTES(OBJECT("}(K\1" X TEXT("\1", "x") "N" TEXT("\1", "y") "N" TEXT("\1", "2") "NK\2Nu")), 1,
     NULL},
    {BYTES(OBJECT("}(" TEXT("\1", "x")
                      X TEXT("\1", "d") "}(" TEXT("\1", "a") "N" TEXT("\1", "a") "Nuu")),
     1, NULL},
    /* What makes the values that a defaultdict lacks. */
    {BYTES(OBJECT("}(" TEXT("\1", "x") X TEXT("\1", "d") "ccollections\ndefaultdict\ncmine\nf\n)R" X
                                                         "b\x85Ru")),
     0, "load_pth: %: it is an attribute of a dictionary" ALL},
    {BYTES(OBJECT("}(" TEXT("\1", "x")
                      X TEXT("\1", "d") "ccollections\ndefaultdict\ncmine\nf\n)R\x85R"
                                        "u")),
     1, NULL},
    {BYTES(OBJECT("}(" TEXT("\1", "x")
                      X TEXT("\1", "d") "ccollections\ndefaultdict\ncmine\nf\n\x85R"
                                        "u")),
     1, NULL},
    /* The pair is the first in the file that holds anything; so is the inner list. */
    {BYTES(OBJECT("}K\1Ns(K\2" X "K\1Nu")), 0, "load_pth: %: there are two values of the key '1'"},
    {BYTES(OBJECT("]q\1]q\2ah\2" X "a0")), 1, NULL},
    {BYTES(OBJECT("}" TEXT("\3", "a\0b") X "s")), 0,
     "load_pth: %: it has a key that is neither text nor an integer" ALL},
    {BYTES(OBJECT("}" TEXT("\2", "\xc3(") X "s")), 0,
     "load_pth: %: it has a key that is neither text nor an integer" ALL},
    {BYTES(OBJECT("}"
                  "N" X "s")),
     0, "load_pth: %: it has a key that is neither text nor an integer" ALL},
};

START_TEST(reads_or_refuses)
{
    check_object(&objects[_i]);
}
END_TEST

/* The classes of storages, the dtypes that bytes can be taken for, and the sizes of both. */
static const struct {
    const char *storage, *dtype;
    int size;
    tn_dtype made;
} numbers[] = {
    {"DoubleStorage", "float64", 8, TN_F64},
    {"FloatStorage", "float32", 4, TN_F32},
    {"HalfStorage", "float16", 2, TN_F32},
    {"BFloat16Storage", "bfloat16", 2, TN_F32},
    {"LongStorage", "int64", 8, TN_I64},
    {"IntStorage", "int32", 4, TN_I32},
    {"ShortStorage", "int16", 2, TN_I32},
    {"CharStorage", "int8", 1, TN_I32},
    {"ByteStorage", "uint8", 1, TN_U8},
    {"BoolStorage", "bool", 1, TN_BOOL},
    {NULL, "uint64", 8, TN_I64},
    {NULL, "uint32", 4, TN_I64},
    {NULL, "uint16", 2, TN_I32},
};

/* Of eight elements; those with a dtype are bytes in the storage. */
static void check_numbers(int i, const char *storage, const char *dtype, int count)
{
    char object[512];
    size_t size = 0, at = sizeof PREAMBLE - 1, list = sizeof "\x80\2](" TEXT("\1", "0") "e." - 1;
    const char *const pieces[] = {"\x80\2", dtype ? REBUILD3 "(" : REBUILD "(",
                                  "(" TEXT("\7", "storage"), storage};
    for (int k = 0; k < 4; k++)
        size += (size_t)snprintf(object + size, 256, "%s", pieces[k]);
    size = append(object, size, BYTES(TEXT("\1", "0") TEXT("\3", "cpu") "K"));
    object[size++] = (char)count;
    size = append(object, size, BYTES("NtQK\0K\x8\x85K\1\x85\x89}"));
    if (dtype)
        size += (size_t)snprintf(object + size, 64, "ctorch\n%s\n", dtype);
    size = append(object, size, BYTES("tR."));
    write_object(object, size);
    pickled_file[at + size + list] = (unsigned char)count;
    memset(pickled_file + at + size + list + 8, 0, 64);
    pickled_file[at + size + list + 8] = 1;
    tn_dict *dict = tn_load_pth(
        ctx, write_temporary(pickled_file, at + size + list + 8 + 8 * (size_t)numbers[i].size));
    ck_tn_ok();
    ck_assert_int_eq(tn_dtype_of(tn_dict_at(dict, 0)), numbers[i].made);
    ck_tn_shape(tn_dict_at(dict, 0), "[8]");
    ck_assert_double_eq(tn_at(ctx, tn_dict_at(dict, 0), (int64_t[]){7}), 0);
    ck_assert(tn_at(ctx, tn_dict_at(dict, 0), (int64_t[]){0}) > 0);
    tn_dict_free(dict);
}

START_TEST(knows_storages_and_dtypes)
{
    char storage[64];
    snprintf(storage, sizeof storage, "ctorch\n%s\n",
             numbers[_i].storage ? numbers[_i].storage : "");
    if (numbers[_i].storage)
        check_numbers(_i, storage, NULL, 8);
    check_numbers(_i, "ctorch\nUntypedStorage\n", numbers[_i].dtype, 8 * numbers[_i].size);
    check_numbers(_i, "ctorch.storage\nUntypedStorage\n", numbers[_i].dtype, 8 * numbers[_i].size);
    remove_temporary();
}
END_TEST

/* ---- little that says much ------------------------------------------------------------------- */

static void check_count(const char *object, size_t size, int count)
{
    tn_dict *dict = tn_load_pth(ctx, write_object(object, size));
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict), count);
    tn_dict_free(dict);
    remove_temporary();
}

/* [[...]], with a tensor in the last and without one. */
START_TEST(limits_depth)
{
    char object[4096];
    size_t size = append(object, 0,
                         BYTES("\x80\2" X "q\x01"
                               "0"));
    memset(object + size, ']', 1000);
    size_t inner = append(object, size + 1000, BYTES("h\1"));
    memset(object + inner, 'a', 1000);
    object[inner + 1000] = '.';
    check_bomb(object, inner + 1001,
               "load_pth: %: 0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.: it is "
               "nested more than 64 deep" ALL);
    memset(object + inner - 2, 'a', 999);
    object[inner + 997] = '.';
    check_count(object, inner + 998, 0);
}
END_TEST

/* A size, and the same list twice, in what is opaque. */
START_TEST(passes_over_parts)
{
    check_count(BYTES(OBJECT(FOUR "0]" NAMESPACE ")R}" TEXT("\1", "s") "ctorch\nSize\nK\2\x85\x85R"
                                                                       "sba")),
                0);
    check_count(BYTES(OBJECT(FOUR "0]\x8f(]q\x01h\x01\x90"
                                  "a")),
                0);
}
END_TEST

/* MEMOIZE takes as many places as are used, not the one behind the last: here 1, of which PUT has
 * made b. */
START_TEST(counts_the_places_of_the_memo)
{
    tn_dict *dict = tn_load_pth(
        ctx, write_object(BYTES(OBJECT("}(" TEXT("\1", "a") X "q\1" TEXT("\1", "b") TENSOR(
                 FOUR, ZERO, "K\2\x85", "K\1\x85") "\x94" TEXT("\1", "c") "h\1u"))));
    ck_tn_ok();
    ck_tn_equal(tn_dict_get(dict, "a"), 1, 2, 3, 4);
    ck_tn_equal(tn_dict_get(dict, "c"), 1, 2);
    check_count(BYTES(OBJECT("](" X "q\7" X "\x94h\1"
                             "e")),
                3);
}
END_TEST

/* A key without letters is a key: a dot follows. */
START_TEST(joins_keys_by_dots)
{
    tn_dict *dict =
        tn_load_pth(ctx, write_object(BYTES(OBJECT("}(" TEXT("\0", "") "}" TEXT(
                             "\1", "w") X "s" TEXT("\1", "w") "}" TEXT("\0", "") X "su"))));
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict), 2);
    ck_assert_str_eq(tn_dict_name(dict, 0), ".w");
    ck_assert_str_eq(tn_dict_name(dict, 1), "w.");
    remove_temporary();
}
END_TEST

/* Values that are in themselves: their tensors have one name. */
START_TEST(passes_over_cycles)
{
#define ITSELF "}q\x01" TEXT("\1", "d") "h\x01s"
    check_count(BYTES(OBJECT(FOUR "0" ITSELF)), 0);
    check_count(BYTES(OBJECT(ITSELF TEXT("\1", "x") X "s")), 1);
    check_count(BYTES(OBJECT("]q\x01(h\x01" X "h\x01"
                             "e")),
                1);
    check_count(BYTES(OBJECT("}(" TEXT("\1", "x") X TEXT("\1", "c") NAMESPACE
                             ")Rq\x01}" TEXT("\1", "o") "h\x01sbu")),
                1);
    /* a["b"] = b and b["a"] = a: a.x, b.a.x. */
    check_count(BYTES(OBJECT("}(" TEXT("\1", "a") "}q\x01(" TEXT("\1", "b") "}q\x02" TEXT(
                    "\1", "a") "h\x01s" TEXT("\1", "x") X "u" TEXT("\1", "b") "h\x02u")),
                2);
}
END_TEST

/* Dictionaries each of which holds all of them, and is in a list beside a tensor. */
START_TEST(passes_over_what_holds_each_other)
{
    char object[4096];
    for (char count = 1; count <= 20; count++) {
        size_t size = append(object, 0, BYTES("\x80\2](" X));
        for (char i = 0; i < count; i++)
            size = append(object, size, (char[]){'}', 'q', i}, 3);
        size = append(object, size, BYTES("e"));
        for (char i = 0; i < count; i++) {
            size = append(object, size, (char[]){'h', i, '('}, 3);
            for (char k = 0; k < count; k++)
                size = append(object, size, (char[]){'K', k, 'h', k}, 4);
            size = append(object, size, BYTES("u0"));
        }
        check_count(object, append(object, size, BYTES(".")), 1);
    }
}
END_TEST

/* Values in each other: what is around them all, what begins and ends each, what is in the last,
 * and how many can be read; 0: any number, of what has no tensors. */
#define IN_TYPE FROM_TYPE PARAMETER "("
static const struct {
    const char *begin, *open, *inner, *close, *end;
    size_t sizes[5];
    int most;
} nested[] = {
#define NESTED(begin, open, inner, close, end, most)                                    \
    {                                                                                   \
        begin, open, inner, close, end,                                                 \
            {sizeof(begin) - 1, sizeof(open) - 1, sizeof(inner) - 1, sizeof(close) - 1, \
             sizeof(end) - 1},                                                          \
            most                                                                        \
    }
    NESTED("", "]", X, "a", "", 64),
    NESTED("", "(", X, "t", "", 64),
    NESTED("", "}K\1", X, "s", "", 64),
    NESTED("", "]", MODULE "_rebuild_parameter\n" X "\x88}\x87R", "a", "", 64),
    NESTED("", "]", "N", "a", "", 0),
    NESTED("]", "\x8f(", "N", "\x90", "a", 0),
    NESTED("}K\1K\2\x86", "]", "N", "a", "s", 0),
    NESTED("}K\1K\2\x86]", "]", "N", "a", "as", 0),
    NESTED("}]", "]", "N", "a", "aNs", 0),
    NESTED("}", "]", "N", "a", "b", 0),
    NESTED("]", NAMESPACE ")R}K\1", "N", "sb", "a", 0),
    NESTED("", MODULE "_rebuild_parameter\n", X, "\x88}\x87R", "", 64),
    NESTED(MODULE "_rebuild_parameter_with_state\n(" X "\x88}", "]", "N", "a", "tR", 0),
    NESTED(FROM_TYPE "(", IN_TYPE, REBUILD PARAMETER "(" FOUR WHOLE "\x89}t}", "t}", "tR", 63),
    NESTED(FROM_TYPE "(" REBUILD PARAMETER "(" FOUR WHOLE "\x89}t", "]", "N", "a", "tR", 0),
};

/* So many in each other. */
static size_t nest(char *object, int row, int count)
{
    const size_t *sizes = nested[row].sizes;
    size_t size = append(object, 0, BYTES(FOUR "0"));
    size = append(object, size, nested[row].begin, sizes[0]);
    for (int i = 0; i < count; i++)
        size = append(object, size, nested[row].open, sizes[1]);
    size = append(object, size, nested[row].inner, sizes[2]);
    for (int i = 0; i < count; i++)
        size = append(object, size, nested[row].close, sizes[3]);
    size = append(object, size, nested[row].end, sizes[4]);
    return append(object, size, ".", 1);
}

START_TEST(counts_the_depth)
{
    char object[16384];
    int most = nested[_i].most ? nested[_i].most : 400;
    ck_assert(load_pickled(write_object(object, nest(object, _i, most))));
    if (nested[_i].most) {
        ck_assert(!load_pickled(write_object(object, nest(object, _i, most + 1))));
        ck_assert_ptr_nonnull(strstr(tn_error(ctx), "it is nested more than 64 deep"));
        tn_clear_error(ctx);
    }
    remove_temporary();
}
END_TEST

/* Each list, or set, holds the one before it ten times, and is looked at once. */
START_TEST(looks_once_where_no_tensors_are)
{
    static const char *const kinds[] = {"](", "\x8f("};
    static const char ends[] = "e\x90";
    char object[2048];
    size_t size = append(object, 0,
                         BYTES(FOUR "0]Nq\0"
                                    "0"));
    for (char i = 1; i < 30; i++) {
        size = append(object, size, kinds[_i], 2);
        for (int j = 0; j < 10; j++)
            size = append(object, size, (char[]){'h', (char)(i - 1)}, 2);
        size = append(object, size, (char[]){ends[_i], 'q', i, '0'}, 4);
    }
    size = append(object, size,
                  BYTES("h\x1d"
                        "a."));
    check_count(object, size, 0);
}
END_TEST

START_TEST(limits_names)
{
    char object[4096], key[302] = "";
    memset(key, 'k', 301);
    size_t size = 0;
    for (int i = 0; i < 4; i++)
        size = append_letters(object, append(object, size, "}", 1), 'k', 301);
    size = append(object, size, BYTES(X "ssss."));
    char error[256];
    snprintf(error, sizeof error, "load_pth: %%: %.60s: it has a name of more than 1023 bytes" ALL,
             key);
    check_bomb(object, size, error);
}
END_TEST

/* A name of 1023 bytes: one key, or two with a dot between them. */
START_TEST(counts_the_bytes_of_names)
{
    static const int lengths[][3] = {{1023, 0, 1}, {1024, 0, 0}, {511, 511, 1}, {511, 512, 0},
                                     {1022, 1, 0}, {1021, 1, 1}, {1023, 1, 0}};
    char object[4096];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const int *n = lengths[i];
        size_t size = 0;
        for (int k = 0; k < 2 && n[k]; k++)
            size = append_letters(object, append(object, size, "}", 1), 'k', (size_t)n[k]);
        size = append(object, size, BYTES(X "s"));
        size = append(object, size, n[1] ? "s." : ".", n[1] ? 2 : 1);
        tn_dict *dict = tn_load_pth(ctx, write_object(object, size));
        ck_assert_int_eq(dict != NULL, n[2]);
        if (dict)
            ck_assert_int_eq((int)strlen(tn_dict_name(dict, 0)), n[0] + n[1] + (n[1] > 0));
        tn_dict_free(dict);
        tn_clear_error(ctx);
    }
    remove_temporary();
}
END_TEST

/* Keys that are too long for names may be there twice, like keys of other kinds. */
START_TEST(compares_keys_that_may_be_names)
{
    char object[4096];
    for (int length = 1023; length <= 1024; length++) {
        size_t size = append(object, 0, BYTES("}(K\1" X));
        for (int i = 0; i < 2; i++) {
            size = append_letters(object, size, 'k', (size_t)length);
            size = append(object, size, "N", 1);
        }
        size = append(object, size, BYTES("u."));
        tn_dict *dict = tn_load_pth(ctx, write_object(object, size));
        ck_assert_int_eq(tn_dict_count(dict), length == 1024);
        tn_clear_error(ctx);
        tn_dict_free(dict);
    }
    remove_temporary();
}
END_TEST

/* A list of one tensor ten times, in a list ten times, and so on: each would be a tensor of its own
 * name. */
START_TEST(limits_tensors)
{
    char object[2048];
    size_t size = append(object, 0, BYTES(X "q\0"));
    for (char i = 1; i < 6; i++) {
        size = append(object, size, BYTES("]("));
        for (int j = 0; j < 10; j++)
            size = append(object, size, (char[]){'h', (char)(i - 1)}, 2);
        size = append(object, size, (char[]){'e', 'q', i}, 3);
    }
    size = append(object, size, BYTES("."));
    check_bomb(object, size, "load_pth: %: it uses the same values too often");
}
END_TEST

/* A dictionary of 4,000 values without names and one tensor, 4,000 times: each pair is work. */
START_TEST(limits_pairs)
{
    enum { TIMES = 4000 };
    static char object[4 * TIMES + 1000];
    size_t size = append(object, 0,
                         BYTES("\x80\2" X "q\x01"
                               "0}("));
    size = append_times(object, size, BYTES("NN"), TIMES);
    size = append(object, size,
                  BYTES(TEXT("\1", "t") "h\x01uq\x02"
                                        "0]("));
    size = append_times(object, size, BYTES("h\x02"), TIMES);
    size = append(object, size, BYTES("e."));
    check_bomb(object, size, "load_pth: %: it uses the same values too often");
}
END_TEST

/* A list of one tensor, `times` times, under a key of 1,000 bytes: each name takes memory. */
START_TEST(limits_the_bytes_of_names)
{
    enum { TIMES = 20000, KEY = 1000 };
    static char object[2 * TIMES + KEY + 1000];
    size_t size = append(object, 0,
                         BYTES(X "q\x01"
                                 "0}"));
    size = append_letters(object, size, 'k', KEY);
    size = append(object, size, BYTES("]("));
    size = append_times(object, size, BYTES("h\x01"), TIMES);
    size = append(object, size, BYTES("es."));
    check_bomb(object, size, "load_pth: %: it uses the same values too often");
}
END_TEST

/* Metadata of 4,000 flags, of one tensor that is used 4,000 times. */
START_TEST(limits_flags)
{
    enum { TIMES = 4000 };
    static char object[5 * TIMES + 1000];
    size_t size = append(object, 0, BYTES("\x80\2" TEXT("\3", "neg") "q\1}("));
    size = append_times(object, size, BYTES("h\1\x89"), TIMES);
    size = append(object, size,
                  BYTES("uq\2" REBUILD "(" FOUR WHOLE "\x89}h\2tRq\3"
                        "]("));
    size = append_times(object, size, BYTES("h\3"), TIMES);
    size = append(object, size, BYTES("e."));
    check_bomb(object, size, "load_pth: %: it uses the same values too often");
}
END_TEST

/* Names of classes on the stack have 255 bytes at most, as those of lines have. */
START_TEST(limits_names_of_classes)
{
    char object[512];
    for (int length = 255; length <= 256; length++) {
        size_t size = append_letters(object, append(object, 0, "]", 1), 'm', (size_t)length);
        size = append(object, size, BYTES(TEXT("\1", "n") "\x93" FOUR "0a."));
        tn_dict *dict = tn_load_pth(ctx, write_object(object, size));
        ck_assert_int_eq(dict != NULL, length == 255);
        if (!dict)
            ck_assert_ptr_nonnull(strstr(tn_error(ctx), "a name that is too long is used"));
        tn_clear_error(ctx);
        tn_dict_free(dict);
    }
    remove_temporary();
}
END_TEST

/* One key of 200,000 bytes, 20,000 times: it is looked up once, not four thousand million bytes. */
START_TEST(long_keys_cost_little)
{
    enum { KEY = 200000, USES = 20000 };
    static const char use[] = "(h\0h\1h\2h\3K\0tQ0";
    char *object = calloc(1, 2 * KEY + USES * sizeof use + 1024);
    size_t size = append(object, 0, BYTES(PREAMBLE));
    size = append(object, size, BYTES("\x80\2" TEXT("\7", "storage") "q\0" FLOATS "q\1"));
    size = append_letters(object, size, 'k', KEY);
    size = append(object, size, BYTES("q\2" TEXT("\3", "cpu") "q\3"));
    size = append_times(object, size, BYTES(use), USES);
    size = append_letters(object, append(object, size, BYTES("N.\x80\2]")), 'k', KEY);
    size = append(object, size, BYTES("a.\0\0\0\0\0\0\0\0"));
    const char *path = write_temporary(object, size);
    clock_t begin = clock();
    ck_assert_int_eq(tn_dict_count(tn_load_pth(ctx, path)), 0);
    ck_tn_ok();
    ck_assert_double_lt(effort(begin), 2000); /* half of what looking it up each time would hash */
    free(object);
    remove_temporary();
}
END_TEST

/* Many tensors of one number each. */
START_TEST(tiny_tensors_take_little)
{
    enum { COUNT = 20000, ROOM = 160 };
    char *bytes = calloc(COUNT, 2 * ROOM), key[32];
    size_t size = append(bytes, 0, BYTES(PREAMBLE));
    size = append(bytes, size, BYTES("\x80\2}("));
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "X\5%c%c%c%05d", 0, 0, 0, i);
        size = append(bytes, size, key, 10);
        size = append(bytes, size, BYTES(REBUILD "((" TEXT("\7", "storage") FLOATS));
        size = append(bytes, size, key, 10);
        size = append(bytes, size,
                      BYTES(TEXT("\3", "cpu") "K\1tQK\0K\1\x85K\1\x85\x89" NO_HOOKS "tR"));
    }
    size = append(bytes, size, BYTES("u.\x80\2]("));
    for (int i = 0; i < COUNT; i++) {
        snprintf(key, sizeof key, "X\5%c%c%c%05d", 0, 0, 0, i);
        size = append(bytes, size, key, 10);
    }
    size = append(bytes, size, BYTES("e."));
    for (int i = 0; i < COUNT; i++)
        size = append(bytes, size, BYTES("\1\0\0\0\0\0\0\0\0\0\x80\x3f"));
    const char *path = write_temporary(bytes, size);
    tn_memory_reset_peak(ctx);
    int64_t live = tn_memory(ctx).live_bytes;
    tn_dict *dict = tn_load_pth(ctx, path);
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict), COUNT);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, 1500 * COUNT);
    free(bytes);
    remove_temporary();
}
END_TEST

/* ---- other parts of the file ----------------------------------------------------------------- */

/* Bytes of a file that is made here, replaced; the numbers count from its end if negative. */
static const struct {
    int at;
    const char *bytes;
    size_t size;
    const char *error;
} changes[] = {
    {4, BYTES("\0"), "load_pth: %: not a PyTorch file: the magic number is another one"},
    {2, BYTES("N."), "load_pth: %: not a PyTorch file: the magic number is another one"},
    {18, BYTES("\xea"), "load_pth: %: not version 1001 of the older PyTorch files"},
    {-33, BYTES("N."), "load_pth: %: the list of storages is missing"},
    {-29, BYTES("K\1e."), "load_pth: %: the key of a storage is no text"},
    {-24, BYTES("\5"), "load_pth: %: storage 0 has 5 elements, but is described with 4"},
    {-17, BYTES("\x80"),
     "load_pth: %: storage 0 has 9223372036854775812 elements, but is described with 4"},
};

START_TEST(checks_the_older_format)
{
    write_object(BYTES(NAMED(X)));
    size_t size = sizeof PREAMBLE - 1 + sizeof NAMED(X) - 1 + sizeof STORAGES - 1;
    size_t at = changes[_i].at < 0 ? size - (size_t)-changes[_i].at : (size_t)changes[_i].at;
    memcpy(pickled_file + at, changes[_i].bytes, changes[_i].size);
    const char *path = write_temporary(pickled_file, size);
    ck_assert_ptr_null(tn_load_pth(ctx, path));
    check_error(TN_ERR_FORMAT, changes[_i].error, path);
    remove_temporary();
}
END_TEST

START_TEST(refuses_storages_listed_twice)
{
    static const char list[] = "\x80\2](" TEXT("\1", "0") TEXT("\1", "0") "e.";
    write_object(BYTES(NAMED(X)));
    size_t at = sizeof PREAMBLE - 1 + sizeof NAMED(X) - 1;
    memcpy(pickled_file + at, list, sizeof list - 1);
    memcpy(pickled_file + at + sizeof list - 1, &STORAGES[sizeof STORAGES - 25], 24);
    const char *path = write_temporary(pickled_file, at + sizeof list - 1 + 24);
    ck_assert_ptr_null(tn_load_pth(ctx, path));
    check_error(TN_ERR_FORMAT, "load_pth: %: storage 0 is listed twice", path);
    remove_temporary();
}
END_TEST

/* Texts that go on behind a zero are not the ones before it. */
START_TEST(texts_have_zeros)
{
    static const char list[] = "\x80\2](" TEXT("\3", "0\0z") "e.";
    write_object(BYTES(NAMED(X)));
    size_t at = sizeof PREAMBLE - 1 + sizeof NAMED(X) - 1;
    memcpy(pickled_file + at, list, sizeof list - 1);
    const char *path = write_temporary(pickled_file, at + sizeof list - 1);
    ck_assert_ptr_null(tn_load_pth(ctx, path));
    check_error(TN_ERR_FORMAT, "load_pth: %: the key of a storage is no text", path);
    remove_temporary();
}
END_TEST

#define HIGH "\x8a\x8\0\0\0\0\0\0\0\x40" /* 2^62 */

#define BEYOND "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7f" /* 2^63 - 1 */
#define WITH_X(value) OBJECT("}(" TEXT("\1", "x") X TEXT("\1", "e") value "u")

/* Without elements, neither strides nor offsets matter. The first is x[2:,3:] of six elements. */
static const struct {
    const char *object;
    size_t size;
    const char *shape;
} empty_views[] = {
    {BYTES(WITH_X(TENSOR(FOUR, "K\x9", "K\0K\0\x86", "K\3K\1\x86"))), "[0,0]"},
    {BYTES(WITH_X(TENSOR(FOUR, "K\4", "K\0K\4\x86", "K\1K\x64\x86"))), "[0,4]"},
    {BYTES(WITH_X(TENSOR(FOUR, ZERO, "K\0\x85", "K\1\x85"))), "[0]"},
    {BYTES(WITH_X(TENSOR(FOUR, BEYOND, "K\0\x85", "K\1\x85"))), "[0]"},
    {BYTES(WITH_X(TENSOR(FOUR, ZERO, "K\3K\0\x86", HIGH "K\1\x86"))), "[3,0]"},
    {BYTES(WITH_X(TENSOR(FOUR, HIGH, "K\5K\0K\3\x87", HIGH HIGH HIGH "\x87"))), "[5,0,3]"},
};

static void check_empty_view(const char *path, const char *shape)
{
    tn_dict *dict = tn_load_pth(ctx, path);
    ck_tn_ok();
    const tn_tensor *e = tn_dict_get(dict, "e"), *x = tn_dict_get(dict, "x");
    ck_tn_equal(x, 1, 2, 3, 4);
    ck_tn_shape(e, shape);
    ck_assert_ptr_eq(tn_data(e), tn_data(x));
    ck_assert_int_eq(tn_numel(tn_contiguous(ctx, e)), 0);
    tn_dict_free(dict);
}

START_TEST(reads_empty_views)
{
    const char *object = empty_views[_i].object;
    const archive_entry entries[] = {{"a/data.pkl", object, empty_views[_i].size},
                                     {"a/data/0", &STORAGES[sizeof STORAGES - 17], 16}};
    check_empty_view(write_object(object, empty_views[_i].size), empty_views[_i].shape);
    remove_temporary();
    make_folder();
    write_entries(folder_path("x.pth"), entries, 2, false);
    check_empty_view(folder_path("x.pth"), empty_views[_i].shape);
    remove_folder();
}
END_TEST

/* Of one element, again and again, to the limit of 63 bits. */
START_TEST(reads_the_largest_view)
{
    static const char object[] =
        NAMED(TENSOR(FOUR, ZERO, "J\xff\xff\xff\x3fJ\0\0\0\x40\x86", "K\0K\0\x86"));
    tn_dict *dict = tn_load_pth(ctx, write_object(BYTES(object)));
    ck_tn_ok();
    ck_tn_shape(tn_dict_at(dict, 0), "[1073741823,1073741824]");
    remove_temporary();
}
END_TEST

/* A stride along which there is no second element may be any number in the file; here it is one
 * with which nothing overflows. */
static const struct {
    const char *object;
    size_t size;
    int ndim;
    int64_t strides[3];
} idle_strides[] = {
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "K\0K\5K\5\x87", "K\1" HIGH HIGH "\x87"))), 3, {25, 5, 1}},
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "K\2K\1K\2\x87", "K\2" HIGH "K\1\x87"))), 3, {2, 2, 1}},
    {BYTES(NAMED(TENSOR(FOUR, ZERO, "K\1K\2\x86", "K\4K\1\x86"))), 2, {4, 1}},
};

START_TEST(strides_that_say_nothing)
{
    tn_dict *dict = tn_load_pth(ctx, write_object(idle_strides[_i].object, idle_strides[_i].size));
    ck_tn_ok();
    const tn_tensor *t = tn_dict_at(dict, 0);
    for (int i = 0; i < idle_strides[_i].ndim; i++)
        ck_assert_int_eq(tn_strides(t)[i], idle_strides[_i].strides[i]);
    ck_assert_ptr_nonnull(tn_slice(ctx, t, 1, 0, INT64_MAX, 4));
    ck_assert_ptr_nonnull(tn_sum(ctx, t, (tn_reduce_opts){0}));
    ck_tn_ok();
    remove_temporary();
}
END_TEST

/* As PyTorch does. */
START_TEST(passes_over_what_follows)
{
    write_object(BYTES(NAMED(X)));
    size_t size = sizeof PREAMBLE - 1 + sizeof NAMED(X) - 1 + sizeof STORAGES - 1;
    pickled_file[size] = 1;
    ck_tn_equal(tn_dict_get(tn_load_pth(ctx, write_temporary(pickled_file, size + 1)), "x"), 1, 2,
                3, 4);
    remove_temporary();
}
END_TEST

/* The numbers of a storage, and the same with other signs, which are in memory of their own. */
START_TEST(negates)
{
    static const char object[] =
        OBJECT("(" X REBUILD "(" FOUR WHOLE
               "\x89}}" TEXT("\3", "neg") "\x88stR" REBUILD "(" FOUR ZERO
                                          "K\2\x85K\2\x85\x89}}" TEXT("\3", "neg") "\x88stR" X "t");
    tn_dict *dict = tn_load_pth(ctx, write_object(BYTES(object)));
    ck_tn_ok();
    ck_tn_equal(tn_dict_get(dict, "0"), 1, 2, 3, 4);
    ck_tn_equal(tn_dict_get(dict, "1"), -1, -2, -3, -4);
    ck_tn_equal(tn_dict_get(dict, "2"), -1, -3);
    ck_assert_ptr_eq(tn_data(tn_dict_get(dict, "0")), tn_data(tn_dict_get(dict, "3")));
    ck_assert_ptr_eq(tn_data(tn_dict_get(dict, "1")), tn_data(tn_dict_get(dict, "2")));
    remove_temporary();
}
END_TEST

START_TEST(refuses_tar)
{
    memset(pickled_file, 0, 1024);
    memcpy(pickled_file + 257, "ustar", 5);
    const char *path = write_temporary(pickled_file, 1024);
    ck_assert_ptr_null(tn_load_pth(ctx, path));
    check_error(TN_ERR_FORMAT,
                "load_pth: %: the tar format of PyTorch before 0.1.10 cannot be read", path);
    remove_temporary();
}
END_TEST

/* What stands before the object. PyTorch passes over the facts about the machine, and writes the
 * numbers of this format in one order on every machine. In protocol 1 the magic number is text. */
#define MAGIC "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define VERSION "\x80\2M\xe9\3."
#define MAGIC_DIGITS "119547037146038801333356"
static const struct {
    const char *bytes;
    size_t size;
    const char *error;
} preambles[] = {
    {BYTES(MAGIC VERSION "\x80\2}" TEXT("\x0d", "little_endian") "\x89s."), NULL},
    {BYTES(MAGIC VERSION "\x80\2}" TEXT("\x0f", "little_endian\0x") "\x89s."), NULL},
    {BYTES(MAGIC VERSION "N."), NULL},
    {BYTES("L" MAGIC_DIGITS "L\n." VERSION "N."), NULL},
    {BYTES("\x80\2C\x1b" MAGIC_DIGITS "L\0x." VERSION "N."),
     "load_pth: %: not a PyTorch file: the magic number is another one"},
    {BYTES("\x80\2" TEXT("\x19", MAGIC_DIGITS "L") "." VERSION "N."),
     "load_pth: %: not a PyTorch file: the magic number is another one"},
};

START_TEST(reads_preambles)
{
    char *bytes = (char *)pickled_file;
    size_t size = append(bytes, 0, preambles[_i].bytes, preambles[_i].size);
    size = append(bytes, size, BYTES(NAMED(X)));
    size = append(bytes, size, BYTES(STORAGES));
    const char *path = write_temporary(pickled_file, size);
    tn_dict *dict = tn_load_pth(ctx, path);
    if (preambles[_i].error)
        check_error(TN_ERR_FORMAT, preambles[_i].error, path);
    else
        ck_tn_equal(tn_dict_at(dict, 0), 1, 2, 3, 4);
    ck_tn_ok();
    remove_temporary();
}
END_TEST

START_TEST(reports_the_system)
{
    ck_assert_ptr_null(tn_load_pth(ctx, "no/such/file"));
    check_error(TN_ERR_FILE, "load_pth: %: No such file or directory", "no/such/file");
    ck_assert_ptr_null(tn_load_pth(ctx, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "load_pth: path is NULL");
    ck_assert_ptr_null(tn_load_pth(NULL, "x"));
    ck_assert_ptr_null(tn_load_pth(ctx, data_path("stored.npz")));
    check_error(TN_ERR_FORMAT, "load_pth: %: not a PyTorch file: there is no entry data.pkl",
                data_path("stored.npz"));
}
END_TEST

/* ---- archives made here ---------------------------------------------------------------------- */

#define ARCHIVED "(" TEXT("\7", "storage") FLOATS TEXT("\1", "0") TEXT("\3", "cpu") "K\4tQ"
#define PICKLE NAMED(TENSOR(ARCHIVED, ZERO, "K\4\x85", "K\1\x85"))
#define UNTYPED(size)                                                                              \
    "(" TEXT("\7", "storage") "ctorch.storage\nUntypedStorage\n" TEXT("\1", "0") TEXT("\3", "cpu") \
        size "tQ"
#define BYTES16 UNTYPED("K\x10")
#define BYTES15 UNTYPED("K\x0f")
#define PICKLE3(dtype) NAMED(REBUILD3 "(" BYTES16 WHOLE "\x89}ctorch\n" dtype "\ntR")
#define LITTLE "\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40"
#define BIG "\x3f\x80\0\0\x40\0\0\0\x40\x40\0\0\x40\x80\0\0"
#define MAX_ENTRIES 4

static const struct {
    archive_entry entries[MAX_ENTRIES];
    const char *error;
} archives[] = {
    {{{"a/data.pkl", BYTES(PICKLE)}, {"a/data/0", BYTES(LITTLE)}}, NULL},
    {{{"a/data/0", BYTES(LITTLE)}, {"a/data.pkl", BYTES(PICKLE)}, {"a/version", BYTES("3\n")}},
     NULL},
    {{{"a/byteorder", BYTES("little")}, {"a/data.pkl", BYTES(PICKLE)}, {"a/data/0", BYTES(LITTLE)}},
     NULL},
    {{{"a/byteorder", BYTES("big")}, {"a/data.pkl", BYTES(PICKLE)}, {"a/data/0", BYTES(BIG)}},
     NULL},
    {{{"a/data.pkl", BYTES(PICKLE)}}, "load_pth: %: x: there is no storage 0"},
    {{{"a/data.pkl", BYTES(PICKLE)}, {"b/data/0", BYTES(LITTLE)}},
     "load_pth: %: x: there is no storage 0"},
    {{{"a/data.pkl", BYTES(PICKLE)}, {"a/data/0", BYTES("\0\0\x80")}},
     "load_pth: %: x: header says [4] of f32, 16 bytes, but the file holds 3"},
    {{{"a/data.pkl", BYTES(PICKLE)}, {"a/data/0", BYTES(LITTLE LITTLE)}},
     "load_pth: %: x: header says [4] of f32, 16 bytes, but the file holds 32"},
    {{{"a/data.pkl", BYTES(PICKLE)}, {"b/data.pkl", BYTES(PICKLE)}},
     "load_pth: %: there are two entries data.pkl"},
    {{{"a/data.pkl", BYTES(PICKLE)}, {"a/data/0", BYTES(LITTLE)}, {"a/data/0", BYTES(LITTLE)}},
     "load_pth: %: there are two entries 'a/data/0'"},
    {{{"a/data.pkl", BYTES(PICKLE "x")}, {"a/data/0", BYTES(LITTLE)}}, NULL},
    {{{"a/", BYTES("")},
      {"a/data.pkl", BYTES(PICKLE)},
      {"a/data/0", BYTES(LITTLE)},
      {"README.txt", BYTES("two")}},
     NULL},
    {{{"a/data.pkl", BYTES(PICKLE)},
      {"a/.data/serialization_id", BYTES("12")},
      {"a/data/0", BYTES(LITTLE)},
      {"a/.format_version", BYTES("1")}},
     NULL},
    {{{"a/byteorder", BYTES("middle")}, {"a/data.pkl", BYTES(PICKLE)}, {"a/data/0", BYTES(LITTLE)}},
     "load_pth: %: the byte order 'middle' is unknown"},
    {{{"a/byteorder", BYTES("bin")}, {"a/data.pkl", BYTES(PICKLE)}, {"a/data/0", BYTES(LITTLE)}},
     "load_pth: %: the byte order 'bin' is unknown"},
    {{{"a/byteorder", BYTES("big\0junk")},
      {"a/data.pkl", BYTES(PICKLE)},
      {"a/data/0", BYTES(LITTLE)}},
     "load_pth: %: the byte order 'big' is unknown"},
    {{{"a/byteorder", BYTES("little\0X")},
      {"a/data.pkl", BYTES(PICKLE)},
      {"a/data/0", BYTES(LITTLE)}},
     "load_pth: %: the byte order 'little' is unknown"},
    {{{"a/data.pkl", BYTES(PICKLE3("float32"))}, {"a/data/0", BYTES(LITTLE)}}, NULL},
    {{{"a/byteorder", BYTES("big")},
      {"a/data.pkl", BYTES(PICKLE3("float32"))},
      {"a/data/0", BYTES(BIG)}},
     NULL},
    {{{"a/data.pkl", BYTES(NAMED(REBUILD "(" BYTES16 WHOLE "\x89}tR"))}},
     "load_pth: %: x: its storage has no type"},
    {{{"a/data.pkl", BYTES(PICKLE3("float8_e5m2"))}},
     "load_pth: %: x: its dtype torch.float8_e5m2 cannot be read"},
    {{{"a/data.pkl", BYTES(NAMED(REBUILD3 "(" BYTES16 WHOLE "\x89}NtR"))}},
     "load_pth: %: x: its dtype is none and cannot be read"},
    {{{"a/data.pkl", BYTES(NAMED(REBUILD3 "(" BYTES15 WHOLE "\x89}ctorch\nfloat32\ntR"))}},
     "load_pth: %: x: storage 0 of 15 bytes cannot be of f32"},
    {{{"a/data.pkl", BYTES(PICKLE3("uint64"))}, {"a/data/0", BYTES(LITTLE)}},
     "load_pth: %: x: shape [4] with strides [1] at 0 does not fit a storage of 2 elements"},
    {{{"a/data.pkl", BYTES("\x80\2N")}}, "load_pth: %: pickle: it is cut off at byte 3"},
    {{{"a/data.pkl", BYTES("")}}, "load_pth: %: pickle: it is cut off at byte 0"},
    {{{"data.pkl", BYTES(PICKLE)}}, "load_pth: %: not a PyTorch file: there is no entry data.pkl"},
    {{{"a/b/data.pkl", BYTES(PICKLE)}},
     "load_pth: %: not a PyTorch file: there is no entry data.pkl"},
};

START_TEST(reads_archives)
{
    int count = 0;
    while (count < MAX_ENTRIES && archives[_i].entries[count].name)
        count++;
    make_folder();
    const char *path = folder_path("x.pth");
    write_entries(path, archives[_i].entries, count, false);
    tn_dict *dict = tn_load_pth(ctx, path);
    if (archives[_i].error)
        check_error(TN_ERR_FORMAT, archives[_i].error, path);
    else
        ck_tn_equal(tn_dict_get(dict, "x"), 1, 2, 3, 4);
    ck_tn_ok();
    remove_folder();
}
END_TEST

/* A key of another name would be as good a pickle. */
START_TEST(checks_the_pickles_crc)
{
    size_t size;
    unsigned char *bytes = read_bytes(data_path("torch/tiny.pth"), &size);
    unsigned char *key = memmem(bytes, size, "X\1\0\0\0x", 6);
    ck_assert_ptr_nonnull(key);
    key[5] = 'y';
    ck_assert_ptr_null(tn_load_pth(ctx, write_temporary(bytes, size)));
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), "its CRC-32 is "));
    tn_clear_error(ctx);
    free(bytes);
    remove_temporary();
}
END_TEST

static void add_hostile_tests(Suite *suite)
{
    TCase *tc = tn_case(suite, "hostile");
    tcase_add_loop_test(tc, reads_or_refuses, 0, (int)(sizeof objects / sizeof *objects));
    tcase_add_loop_test(tc, knows_storages_and_dtypes, 0, (int)(sizeof numbers / sizeof *numbers));
    tcase_add_test(tc, limits_depth);
    tcase_add_test(tc, passes_over_parts);
    tcase_add_test(tc, counts_the_places_of_the_memo);
    tcase_add_test(tc, joins_keys_by_dots);
    tcase_add_test(tc, passes_over_cycles);
    tcase_add_test(tc, passes_over_what_holds_each_other);
    tcase_add_test(tc, texts_have_zeros);
    tcase_add_loop_test(tc, counts_the_depth, 0, (int)(sizeof nested / sizeof *nested));
    tcase_add_loop_test(tc, looks_once_where_no_tensors_are, 0, 2);
    tcase_add_test(tc, limits_names);
    tcase_add_test(tc, counts_the_bytes_of_names);
    tcase_add_test(tc, compares_keys_that_may_be_names);
    tcase_add_test(tc, limits_tensors);
    tcase_add_test(tc, limits_pairs);
    tcase_add_test(tc, limits_the_bytes_of_names);
    tcase_add_test(tc, limits_flags);
    tcase_add_test(tc, limits_names_of_classes);
    tcase_add_test(tc, long_keys_cost_little);
    tcase_add_test(tc, tiny_tensors_take_little);
    tcase_add_loop_test(tc, checks_the_older_format, 0, (int)(sizeof changes / sizeof *changes));
    tcase_add_test(tc, refuses_storages_listed_twice);
    tcase_add_loop_test(tc, reads_empty_views, 0, (int)(sizeof empty_views / sizeof *empty_views));
    tcase_add_test(tc, reads_the_largest_view);
    tcase_add_loop_test(tc, strides_that_say_nothing, 0,
                        (int)(sizeof idle_strides / sizeof *idle_strides));
    tcase_add_test(tc, passes_over_what_follows);
    tcase_add_test(tc, negates);
    tcase_add_test(tc, refuses_tar);
    tcase_add_loop_test(tc, reads_preambles, 0, (int)(sizeof preambles / sizeof *preambles));
    tcase_add_test(tc, reports_the_system);
    tcase_add_test(tc, checks_the_pickles_crc);
    tcase_add_loop_test(tc, reads_archives, 0, (int)(sizeof archives / sizeof *archives));
}

int main(void)
{
    Suite *suite = suite_create("pth");
    TCase *tc = tn_case(suite, "pth");
    tcase_add_loop_test(tc, reads_what_pytorch_wrote, 0, (int)(sizeof names / sizeof *names));
    tcase_add_test(tc, reads_alexnet);
    tcase_add_loop_test(tc, keeps_views, 0, 2);
    tcase_add_loop_test(tc, passes_over_what_is_opaque, 0, (int)(sizeof opaque / sizeof *opaque));
    tcase_add_test(tc, passes_over_numbers_of_numpy);
    tcase_add_loop_test(tc, refuses_other_objects, 0, (int)(sizeof refused / sizeof *refused));
    tcase_add_loop_test(tc, refuses_every_prefix, 0, (int)(sizeof small / sizeof *small));
    tcase_add_loop_test(tc, survives_damage, 0, (int)(sizeof small / sizeof *small));
    tcase_add_loop_test(tc, survives_every_bit, 0, 2);
    tcase_add_loop_test(tc, survives_without_memory, 0, (int)(sizeof small / sizeof *small));
    add_hostile_tests(suite);
    return tn_run(suite);
}
