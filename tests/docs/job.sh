#!/bin/sh
# One program of a page, built and run, or a page followed, for run.sh: job.sh FILE, which is in a folder of the
# name of its page.
set -u
file=$1
page=${file#"$work/"} page=${page%/*}
# The first difference of NAME.expected, of the lines from `start` on, and NAME.printed.
compare() { awk -v page="$page" -v start="$2" -f "$root/$here/compare.awk" "$1.expected" "$1.printed"; }

run_program()
{
    name=${file%.c*}
    start=$(sed -n "1s/#line \([0-9]*\) .*/\1/p" "$file")
    case $file in
    *.cpp) compiler="$CXX -std=c++17" ;;
    *) compiler="$CC -std=c11" ;;
    esac
    inside= library="$build/libtensor.so"
    ! grep -q '^#include "' "$file" || inside=-Ilibtensor library="$build/libtensor.a $LIBS"
    $compiler -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror -Ilibtensor/include $inside -c -o "$name.o" "$file" &&
        $CXX -fopenmp -pthread -o "$name" "$name.o" "$work/by_lines.o" $library -lm || exit 1
    export LD_LIBRARY_PATH="$root/$build:$build"
    mkdir "$name.d" && ln -s "$root/examples" "$name.d" && cd "$name.d" || exit 1
    timeout 600 "$name" >"$name.printed" 2>&1
    status=$?
    compare "$name" "$start" || exit 1
    [ $status = 0 ] || { echo "$page:$start: the program ends with $status"; exit 1; }
}

# As a new user: with an empty home, and nothing set but where the library was built.
follow_page()
{
    name=${file%.sh}
    mkdir "$name.home"
    env -i HOME="$name.home" PATH="$PATH" BUILD="$build" CC="$CC" OMP_WAIT_POLICY="$OMP_WAIT_POLICY" out="$name" \
        page="$page" here="$root/$here" timeout 600 sh "$here/follow.sh" || exit 1
}

cd "$root" || exit 1
case $file in
*follow.sh) follow_page ;;
*) run_program ;;
esac
