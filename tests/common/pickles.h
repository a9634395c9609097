/* pickles.h - PyTorch's files made by the tests: pickles spelled by opcodes, in the older format
 * and in archives. */
#ifndef TEST_PICKLES_H
#define TEST_PICKLES_H

#include "common/check_tn.h"
#include "common/files.h"

#define ALL "; tensors of real numbers in dictionaries, lists and tuples are all that is read"

#define TEXT(length, s) "\x8c" length s
#define MODULE "ctorch._utils\n"
#define REBUILD MODULE "_rebuild_tensor_v2\n"
#define FLOATS "ctorch\nFloatStorage\n"
#define ZERO "K\0"
#define STORAGE(class, count) \
    "(" TEXT("\7", "storage") class TEXT("\1", "0") TEXT("\3", "cpu") count "NtQ"
#define TENSOR(storage, offset, shape, strides) REBUILD "(" storage offset shape strides "\x89}tR"
#define FOUR STORAGE(FLOATS, "K\4")
#define X TENSOR(FOUR, ZERO, "K\4\x85", "K\1\x85")
#define NO_HOOKS "ccollections\nOrderedDict\n)R"
#define REBUILD3 MODULE "_rebuild_tensor_v3\n"
#define WHOLE ZERO "K\4\x85K\1\x85"
#define FROM_TYPE "ctorch._tensor\n_rebuild_from_type_v2\n"
#define PARAMETER "ctorch.nn.parameter\nParameter\n"
#define NAMESPACE "cargparse\nNamespace\n"
#define OBJECT(value) "\x80\2" value "."
#define NAMED(value) OBJECT("}" TEXT("\1", "x") value "s")
#define BYTES(s) s, sizeof s - 1

/* What is around the pickle of an object in the older format: the magic number, the version and the
 * facts about the machine before it; behind it the list of storages, and "0" of four floats, 1 to
 * 4. */
#define PREAMBLE                                              \
    "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." \
    "\x80\2M\xe9\3."                                          \
    "\x80\2}" TEXT("\x0d", "little_endian") "\x88s."
#define STORAGES                                  \
    "\x80\2](" TEXT("\1", "0") "e."               \
                               "\4\0\0\0\0\0\0\0" \
                               "\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40"

/* Bytes of memory that a byte of a pickle can take. */
#define PTH_EXPANSION 512

/* The file of the last write_object. */
extern unsigned char pickled_file[65536];

/* Writes the file of an object, and returns its path. */
const char *write_object(const char *object, size_t size);

/* Puts bytes behind the first `size` ones, and returns how many there are then. */
size_t append(char *object, size_t size, const char *bytes, size_t count);

/* The same of bytes again and again, and of a text of one letter. */
size_t append_times(char *object, size_t size, const char *bytes, size_t count, int times);
size_t append_letters(char *object, size_t size, char letter, size_t length);

/* Loads a file, forgets what it held, and says whether it could be loaded. */
bool load_pickled(const char *path);

/* An object and what it is: without an error `count` tensors, each of 1 to 4. */
typedef struct pickled {
    const char *object;
    size_t size;
    int count;
    const char *error;
} pickled;

void check_object(const pickled *p);

/* The object is refused with this error, and takes little memory. */
void check_bomb(const char *object, size_t size, const char *error);

/* Writes an archive as the library itself does. */
typedef struct archive_entry {
    const char *name, *bytes;
    size_t size;
} archive_entry;

void write_entries(const char *path, const archive_entry *entries, int count, bool compress);

#endif
