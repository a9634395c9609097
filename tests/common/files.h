/* files.h - the files that the tests of libtensor/io read, whole, cut and damaged. */
#ifndef TEST_FILES_H
#define TEST_FILES_H

#include <tn/tn.h>

/* The path of a file in tests/data, and of one in ../shared/data (or $TN_SHARED_DATA), which is
 * NULL, with a line on standard output, if there is none. Each stays valid until the next call. */
const char *data_path(const char *name);
const char *shared_path(const char *name);

/* Writes a temporary file and returns its path, which stays valid until the next call. */
const char *write_temporary(const void *bytes, size_t size);
void remove_temporary(void);

/* An empty folder for a test, which teardown removes with what is in it; the path of a file there,
 * which stays valid until the next call but three; and how many files there are. */
void make_folder(void);
void remove_folder(void);
const char *folder_path(const char *name);
int files_in_folder(void);

/* Writes a number in `size` bytes, the least significant one first, as most formats have it. */
void put_number(unsigned char *p, int size, uint64_t value);

/* The contents of a file, to be given to free. */
unsigned char *read_bytes(const char *path, size_t *size);

/* A function that reads the file of that path, which is its name. */
tn_source source_of(const char *path);

/* Loads a file in the context of the test, forgets what it held, and says whether it could be
 * loaded. */
typedef bool (*load_fn)(const char *path);

/* Loads every part of the file of tests/data that begins where it begins and is shorter: each must
 * be refused with TN_ERR_FORMAT and a line of text with the path, leave nothing behind, and take no
 * more memory than `expansion` bytes for each byte of the file. Returns how many were loaded all
 * the same. */
int load_prefixes(const char *name, load_fn load, int64_t expansion);

/* The same for files in which one byte is changed; these may load. */
void load_damaged(const char *name, load_fn load, int64_t expansion);

/* Loads the file once for each allocation that this takes, while that one and those after it fail:
 * each must end with TN_ERR_MEMORY and leave nothing behind. */
void load_without_memory(const char *name, load_fn load);

/* Loads a file and says what memory it took at most besides the numbers of the tensors that came
 * out, in bytes; and, in *loaded, whether it could be loaded. */
int64_t memory_to_load(const char *path, tn_dict *(*load)(const char *path), bool *loaded);

/* Fails the test unless `load`, which calls the function named `what`, refuses a file that is not
 * there, a folder and NULL, each in its words, and loads nothing, not the file `good` of tests/data
 * either, while an error is recorded. */
void refuse_paths(const char *what, load_fn load, const char *good);

/* The arrays that NumPy wrote into types.npz and SciPy into types.mat, each [2,3], and what they
 * are read as. The first MATLAB_TYPES are in both. */
enum { MATLAB_TYPES = 10, NUMPY_TYPES = 12 };
extern const struct number_type {
    const char *name;
    tn_dtype dtype;
    double values[6];
} number_types[NUMPY_TYPES];

/* Fails the test unless the context has this error, and clears it; "%" in `text` stands for the
 * path. */
void check_error(tn_status status, const char *text, const char *path);

#endif
