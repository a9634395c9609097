#!/bin/sh
# Runs one Check program for run.sh and shows its line; what it prints goes to the folder LOGS: one.sh PROGRAM LOGS.
# All its tests run in one process, which takes a third of the time of a process for each. Where one fails, ends the
# process or is stuck, they run once more, each alone, so that what is shown is of that test and of no other. With
# CK_FORK or WRAPPER in the environment the program runs once, as these say.
set -u
program=$1 name=${1##*/} log=$2/${1##*/}.log
# The time is kept of all the tests in one process alone.
seconds=$program.seconds
[ "${CK_FORK:-no}${WRAPPER:-}${BRIEF:-}" = no ] || seconds=

# passes COMMAND...: the program behind the words of a command ends well, and Check has summed up.
passes()
{
    "$@" "$program" >"$log" 2>&1
    status=$?
    times >"$log.times"
    awk -v name="$name" -v status=$status -v brief="${BRIEF:-}" \
        -v seconds="$seconds" '
        FILENAME ~ /[.]times$/ {
            split($0, took, /[ms ]+/)
            if (FNR == 2 && seconds) print 60 * (took[1] + took[3]) + took[2] + took[4] >seconds
            next
        }
        /^[0-9]+%: Checks:/ { checks = $3; summed_up = 1 }
        /not in this library yet: [1-9]/ { absent = absent $0 "\n" }
        END {
            if (status || !summed_up) exit 1
            if (!brief) printf "    %-30s %-6s %5d checks\n%s", name, "ok", checks, absent
        }' "$log.times" "$log"
}

fails()
{
    checks=$(sed -n 's/^[0-9]*%: Checks: \([0-9]*\),.*/\1/p' "$log" | tail -1)
    printf "    %-30s %-6s %5d checks\n" "$name" FAILED "${checks:-0}"
    echo "$name" >>"${log%/*}/failed"
    exit 0
}

if [ -n "${CK_FORK:-}${WRAPPER:-}" ]; then
    passes ${WRAPPER:-} || fails
    exit 0
fi
export CK_FORK=no
passes timeout 600 && exit 0
[ $status != 124 ] || echo "This was stuck, and was ended." >>"$log"
mv "$log" "$log.together"
export CK_FORK=yes BRIEF=1 seconds=
if passes; then
    mv "$log.together" "$log"
    echo "So it is in one process. Each test passes alone." >>"$log"
fi
fails
