/* checkpoints.c - a training that stops and goes on, with another number of processes, too. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "mpi/cases.h"

/* The processes of every number find the file that another number has left. */
static training begin_saved(void)
{
    tn_ctx *ctx = context();
    return begin(ctx, cnn(ctx), digits_of(ctx, 100),
                 (tn_loader_opts){.batch_size = 24, .shuffle = true},
                 (tn_mpi_opts){.micro_batches = 12});
}

static tn_text path_of(const char *folder, const char *name)
{
    tn_text path;
    snprintf(path.s, sizeof path.s, "%.100s/%.50s.safetensors", folder, name);
    return path;
}

static void go_on(const char *path, const char *name)
{
    training t = begin_saved();
    CHECK(tn_mpi_load_checkpoint(t.mpi, parts_of(&t), path) == TN_OK);
    CHECK(run(&t, 4) == 4 && tn_ok(t.ctx));
    same(name, digest(t.ctx, t.net));
    end(&t);
}

/* The weights alone: loaders stay where they are, also that of a process that is not as far. */
static void take_weights(const char *path)
{
    training t = begin_saved();
    CHECK(run(&t, 1) == 1);
    if (rank == size - 1)
        tn_fail(t.ctx, TN_ERR_FILE, "disk full");
    CHECK(run(&t, 1) == 0);
    tn_clear_error(t.ctx);
    CHECK(tn_mpi_load_checkpoint(t.mpi, (tn_checkpoint){.module = t.net}, path) == TN_OK);
    CHECK(run(&t, 2) == 2);
    same("weights", digest(t.ctx, t.net));
    end(&t);
}

void checkpoints(const char *folder)
{
    tn_text path = path_of(folder, "middle");
    training t = begin_saved();
    CHECK(run(&t, 7) == 7);
    CHECK(tn_mpi_save_checkpoint(t.mpi, parts_of(&t), path.s) == TN_OK);
    CHECK(run(&t, 4) == 4);
    same("resumed", digest(t.ctx, t.net));
    CHECK(tn_mpi_save_checkpoint(t.mpi, parts_of(&t), "/nowhere/x.safetensors") == TN_ERR_FILE);
    CHECK(strncmp(tn_error(t.ctx), "process 0: ", 11) == 0 || rank == 0);
    tn_clear_error(t.ctx);
    CHECK(tn_mpi_load_checkpoint(t.mpi, parts_of(&t), "/nowhere/x.npz") == TN_ERR_FILE);
    tn_clear_error(t.ctx);
    end(&t);
    go_on(path.s, "resumed");
    take_weights(path.s);
}

/* The run is ended by MPI; what was saved last is whole. */
void killed(const char *folder, int victim)
{
    training t = begin_saved();
    tn_text path = path_of(folder, "killed");
    for (int64_t i = 0; i < 100; i++) {
        run(&t, 1);
        if (i < 7)
            tn_mpi_save_checkpoint(t.mpi, parts_of(&t), path.s);
        if (i == 8 && rank == victim)
            kill(getpid(), SIGKILL);
    }
    CHECK(false);
}

void resumed(const char *folder)
{
    tn_text path = path_of(folder, "killed");
    go_on(path.s, "resumed");
}
