#!/bin/sh
# One part of `make check`: part.sh SUMS TITLE COMMAND... says its title, runs the command and shows what it
# prints, but for sums in the words of Check, which go to the file SUMS and become a short line.
# part.sh SUMS shows the sum of all parts, in the words of Check.
set -u
sums=$1
shift

total()
{
    [ -f "$sums" ] || : >"$sums" # nothing has been summed up
    awk '{ c += $3; f += $5; e += $7 }
         END { printf "%d%%: Checks: %d, Failures: %d, Errors: %d\n", c ? 100 * (c - f - e) / c : 0, c, f, e }' "$sums"
}

[ $# -gt 0 ] || { total; exit; }

echo "$1:"
shift
status=$(mktemp)
trap 'rm -f "$status"' EXIT
{ "$@"; echo $? >"$status"; } | awk -v sums="$sums" '
    /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$/ {
        print >>sums
        fflush(sums)
        $0 = sprintf("    %d checks, %d failed", $3, $5 + $7)
    }
    { print; fflush() }'
[ "$(cat "$status")" = 0 ] || { total; exit 1; }
