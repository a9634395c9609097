/* give_way.c - preloaded where MPICH works by UCX: a process that waits lets the others go on, as
 * those of Open MPI do by mpi_yield_when_idle. Without it three of them on two cores take each
 * other's turns, and the tests twenty times as long. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <sched.h>
#include <string.h>

unsigned ucp_worker_progress(void *worker);

unsigned ucp_worker_progress(void *worker)
{
    static unsigned (*progress)(void *);
    if (!progress) {
        void *symbol = dlsym(RTLD_NEXT, "ucp_worker_progress");
        memcpy(&progress, &symbol, sizeof progress);
    }
    unsigned done = progress(worker);
    if (done == 0)
        sched_yield();
    return done;
}
