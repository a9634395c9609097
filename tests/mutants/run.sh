#!/bin/sh
# Breaks every gradient that the tests of the operators pass, one after another, and runs the test
# that passed it: run.sh TEST_PROGRAM... Each must turn red; the survivors are listed at the end.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kinds="sign scale drop assign"

for test in "$@"; do
    TN_MUTANT_LOG="$work/log" "$test" >"$work/out" 2>&1 || { cat "$work/out"; echo "$test fails without a mutant"; exit 1; }
    [ -f "$work/log" ] || continue
    # An operator's own test is the one that is named after it or, in a file of several, passes it.
    sort -u "$work/log" | sed "s|^|$test |" >>"$work/passed"
    rm "$work/log"
done

# "test op:input" -> only tests that are responsible for the operator
awk '{ split($2, part, ":"); name = $1; sub(".*/test_", "", name)
       if (name == part[1]) own[part[1]] = 1; line[NR] = $0; test[NR] = name; op[NR] = part[1] }
     END { for (i = 1; i <= NR; i++) if (test[i] == op[i] || !(op[i] in own)) print line[i] }' \
    "$work/passed" >"$work/mutants"

one='
    mutant=$2:$3
    if TN_MUTANT=$mutant timeout 120 "$1" >/dev/null 2>&1; then echo "$mutant survived $(basename "$1")"; else echo "$mutant killed"; fi
'
while read -r test gradient; do
    for kind in $kinds; do
        printf '%s %s %s\n' "$test" "$gradient" "$kind"
    done
done <"$work/mutants" | xargs -P "$(env -u OMP_NUM_THREADS nproc)" -L1 sh -c "$one" sh >"$work/results"

# A mutant is dead if one of the tests that are responsible for it has killed it.
awk '{ if ($2 == "killed") dead[$1] = 1; seen[$1] = 1 }
     END { for (m in seen) { n++; if (!(m in dead)) { print "survivor: " m; alive++ } }
           printf "%d mutants of gradients, %d killed, %d survived\n", n, n - alive, alive + 0
           exit alive > 0 }' "$work/results"
