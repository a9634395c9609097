/* mpi_time.c - the seconds that a program spends in MPI, by its profiling interface (MPI 4.0,
 * chapter 15): functions of the program come before those of the library, which answer to PMPI_,
 * too. */
#include "bench/mpi_time.h"
#include <mpi.h>
#include "bench/timing.h"

double seconds_in_mpi;

#define TIMED(name, parameters, ...)           \
    int MPI_##name parameters                  \
    {                                          \
        double start = now();                  \
        int status = PMPI_##name(__VA_ARGS__); \
        seconds_in_mpi += now() - start;       \
        return status;                         \
    }

typedef MPI_Datatype type;

TIMED(Allgather, (const void *x, int n, type t, void *y, int m, type u, MPI_Comm c), x, n, t, y, m,
      u, c)
TIMED(Allreduce, (const void *x, void *y, int n, type t, MPI_Op op, MPI_Comm c), x, y, n, t, op, c)
TIMED(Bcast, (void *x, int n, type t, int root, MPI_Comm c), x, n, t, root, c)
TIMED(Iallreduce, (const void *x, void *y, int n, type t, MPI_Op op, MPI_Comm c, MPI_Request *r), x,
      y, n, t, op, c, r)
TIMED(Iallgatherv,
      (const void *x, int n, type t, void *y, const int *m, const int *at, type u, MPI_Comm c,
       MPI_Request *r),
      x, n, t, y, m, at, u, c, r)
TIMED(Ialltoallv,
      (const void *x, const int *n, const int *from, type t, void *y, const int *m, const int *at,
       type u, MPI_Comm c, MPI_Request *r),
      x, n, from, t, y, m, at, u, c, r)
TIMED(Testall, (int n, MPI_Request *r, int *there, MPI_Status *s), n, r, there, s)
TIMED(Wait, (MPI_Request * r, MPI_Status *s), r, s)
TIMED(Waitall, (int n, MPI_Request *r, MPI_Status *s), n, r, s)
