#!/bin/sh
# Runs the Check programs given, as many at a time as there are cores, by one.sh, which shows a line for each; shows
# what the failing ones print, and ends with the sum in the words of Check. The processor seconds that PROGRAM took
# stand in PROGRAM.seconds, and those that took most of them begin. Options in the environment: CK_FORK=yes, each test
# in a process of its own; WRAPPER is put in front of each program (valgrind); BRIEF shows no line for those that pass.
set -u
# Threads of programs that run side by side should wait asleep, not spin, and BLAS start none.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}" OPENBLAS_NUM_THREADS=1
# Memory comes in few large pages where the system has such. What was freed is kept for the next test, since each page
# that the system gives costs as much as a test of a small operator.
kept=glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=268435456:glibc.malloc.top_pad=16777216
export GLIBC_TUNABLES="${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1:$kept}"
# What tests write is for a moment: it waits for no disk, where memory has two gigabytes of room for files.
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$(df -Pk /dev/shm | awk 'NR == 2 { print ($4 > 2097152) }')" = 1 ]; then
    export TMPDIR=/dev/shm
fi
# nproc(1) says what OMP_NUM_THREADS does, which is of each program.
cores=$(env -u OMP_NUM_THREADS nproc)
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

for program in "$@"; do
    read -r seconds 2>/dev/null <"$program.seconds" || seconds=0
    echo "$seconds $program"
done | sort -s -k 1,1rn | cut -d ' ' -f 2- | xargs -P "$cores" -I{} "$(dirname "$0")/one.sh" {} "$log"

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
