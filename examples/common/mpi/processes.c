/* mpi/processes.c - the processes that mpirun has started, in place of common/processes.c. */
#include "common/processes.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tn/mpi.h>

enum { MOST_LINE = 4096, MICRO_BATCHES = 8 };

/* The line of this process that is not printed yet. */
typedef struct kept_line {
    char program[64], text[MOST_LINE];
} kept_line;

static kept_line kept;

/* ---- the processes --------------------------------------------------------------------------- */

static int rank_of(void)
{
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

/* Of processes that do not know of each other each is the first; their launcher numbers them. */
static bool is_launched_first(void)
{
    static const char *const NUMBERS[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"};
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        const char *number = getenv(NUMBERS[i]);
        if (number && strcmp(number, "0") != 0)
            return false;
    }
    return true;
}

/* The others end well: a launcher kills them all when one has failed, the first one before it has
 * said why, too. */
static bool are_together(const char *program)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.threads = 1});
    bool together = tn_mpi_check_launcher(ctx) == TN_OK, first = is_launched_first();
    if (!together && first)
        fprintf(stderr, "%s: %s\n", program, tn_error(ctx));
    tn_ctx_free(ctx);
    if (!together && !first) {
        MPI_Finalize();
        exit(EXIT_SUCCESS);
    }
    return together;
}

bool processes_begin(const char *program, int *argc, char ***argv)
{
    int provided;
    MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
    if (!processes_first() && !freopen("/dev/null", "w", stdout))
        fclose(stdout);
    return are_together(program);
}

const char *processes_library(void)
{
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(text, &length);
    text[strcspn(text, ",\r\n")] = '\0';
    for (char *tab = text; (tab = strchr(tab, '\t'));)
        *tab = ' ';
    return text;
}

void processes_end(void)
{
    MPI_Finalize();
}

int processes_count(void)
{
    int count = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &count);
    return count;
}

bool processes_first(void)
{
    return rank_of() == 0;
}

/* The first one is the cause of others. */
void processes_keep(const char *program, const char *line)
{
    if (kept.text[0])
        return;
    snprintf(kept.program, sizeof(kept.program), "%s", program);
    snprintf(kept.text, sizeof(kept.text), "%s", line);
}

/* An error that libtensor-mpi has told of has the number of its process already. */
static bool names_process(const char *line)
{
    int length = 0;
    return sscanf(line, "process %*d: %n", &length) == 0 && length > 0;
}

bool processes_all(bool well)
{
    int rank = rank_of(), mine = well ? INT_MAX : rank, failed = INT_MAX;
    MPI_Allreduce(&mine, &failed, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (failed == INT_MAX)
        return true;
    if (failed > 0) {
        MPI_Bcast(&kept, sizeof(kept), MPI_BYTE, failed, MPI_COMM_WORLD);
        if (rank == 0 && names_process(kept.text))
            fprintf(stderr, "%s: %s\n", kept.program, kept.text);
        else if (rank == 0)
            fprintf(stderr, "%s: process %d: %s\n", kept.program, failed, kept.text);
    }
    kept.text[0] = '\0';
    return false;
}

int processes_most(int value)
{
    int most = value;
    MPI_Allreduce(&value, &most, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    return most;
}

int64_t processes_total(int64_t value)
{
    int64_t total = value;
    MPI_Allreduce(&value, &total, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
    return total;
}

bool processes_alike(const char *text)
{
    char first[MOST_LINE] = "";
    snprintf(first, sizeof(first), "%s", text);
    MPI_Bcast(first, sizeof(first), MPI_BYTE, 0, MPI_COMM_WORLD);
    return strncmp(first, text, sizeof(first) - 1) == 0;
}

bool processes_own(int64_t number)
{
    return number % processes_count() == rank_of();
}

/* ---- a training ------------------------------------------------------------------------------ */

/* A share is a tn_mpi by the name that programs know. */
static tn_mpi *mpi_of(process_share *s)
{
    return (tn_mpi *)s;
}

int64_t processes_micro_batches(int64_t given)
{
    return given > 0 ? given : MICRO_BATCHES;
}

bool processes_join(tn_ctx *ctx, tn_module *net, int64_t micro_batches, tn_reduction reduction,
                    process_share **s)
{
    tn_mpi_opts opts = {.micro_batches = micro_batches, .reduction = reduction};
    *s = (process_share *)tn_mpi_new(ctx, MPI_COMM_WORLD, net, opts);
    return *s != NULL;
}

void processes_leave(process_share *s)
{
    tn_mpi_free(mpi_of(s));
}

tn_loader_opts processes_share(const process_share *s, tn_loader_opts opts)
{
    return tn_mpi_share((const tn_mpi *)s, opts);
}

bool processes_backward(process_share *s, tn_ctx *ctx, tn_loader *loader, batch_loss loss,
                        void *payload, double *value)
{
    tn_mpi *mpi = mpi_of(s);
    tn_batch batch;
    if (!tn_mpi_step(mpi, loader))
        return false;
    while (tn_mpi_next(mpi, &batch)) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_mpi_backward(mpi, loss(payload, &batch));
        tn_scope_end(ctx, scope);
    }
    *value = tn_mpi_loss(mpi);
    return tn_ok(ctx);
}

bool processes_sum(process_share *s, int64_t count, double *values)
{
    return tn_mpi_sum_f64(mpi_of(s), count, values) == TN_OK;
}
