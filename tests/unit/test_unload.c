/* The shared library as a plugin: loaded, used in several threads, and unloaded, again and again.
 * After the last context is gone no thread is left in its code and no handler of forks, so it can
 * be taken out of memory. */
#define _DEFAULT_SOURCE /* usleep */
#include "common/check_tn.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the test calls of the library that it loads. */
typedef struct plugin {
    void *handle;
    tn_ctx *(*ctx_new)(const tn_ctx_opts *opts);
    void (*ctx_free)(tn_ctx *ctx);
    tn_tensor *(*full)(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape, double value);
    tn_tensor *(*matmul)(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b);
    tn_tensor *(*exponential)(tn_ctx *ctx, const tn_tensor *x);
    const float *(*data_f32)(const tn_tensor *t);
} plugin;

/* A pointer to a function is no pointer to an object in C; POSIX says that its bytes are. */
static void find(const plugin *p, const char *name, void *function)
{
    void *symbol = dlsym(p->handle, name);
    ck_assert_msg(symbol != NULL, "%s", dlerror());
    memcpy(function, &symbol, sizeof symbol);
}

static plugin load(void)
{
    plugin p = {.handle = dlopen(TN_TEST_LIBRARY, RTLD_NOW | RTLD_LOCAL)};
    ck_assert_msg(p.handle != NULL, "%s", dlerror());
    find(&p, "tn_ctx_new", &p.ctx_new);
    find(&p, "tn_ctx_free", &p.ctx_free);
    find(&p, "tn_full", &p.full);
    find(&p, "tn_matmul", &p.matmul);
    find(&p, "tn_exp", &p.exponential);
    find(&p, "tn_data_f32", &p.data_f32);
    return p;
}

/* The threads of this process; one that has been joined may be on its way out for a moment. */
static int threads(void)
{
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));)
        n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

static bool is_mapped(void)
{
    char line[4096];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof line, maps))
        found = found || strstr(line, "libtensor.so") != NULL;
    fclose(maps);
    return found;
}

/* Element-wise work and a product, each in four threads. */
static void use(const plugin *p)
{
    tn_ctx *own = p->ctx_new(&(tn_ctx_opts){.threads = 4});
    ck_assert_ptr_nonnull(own);
    int before = threads();
    tn_tensor *x = p->full(own, TN_F32, TN_SHAPE(512, 512), 0);
    const float *y = p->data_f32(p->matmul(own, p->exponential(own, x), p->exponential(own, x)));
    ck_assert_ptr_nonnull(y);
    ck_assert_float_eq(y[512 * 512 - 1], 512);
    ck_assert_int_ge(threads(), before + 3);
    p->ctx_free(own);
}

static bool child_ends_well(void)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* OpenBLAS has threads of its own, which end at each fork and come again; other threads than after
 * the first use are ours. */
START_TEST(again_and_again)
{
    int first = 0;
    for (int i = 0; i < 10; i++) {
        plugin p = load();
        use(&p);
        first = i == 0 ? threads() : first;
        while (threads() > first)
            usleep(1000);
        ck_assert(is_mapped());
        ck_assert_int_eq(dlclose(p.handle), 0);
        ck_assert(!is_mapped());
        ck_assert(child_ends_well());
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unload");
    TCase *tc = tcase_create("unload");
    tcase_set_timeout(tc, PATIENCE);
    tcase_add_test(tc, again_and_again);
    suite_add_tcase(suite, tc);
    return tn_run(suite);
}
