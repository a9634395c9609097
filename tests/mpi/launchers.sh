#!/bin/sh
# Programs of one MPI that the mpirun of another starts, and what they say of their MPI: launchers.sh PROGRAM MPIRUN
# [PROGRAM MPIRUN]... Ends with the sum in the words of Check.
set -u
. "$(dirname "$0")/programs.sh"

says_which()
{
    "$program" --version >"$said" && grep -qE '\(libtensor [0-9.]+[^,]*, (Open MPI v|MPICH Version: )[0-9.]+' "$said"
}

said=$work/said
for program; do
    case $program in mpirun*) continue ;; esac
    mpirun=$program
    check "--version does not say which MPI it is" says_which
    for other; do
        case $other in */bin/*-mpi) continue ;; esac
        case $program in */mpicc.${other##*mpirun.}/*) continue ;; esac
        mpirun=$other
        fails "a program of another MPI" 'has started 2 processes' -n 2 "$program" train --out "$work/out"
        check "it begins all the same" [ ! -e "$work/out" ]
    done
done
sum_up
