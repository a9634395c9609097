#!/bin/sh
# Runs fuzz targets in turn and prints a line for each: how many inputs were run in how many seconds,
# and how many findings there are. Usage: run.sh PROGRAM TARGET...; in the environment SECONDS_EACH
# and RUNS, the limits of each (RUNS 0: none), and BUILD, where corpora and findings go.
set -u
program=$1
shift
here=$(dirname "$0")
work=${BUILD:-build}/fuzz-work
TMPDIR=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/tn_fuzz.XXXXXX")
export TMPDIR OMP_WAIT_POLICY=passive OPENBLAS_NUM_THREADS=1
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}"
export ASAN_OPTIONS="malloc_context_size=1:quarantine_size_mb=1:max_malloc_fill_size=0:${ASAN_OPTIONS:-}"
trap 'rm -rf "$TMPDIR"' EXIT
status=0

# The folders with real files of the kind that a target reads.
seeds()
{
    case $1 in
        pth) echo tests/data/torch ;;
        state | calls | checkpoint | model) ;;
        *) echo tests/data tests/data/torch ;;
    esac
}

# The longest inputs.
longest()
{
    case $1 in
        calls) echo 384 ;;
        state) echo 128 ;;
        idx | npy) echo 1024 ;;
        *) echo 4096 ;;
    esac
}

printf '%-12s %12s %8s %9s %8s %9s\n' target inputs seconds per-sec corpus findings
for target in "$@"; do
    corpus=$work/corpus/$target
    found=$work/findings/$target
    mkdir -p "$corpus" "$found"
    folders=$(seeds "$target")
    for kept in "$here/corpus/$target" "$here/findings/$target"; do
        [ -d "$kept" ] && folders="$folders $kept"
    done
    TN_FUZZ_TARGET=$target "$program" "$corpus" $folders -dict="$here/words.dict" \
        -max_total_time="${SECONDS_EACH:-60}" -runs="${RUNS:--1}" -timeout=10 -rss_limit_mb=2048 \
        -malloc_limit_mb=512 -max_len="$(longest "$target")" -artifact_prefix="$found/" -print_final_stats=1 \
        -entropic=0 -detect_leaks=0 \
        ${OPTIONS:-} >"$work/$target.log" 2>&1 || status=1
    awk -v target="$target" -v corpus="$(ls "$corpus" | wc -l)" -v found="$(ls "$found" | wc -l)" '
        /stat::number_of_executed_units/ { units = $2 }
        /stat::average_exec_per_sec/ { speed = $2 }
        /^Done .* runs in/ { seconds = $5 }
        END { printf "%-12s %12d %8d %9d %8d %9d\n", target, units, seconds, speed, corpus, found }
    ' "$work/$target.log"
done
exit $status
