/* launcher.c - whether MPI knows of the processes that a launcher has started.
 *
 * A program of one MPI that the mpirun of another starts runs as so many programs of one process.
 * Launchers tell their processes by the environment how many these are, each in its own words. */
#include <stdlib.h>
#include <string.h>
#include "mpi/group.h"

typedef struct launcher {
    const char *variable, *name;
} launcher;

static const launcher mpiruns[] = {{"OMPI_COMM_WORLD_SIZE", "Open MPI's mpirun"},
                                   {"PMI_SIZE", "the mpiexec of MPICH or a relative of it"}};

/* Slurm sets others (SLURM_NTASKS) for a script, too, which is one process. */
static const launcher steps = {"SLURM_STEP_NUM_TASKS", "srun"};

static int processes_of(const launcher *l)
{
    const char *text = getenv(l->variable);
    return text ? atoi(text) : 0;
}

/* The launcher of several processes. An mpirun of one process may be started by another one, or by
 * Slurm. */
static const launcher *find(void)
{
    int a = processes_of(&mpiruns[0]), b = processes_of(&mpiruns[1]);
    if (a == 1 || b == 1)
        return NULL;
    if (a > 1 || b > 1)
        return &mpiruns[b > 1];
    return processes_of(&steps) > 1 ? &steps : NULL;
}

/* "Open MPI v4.1.4", "MPICH Version: 4.0.2" */
static void name_library(char *text)
{
    int length;
    MPI_Get_library_version(text, &length);
    text[strcspn(text, ",\r\n")] = '\0';
    for (char *tab = text; (tab = strchr(tab, '\t'));)
        *tab = ' ';
}

tn_status tn_mpi_check_launcher(tn_ctx *ctx)
{
    int size = 0;
    const launcher *l = find();
    if (!tn_ok(ctx) || !tn__mpi_is_running(ctx, "mpi_check_launcher") || !l)
        return tn_error_status(ctx);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size > 1)
        return TN_OK;
    char library[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    name_library(library);
    return tn_fail(ctx, TN_ERR_STATE,
                   "mpi: %s has started %d processes (%s), but this one is alone: it is of %.80s, "
                   "whose mpirun is to start it, or srun with the --mpi of that; one that is to be "
                   "alone is started without %s",
                   l->name, processes_of(l), l->variable, library, l->variable);
}
