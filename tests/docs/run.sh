#!/bin/sh
# Runs the C of the documents and compares what it prints with what they say, and looks up their links, as
# README.md here describes: run.sh BUILD_DIR [PAGE...], with CC, CXX and LIBS in the environment.
set -eu
cd "$(dirname "$0")/../.."
build=$1
shift
: "${CC:=cc}" "${CXX:=c++}" "${LIBS:=-lopenblas -lz -lm}"
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
root=$(pwd) here=tests/docs work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CC CXX LIBS build root here work

# That of many processes is for `make check-mpi`, which has an MPI.
pages=$(ls docs/*.md | grep -v '^docs/distributed.md$')

# A page with shell lines is followed from top to bottom; of another the blocks are programs.
for page in ${*:-README.md SECURITY.md CONTRIBUTING.md examples/README.md $pages}; do
    grep -q '^```sh' "$page" && kind=follow || kind=programs
    mkdir -p "$work/$page"
    awk -v out="$work/$page/$kind" -f $here/blocks.awk -f $here/$kind.awk "$page" || touch "$work/failed"
done
$CC -c -o "$work/by_lines.o" $here/by_lines.c

# Those that take longest begin.
find "$work" -name 'follow.sh' >"$work/jobs"
find "$work" -name 'programs.*.c*' | sort >>"$work/jobs"
xargs -P "$(env -u OMP_NUM_THREADS nproc)" -n 1 sh $here/job.sh <"$work/jobs" || touch "$work/failed"

awk -f $here/links.awk $(find . -name '*.md' -not -path "./$build/*" -not -path './out/*' | sed 's|^\./||') \
    2>"$work/links" || touch "$work/failed"
# The checks find all that is wrong with this page, and what a program prints too little or too much.
page=$here/wrong.txt
{
    awk -v out="$work/wrong" -f $here/blocks.awk -f $here/programs.awk $page
    awk -f $here/links.awk $page 2>/dev/null
    echo one | awk -v page=$page -f $here/compare.awk "$work/wrong.1.expected" -
    { echo one; echo two; echo three; } | awk -v page=$page -f $here/compare.awk "$work/wrong.1.expected" -
} >"$work/found" || true
diff $here/wrong.expected "$work/found" || touch "$work/failed"

echo "$(grep -c programs "$work/jobs") programs, $(grep -c follow.sh "$work/jobs") pages followed, $(cat "$work/links")"
[ ! -e "$work/failed" ]
