#!/bin/sh
# Runs the script that follow.awk made of a page, in the environment that job.sh sets, and compares.
set -e

# Includes are found as the page says, which is by pkg-config.
compiles()
{
    case $1 in
    *.h) ;; # with those that include it
    *.cpp) c++ -Wall -Wextra -Werror $(pkg-config --cflags libtensor) -fsyntax-only "$1" ;;
    *) $CC -Wall -Wextra -Werror $(pkg-config --cflags libtensor) -fsyntax-only "$1" ;;
    esac
}

finish()
{
    status=$?
    jobs -p >"$out.jobs" # not in a substitution, whose shell has no jobs
    [ ! -s "$out.jobs" ] || kill $(cat "$out.jobs") 2>/dev/null || true
    [ $status != 0 ] && [ -n "$at" ] || exit $status
    echo "$page:$at: this fails:"
    [ -z "$printed" ] || cat "$printed"
    exit 1
}

at=1
trap finish EXIT
. "$out.sh"
at=
for expected in "$out".*.expected; do
    [ -e "$expected" ] || continue
    awk -v page="$page" -f "$here/compare.awk" "$expected" "${expected%.expected}.printed" || exit 1
done
