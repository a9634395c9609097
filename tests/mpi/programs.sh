# For the scripts that run the programs of `make mpi-examples`: $program by $mpirun. A script sets `data` and
# `options`, the options of `train` in all its trainings, and `interrupted`, which is mpirun, or one of the processes
# that it has started. $said has what a program says.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

. "$(dirname "$0")/environment.sh"
limit="timeout --foreground -k 5 ${LIMIT:-150}"

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

# interrupt SECONDS OPTIONS...: three processes, so long after the first result could be written.
interrupt()
{
    rm -rf "$work/stopped"
    seconds=$1
    shift
    train stopped 3 "$@" &
    training=$!
    for i in $(seq 500); do
        [ -d "$work/stopped" ] && break
        sleep 0.02
    done
    sleep "$seconds"
    started=$(receiver $training)
    [ -z "$started" ] || kill -INT $started
    wait $training
}

# stop_and_go_on OPTIONS...: three processes are interrupted, sooner where they came to the end before, and two
# go on to where one comes without an interruption.
stop_and_go_on()
{
    [ -d "$work/whole" ] || train whole 1 "$@"
    for seconds in 0.2 0.1 0; do
        interrupt $seconds "$@"
        [ -f "$work/stopped/checkpoint.safetensors" ] && break
    done
    said=$work/stopped.said
    check "no checkpoint" [ -f "$work/stopped/checkpoint.safetensors" ]
    check "stopping is not said once" once 'with --resume the same command goes on'
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
