/* processes.c - one process, which trains alone. */
#include "common/processes.h"

bool processes_begin(const char *program, int *argc, char ***argv)
{
    (void)program;
    (void)argc;
    (void)argv;
    return true;
}

const char *processes_library(void)
{
    return "";
}

void processes_end(void)
{
}

int processes_count(void)
{
    return 1;
}

bool processes_first(void)
{
    return true;
}

void processes_keep(const char *program, const char *line)
{
    (void)program;
    (void)line;
}

bool processes_all(bool well)
{
    return well;
}

int processes_most(int value)
{
    return value;
}

int64_t processes_total(int64_t value)
{
    return value;
}

bool processes_alike(const char *text)
{
    (void)text;
    return true;
}

bool processes_own(int64_t number)
{
    (void)number;
    return true;
}

int64_t processes_micro_batches(int64_t given)
{
    (void)given;
    return 0;
}

bool processes_join(tn_ctx *ctx, tn_module *net, int64_t micro_batches, tn_reduction reduction,
                    process_share **s)
{
    (void)net;
    (void)micro_batches;
    (void)reduction;
    *s = NULL;
    return tn_ok(ctx);
}

void processes_leave(process_share *s)
{
    (void)s;
}

tn_loader_opts processes_share(const process_share *s, tn_loader_opts opts)
{
    (void)s;
    return opts;
}

bool processes_backward(process_share *s, tn_ctx *ctx, tn_loader *loader, batch_loss loss,
                        void *payload, double *value)
{
    (void)s;
    (void)ctx;
    (void)loader;
    (void)loss;
    (void)payload;
    (void)value;
    return false;
}

bool processes_sum(process_share *s, int64_t count, double *values)
{
    (void)s;
    (void)count;
    (void)values;
    return true;
}
