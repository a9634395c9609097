#!/bin/sh
# Compiles libtensor.c and tn.h of `make amalgamation` by one line, as a program would; links programs with it, and
# tests, among them those of golden vectors for each instruction set; compares the bits of what it computes with
# the library's; and reads both in the oldest and the newest standard that a compiler knows, with OpenMP and
# without: amalgamation.sh BUILD_DIR [COMPILER...], without a C++ compiler's name; gcc and clang, side by side, if they
# are here. `quick` in their place: CC reads the files once, which finds names that have become two. `speed`: CC
# compiles them, and the times of products and convolutions are shown over the library's.
set -eu
build=$1
shift
compilers=${*:-gcc clang}
here=$(cd "$(dirname "$0")" && pwd)
amalgamation=$build/amalgamation
: "${CC:=cc}" "${LIBS:=-lopenblas -lz -lm}" "${CHECK_LIBS:=-lcheck -lsubunit -lrt -lm -pthread}"
all=$(mktemp -d)
trap 'rm -rf "$all"' EXIT
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive CK_FORK=no
warnings="-Wall -Wextra -Werror"
tests=${TESTS:-golden}
work=$all

fail()
{
    echo "amalgamation: $*"
    exit 1
}

# counts NUMBER
counts()
{
    echo "$1" >>"$work/checks"
}

# passes COMMAND...: without a word.
passes()
{
    "$@" >"$work/log" 2>&1 && [ ! -s "$work/log" ] || fail "$*: $(head -20 "$work/log")"
    counts 1
}

# knows COMPILER LANGUAGE STANDARD...: the first and the last of these that it knows.
knows()
{
    compiler=$1 language=$2
    shift 2
    for standard in "$@"; do
        echo 'int x;' | $compiler -x "$language" -std="$standard" -fsyntax-only - 2>/dev/null && echo "$standard"
    done | sed -n '1p; $p' | uniq
}

# The header alone, twice, and with each of its parts.
header()
{
    compiler=$1 language=$2
    shift 2
    for standard in $(knows "$compiler" "$language" "$@"); do
        for part in NOTHING TN_VECTOR_MATH TN_FORMULAS; do
            printf '#include "tn.h"\n#define %s\n#include "tn.h"\nextern int x;\n' $part >"$work/header"
            passes $compiler -x "$language" -std="$standard" $warnings -Wpedantic -I"$amalgamation" \
                -fsyntax-only "$work/header"
        done
    done
}

quick()
{
    if ! command -v python3 >/dev/null; then
        echo "not tried, for it is not here: python3"
        return
    fi
    ${MAKE:-make} -s --no-print-directory amalgamation BUILD="$build"
    passes $CC -std=c11 -fopenmp $warnings -fsyntax-only "$amalgamation/libtensor.c"
    header "$CC" c c11
}

# The programs that other tests link with the installed library include tn.h here.
with_tn_h()
{
    for program in outside.c outside.cpp swish.c bits.c; do
        sed -e 's|<tn/tn.h>|"tn.h"|' -e 's|^#include <tn/formula.h>|#define TN_FORMULAS\n#include "tn.h"|' \
            "$here/$program" >"$work/$program"
    done
}

# Nothing is seen of the file but its interface. What it takes from other libraries if they have it is looked for
# there: a hidden name would be absent in silence.
names_of()
{
    foreign=$(nm -g --defined-only "$1" | awk 'NF == 3 && $3 !~ /^tn_/ { print $3 }')
    [ -z "$foreign" ] || fail "it exports $foreign"
    absent=$(readelf -sW "$1" | awk '$7 == "UND" && $6 != "DEFAULT" { print $8 }')
    [ -z "$absent" ] || fail "it would not find these, which are hidden: $absent"
    counts 2
}

# learns COMPILER PROGRAM OBJECT: a program of others.
learns()
{
    passes $1 -fopenmp -I"$amalgamation" -o "$work/outside" "$2" "$work/swish.o" "$3" $LIBS
    "$work/outside" | grep -q "^loss fell" || fail "$("$work/outside")"
    counts 1
}

