/* mpi_time.h - how long a program has been in MPI. */
#ifndef BENCH_MPI_TIME_H
#define BENCH_MPI_TIME_H

/* From its beginning, in the calls that libtensor-mpi makes during a step. */
extern double seconds_in_mpi;

#endif
