#!/bin/sh
# libtensor and its programs know no MPI, and libtensor-mpi of libtensor what is public: symbols.sh BUILD
set -u
status=0
nm -A "$1/libtensor.a" 2>/dev/null | grep -E ' (MPI_|PMPI_|ompi_|tn_mpi_|tn__mpi_)' && {
    echo "libtensor.a has symbols of MPI"
    status=1
}
for program in "$1"/bin/*; do
    case $program in *-mpi) continue ;; esac
    nm "$program" 2>/dev/null | grep -E ' (MPI_|PMPI_|ompi_|tn_mpi_)' && {
        echo "$program has symbols of MPI"
        status=1
    }
done
for library in "$1"/mpi/*/libtensor-mpi.so; do
    nm -D --defined-only "$library" | awk '{ print $3 }' | grep -vE '^(tn_mpi_|TENSOR_MPI_)' && {
        echo "$library exports more than tn_mpi_"
        status=1
    }
done
exit $status
