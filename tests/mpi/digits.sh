#!/bin/sh
# `digits-mpi train` by several processes: digits.sh PROGRAM MPIRUN [PROGRAM MPIRUN]... Any number of them writes the same
# network and the same history, and goes on from a checkpoint of another number; what is wrong is said once.
# Ends with the sum in the words of Check.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

. "$(dirname "$0")/environment.sh"
limit="timeout --foreground -k 5 ${LIMIT:-60}"
options="--train 1000 --model mlp --batch 90 --threads 1"
checks=0 failed=0

# check WHAT COMMAND...
check()
{
    what=$1
    shift
    checks=$((checks + 1))
    "$@" >/dev/null 2>&1 || {
        echo "    $(basename "$mpirun"): $what"
        cat "$said"
        failed=$((failed + 1))
    }
}

# train OUT N OPTIONS...: $said has what it says.
train()
{
    out=$work/$1 n=$2 said=$work/$1.said
    shift 2
    $limit "$mpirun" -n "$n" "$program" train --data examples/data/mnist $options --out "$out" "$@" >"$said" 2>&1
}

# All of history.csv but the seconds, which are its second column.
rows()
{
    cut -d , -f 1,3- "$1/history.csv"
}

# same OUT OUT
same()
{
    rows "$work/$1" >"$work/rows"
    rows "$work/$2" | cmp - "$work/rows" && cmp "$work/$1/model.safetensors" "$work/$2/model.safetensors"
}

# once TEXT: it is said, and only once.
once()
{
    [ "$(grep -cF "$1" "$said")" = 1 ]
}

# interrupt SECONDS: three processes, so long after the first result could be written.
interrupt()
{
    rm -rf "$work/stopped"
    train stopped 3 --iterations 400 --eval-every 200 --schedule cosine &
    training=$!
    for i in $(seq 100); do
        [ -d "$work/stopped" ] && break
        sleep 0.1
    done
    sleep "$1"
    limiter=$(ps -o pid= --ppid $training)
    started=$([ -z "$limiter" ] || ps -o pid= --ppid $limiter)
    [ -z "$started" ] || kill -INT $started
    wait $training
}

# Three processes are interrupted, sooner where they came to the end before, and two go on.
stop_and_go_on()
{
    for seconds in 1 0.5 0.2 0.1 0; do
        interrupt $seconds
        [ -f "$work/stopped/checkpoint.safetensors" ] && break
    done
    said=$work/stopped.said
    check "no checkpoint" [ -f "$work/stopped/checkpoint.safetensors" ]
    check "stopping is not said once" once 'with --resume the same command goes on'
    train stopped 2 --iterations 400 --eval-every 200 --schedule cosine --resume
    check "2 processes do not go on as 3 began" same whole stopped
}

# fails WHAT TEXT WORDS...: what mpirun is told to run fails, and says so once.
fails()
{
    what=$1 text=$2 said=$work/fails.said
    shift 2
    $limit "$mpirun" "$@" >"$said" 2>&1 && status=0 || status=$?
    check "$what: status $status" [ $status != 0 ] && check "$what hangs" [ $status != 124 ]
    check "$what is not said once" once "$text"
}

while [ $# -gt 0 ]; do
    program=$1 mpirun=$2
    shift 2
    for n in 1 2 4; do
        [ -d "$work/first" ] && name=$(basename "$mpirun")-$n || name=first
        train $name $n --iterations 30 --eval-every 15
        check "$n processes have another result" same first $name
        check "$n processes do not have one summary" once 'test accuracy'
    done
    [ -d "$work/whole" ] || train whole 1 --iterations 400 --eval-every 200 --schedule cosine
    stop_and_go_on
    rm -rf "$work/stopped"

    out="--out $work/fails --threads 1"
    fails "a folder that one of them misses" 'digits train: process 1: /nowhere: there is no such' \
        -n 1 "$program" train --data examples/data/mnist $out : -n 1 "$program" train --data /nowhere $out
    fails "a result that cannot be written" "no results can be written there" \
        -n 2 "$program" train --data examples/data/mnist --out /dev/null/below
    fails "more processes than micro-batches" 'micro-batches' \
        -n 2 "$program" train --data examples/data/mnist $out --micro-batches 1
    fails "a command for one process" 'digits show: it is for one process, not 2' -n 2 "$program" show
done

echo "$((100 * (checks - failed) / checks))%: Checks: $checks, Failures: $failed, Errors: 0"
[ $failed = 0 ]
