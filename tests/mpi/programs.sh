# For the scripts that run the programs of `make mpi-examples`: $program by $mpirun. A script sets `data` and
# `options`, the options of `train` in all its trainings, and `interrupted`, which is mpirun, or one of the processes
# that it has started. $said has what a program says.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

. "$(dirname "$0")/environment.sh"
limit="timeout --foreground -k 5 ${LIMIT:-600}"

# check WHAT COMMAND...
check()
{
    checked=$1
    shift
    checks=$((checks + 1))
    "$@" >/dev/null 2>&1 || {
        echo "    $(basename "$mpirun"): $checked"
        cat "$said"
        failed=$((failed + 1))
    }
}

# train OUT N OPTIONS...
train()
{
    out=$work/$1 n=$2 said=$work/$1.said
    shift 2
    $limit "$mpirun" -n "$n" "$program" train --data "$data" $options --out "$out" "$@" >"$said" 2>&1
}

# All of a CSV file but the seconds, which are its second column.
rows()
{
    cut -d , -f 1,3- "$1"
}

# same OUT OUT
same()
{
    rows "$work/$1/history.csv" >"$work/rows"
    rows "$work/$2/history.csv" | cmp - "$work/rows" && cmp "$work/$1/model.safetensors" "$work/$2/model.safetensors"
}

# once TEXT: it is said, and only once.
once()
{
    [ "$(grep -cF -e "$1" "$said")" = 1 ]
}

# receiver TRAINING: who gets the signal. Open MPI passes it on a second later.
receiver()
{
    if [ $interrupted = mpirun ]; then
        limiter=$(ps -o pid= --ppid $1)
        [ -z "$limiter" ] || ps -o pid= --ppid $limiter
    else
        ps -eo pid=,args= | awk -v program="$program" -v out="$work/stopped" '$2 == program && index($0, out) { print $1; exit }'
    fi
}

# interrupt OPTIONS...: three processes get the signal $pause tenths of a second after the first result could be written.
interrupt()
{
    rm -rf "$work/stopped" "$work/over"
    {
        export OMPI_MCA_odls_base_sigkill_timeout=$grace
        train stopped 3 "$@"
        echo $? >"$work/over"
    } &
    training=$!
    until [ -d "$work/stopped" ] || [ -e "$work/over" ]; do
        sleep 0.02
    done
    sleep ${pause}e-1
    started=$(receiver $training)
    [ -z "$started" ] || kill -INT $started
    wait $training
}

# stop UNIT OPTIONS...: three processes are interrupted behind their first round and before their last, however fast they
# are. Where there was no round yet, the next signal comes later; where they came to the end, the next training has more
# rounds; where they say nothing, Open MPI has killed them before, and next time it waits for more than $grace seconds.
stop()
{
    unit=$1 said=$work/stopped.said pause=2 grace=1
    shift
    for attempt in $(seq 8); do
        interrupt --${unit}s $rounds --eval-every $((rounds / 2)) "$@"
        if [ "$(cat "$work/over")" = 124 ]; then
            return
        elif grep -q "stopped at $unit 0 of" "$said"; then
            pause=$((2 * pause))
        elif [ -f "$work/stopped/metrics.json" ]; then
            rounds=$((2 * rounds))
        elif ! grep -q 'stopped at' "$said" && [ $grace -lt 16 ]; then
            grace=$((2 * grace))
        else
            return
        fi
    done
}

# stop_and_go_on UNIT ROUNDS OPTIONS...: three processes are interrupted in a training of so many rounds, or more, and two
# go on to where one comes without an interruption.
stop_and_go_on()
{
    unit=$1 rounds=$2
    shift 2
    stop $unit "$@"
    check "no checkpoint" [ -f "$work/stopped/checkpoint.safetensors" ]
    check "stopping is not said once" once 'with --resume the same command goes on'
    set -- --${unit}s $rounds --eval-every $((rounds / 2)) "$@"
    train whole 1 "$@"
    train stopped 2 "$@" --resume
    check "2 processes do not go on as 3 began" same whole stopped
    rm -rf "$work/stopped"
}

# fails WHAT TEXT WORDS...: what mpirun is told to run fails, and says so once. Open MPI waits a second before it kills
# what has ended.
fails()
{
    what=$1 text=$2 said=$work/fails.said
    shift 2
    OMPI_MCA_odls_base_sigkill_timeout=0 $limit "$mpirun" "$@" >"$said" 2>&1 && status=0 || status=$?
    check "$what: status $status" [ $status != 0 ] && check "$what hangs" [ $status != 124 ]
    check "$what is not said once" once "$text"
}
