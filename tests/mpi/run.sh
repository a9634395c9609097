#!/bin/sh
# Runs the tests of libtensor-mpi: run.sh PROGRAM MPIRUN [PROGRAM MPIRUN]... Each program is of one MPI, and runs
# with 1, 2, 3 and 4 processes, and some of the tests with 8. What must not depend on their number, or on the
# MPI, is compared. Ends with the sum in the words of Check.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

. "$(dirname "$0")/environment.sh"
limit="timeout -k 5 ${LIMIT:-600}"
failed=0

wrong()
{
    echo "    $*"
    failed=$((failed + 1))
}

# run NAME COMMAND...: its output in a file, and on the terminal if it fails.
run()
{
    name=$1
    shift
    mkdir -p "$work/$name"
    begin=$(date +%s)
    $limit "$@" >"$work/$name/log" 2>&1 && status=0 || status=$?
    [ "$status" = 0 ] || { wrong "$name: status $status"; tail -30 "$work/$name/log"; }
    printf '    %-32s %3d s\n' "$name" $(($(date +%s) - begin))
}

while [ $# -gt 0 ]; do
    program=$1 mpirun=$2
    shift 2
    for n in 1 2 3 4; do
        run "$(basename "$mpirun")-$n" "$mpirun" -n $n "$program" all "$work"
    done

    run "$(basename "$mpirun")-8" "$mpirun" -n 8 "$program" some "$work"

    # A process is killed: its MPI ends the others, and another number goes on from the last checkpoint.
    $limit "$mpirun" -n 3 "$program" killed "$work" >"$work/killed" 2>&1 && status=0 || status=$?
    case $status in
    0 | 124) wrong "$(basename "$mpirun"): a killed process: status $status" ;;
    esac
    ls "$work" | grep -q 'killed\.safetensors\.' && wrong "a temporary file is left"
    run "$(basename "$mpirun")-killed" "$mpirun" -n 2 "$program" resumed "$work"
done

# The same names have the same values everywhere.
cat "$work"/*/log | grep '^same ' | sort -u >"$work/same"
cut -d ' ' -f 2 "$work/same" | uniq -d | while read -r name; do
    echo "$name has several values:"
    grep -H "^same $name " "$work"/*/log | sed "s|$work/||"
done >"$work/differ"
[ ! -s "$work/differ" ] || { cat "$work/differ"; failed=$((failed + 1)); }
names=$(wc -l <"$work/same")
[ "$names" -ge 15 ] || wrong "only $names values were compared"

cat "$work"/*/log | sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), .*/\1 \2/p' |
    awk -v more=$failed -v names="$names" '{ c += $1; f += $2 }
        END { c += names; f += more
              printf "%d%%: Checks: %d, Failures: %d, Errors: 0\n", c ? 100 * (c - f) / c : 0, c, f
              exit f > 0 }'
