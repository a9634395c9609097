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
        timeout -k 5 60 mpirun.$mpi -n $n "$work/train" >"$work/printed" 2>&1
        diff "$work/expected" "$work/printed" || {
            echo "    $page prints something else by $n processes of $mpi"
            failed=$((failed + 1))
        }
    done
done

sum_up
