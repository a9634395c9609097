#!/bin/sh
# The program of docs/distributed.md, compiled and run by 1, 2 and 4 processes, prints what the page says:
# page.sh BUILD LIBS MPI.... Ends with the sum in the words of Check.
set -u
build=$1 libs=$2 page=docs/distributed.md
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/environment.sh"

awk '/^```$/ { to = "" } to { print >to } /^```c$/ { to = "'"$work"'/train.c" } /^```text$/ { to = "'"$work"'/expected" }' $page
for mpi; do
    mpicc.$mpi -std=c11 -Wall -Wextra -Werror -Ilibtensor/include -Ilibtensor/mpi/include "$work/train.c" -o "$work/train" \
        "$build/mpi/mpicc.$mpi/libtensor-mpi.a" "$build/libtensor.a" -fopenmp $libs || failed=$((failed + 1))
    for n in 1 2 4; do
        checks=$((checks + 1))
        timeout -k 5 600 mpirun.$mpi -n $n "$work/train" >"$work/printed" 2>&1
        diff "$work/expected" "$work/printed" || {
            echo "    $page prints something else by $n processes of $mpi"
            failed=$((failed + 1))
        }
    done
    # Where there is no tn_mpi, one process alone is the first, too.
    checks=$((checks + 1))
    OMPI_MCA_odls_base_sigkill_timeout=0 timeout -k 5 600 mpirun.$mpi -n 9 "$work/train" >"$work/printed" 2>&1
    [ "$(grep -c '9 processes share 8 micro-batches' "$work/printed")" = 1 ] || {
        echo "    $page does not say once that there are too many processes of $mpi"
        cat "$work/printed"
        failed=$((failed + 1))
    }
done

sum_up
