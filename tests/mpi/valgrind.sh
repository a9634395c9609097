#!/bin/sh
# Some of the tests by two processes under valgrind: valgrind.sh PROGRAM MPIRUN [PROGRAM MPIRUN]... fails where one
# of them uses memory wrongly or loses some.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
here=$(dirname "$0")
. "$here/environment.sh"
status=0

while [ $# -gt 0 ]; do
    program=$1 mpirun=$2
    shift 2
    timeout -k 5 ${LIMIT:-500} "$mpirun" -n 2 valgrind -q --leak-check=full --show-leak-kinds=definite \
        --errors-for-leak-kinds=definite --num-callers=40 --error-exitcode=99 --suppressions="$here/valgrind.supp" \
        --log-file="$work/%p" "$program" some "$work" >"$work/said" 2>&1 || {
        echo "$(basename "$mpirun"): valgrind"
        cat "$work"/[0-9]* "$work/said"
        status=1
    }
    grep '%:' "$work/said"
done
exit $status
