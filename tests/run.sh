#!/bin/sh
# Runs the Check programs given, as many at a time as there are cores, shows a line for each and what the
# failing ones print, and ends with the sum in the words of Check. The processor seconds that PROGRAM took stand
# in PROGRAM.seconds. Options in the environment: WRAPPER is put in front of each program (valgrind), BRIEF shows
# no line for those that pass.
set -u
# Threads of programs that run side by side should wait asleep, not spin, and BLAS start none.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}" OPENBLAS_NUM_THREADS=1
# Each test has its memory anew, which comes in few large pages where the system has such.
export GLIBC_TUNABLES="${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1}"
# What tests write is for a moment: it waits for no disk, where memory has two gigabytes of room for files.
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$(df -Pk /dev/shm | awk 'NR == 2 { print ($4 > 2097152) }')" = 1 ]; then
    export TMPDIR=/dev/shm
fi
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

run_one='
    name=$(basename "$1")
    ${WRAPPER:-} "$1" >"$2/$name.log" 2>&1 && status=ok || status=FAILED
    times >"$2/$name.times"
    [ -n "${WRAPPER:-}" ] || awk -F"[ms ]+" "NR == 2 { print 60 * (\$1 + \$3) + \$2 + \$4 }" "$2/$name.times" >"$1.seconds"
    sum=$(grep -E "^[0-9]+%: Checks:" "$2/$name.log" | tail -1)
    [ "$status" = ok ] && [ -n "$sum" ] || { status=FAILED; echo "$name" >>"$2/failed"; }
    [ "$status" = ok ] && [ -n "${BRIEF:-}" ] && exit
    count=$(echo "$sum" | sed "s/.*Checks: \([0-9]*\),.*/\1/")
    printf "    %-30s %-6s %5s checks\n" "$name" "$status" "${count:-0}"
    grep -h "not in this library yet: [1-9]" "$2/$name.log" || true
'
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh -c "$run_one" sh {} "$log"

# What reads files that are not part of the repository passes without them.
skipped=$(cat "$log"/*.log | grep -c '^skipped: ')
[ "$skipped" = 0 ] || [ -n "${BRIEF:-}" ] || echo "    $skipped of these left out what needs files of" \
    "\$TN_SHARED_DATA (${TN_SHARED_DATA:-../shared/data}), which are not there"

for name in $(sort -u "$log/failed" 2>/dev/null); do
    printf '\n---- %s\n' "$name"
    tail -40 "$log/$name.log"
done
cat "$log"/*.log | sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 \2 \3/p' |
    awk '{ c += $1; f += $2; e += $3 }
         END { printf "%d%%: Checks: %d, Failures: %d, Errors: %d\n", c ? 100 * (c - f - e) / c : 0, c, f, e }'
[ ! -s "$log/failed" ]