# passes_test NAME OBJECT: the library's own test, golden vectors with the kernels of each instruction set, the
# others with those that take their products to CBLAS.
passes_test()
{
    passes $CC -fopenmp -o "$work/test" "$build/obj/tests/unit/test_$1.o" "$build"/obj/tests/common/*.o \
        "$2" $CHECK_LIBS $LIBS
    for isa in baseline $([ "$1" != golden ] || echo v3 v4); do
        TN_ISA=$isa "$work/test" >"$work/log" 2>&1 || fail "test_$1, $isa: $(tail -20 "$work/log")"
        counts "$(sed -n 's/^100%: Checks: \([0-9]*\),.*/\1/p' "$work/log")"
    done
}

# same_bits OBJECT: what the library computes, by each instruction set.
same_bits()
{
    passes $CC -fopenmp -I"$here/../../libtensor/include" -o "$work/library" "$here/bits.c" "$build/libtensor.a" $LIBS
    passes $CC -fopenmp -I"$amalgamation" -o "$work/bits" "$work/bits.c" "$1" $LIBS
    for isa in baseline v3 v4; do
        TN_ISA=$isa "$work/library" >"$work/expected"
        TN_ISA=$isa "$work/bits" >"$work/got"
        cmp -s "$work/expected" "$work/got" || fail "$isa: $(diff "$work/expected" "$work/got" | head -4)"
        counts "$(wc -l <"$work/got")"
    done
}

# refuses WORDS COMMAND...: the first thing that a compiler says of libtensor.c.
refuses()
{
    words=$1
    shift
    ! "$@" -fsyntax-only "$amalgamation/libtensor.c" >"$work/log" 2>&1 && grep -m1 error "$work/log" | grep -qF "$words" ||
        fail "$* does not say \"$words\": $(head -3 "$work/log")"
    counts 1
}

# by COMPILER C++_COMPILER: the line of libtensor.c, the programs and the tests.
by()
{
    work=$all/$1
    with_tn_h
    header "$1" c c11 c17 c2x
    for standard in $(knows "$1" c c11 c17 c2x); do
        for flags in -fopenmp -pthread; do
            passes $1 -std=$standard $warnings $flags -fsyntax-only "$amalgamation/libtensor.c"
        done
    done
    refuses "libtensor.c is C11" $1 -std=c99
    object=$work/libtensor.o
    passes $1 -O2 -fno-math-errno -fopenmp $warnings -c "$amalgamation/libtensor.c" -o "$object"
    names_of "$object"
    passes $1 -I"$amalgamation" -c "$work/swish.c" -o "$work/swish.o"
    learns "$1" "$work/outside.c" "$object"
    if command -v "$2" >/dev/null; then
        refuses "libtensor.c is C: compile it by a C compiler" $2 -x c++
        header "$2" c++ c++11 c++14 c++17 c++20 c++2b
        learns "$2" "$work/outside.cpp" "$object"
    fi
    # The library's bits are those of its compiler, which has all tests. Another one has the first of them.
    tried=${tests%% *}
    case $("${CC##* }" --version)/$1 in
    *clang*/clang | *"Free Software"*/gcc)
        same_bits "$object"
        tried=$tests
        ;;
    esac
    for test in $tried; do
        passes_test "$test" "$object"
    done
    touch "$work/done"
}

# A product and convolutions in one thread: times beside the library's, of which the least counts.
speed()
{
    $CC -O2 -fno-math-errno -fopenmp -c "$amalgamation/libtensor.c" -o "$work/libtensor.o"
    $CC -fopenmp -o "$work/bench" "$build"/obj/tests/bench/ops.o "$build"/obj/tests/bench/questions.o \
        "$build"/obj/tests/bench/rates.o "$work/libtensor.o" $LIBS
    "$here/../bench/against.py" --rounds 5 --threads 1 --rows 'x=512,512|x=1,64,56,56|x=4,256,28,28' -- \
        "$work/bench" "$build/tests/bench_ops"
}

case $compilers in
quick) quick ;;
speed)
    speed
    exit
    ;;
*)
    for compiler in $compilers; do
        command -v "$compiler" >/dev/null || { echo "not tried, for it is not here: $compiler"; continue; }
        mkdir "$all/$compiler"
        by "$compiler" "$(echo "$compiler" | sed 's/gcc/g++/; s/clang/clang++/')" >"$all/$compiler/said" 2>&1 &
    done
    wait
    for said in "$all"/*/said; do
        [ -e "${said%said}done" ] || fail "by $(basename "${said%/said}"): $(cat "$said")"
    done
    ;;
esac
cat "$all"/checks "$all"/*/checks 2>/dev/null |
    awk '{ n += $1 } END { printf "100%%: Checks: %d, Failures: 0, Errors: 0\n", n }'
