#!/bin/sh
# Compiles libtensor.c and tn.h of `make amalgamation` by one line, as a program would, in every standard that a
# compiler knows, with OpenMP and without; links a program with it, and the tests of golden vectors; compares the
# bits of what it computes with the library's for each instruction set, and its speed: amalgamation.sh BUILD_DIR
# [COMPILER...], without a C++ compiler's name; gcc and clang, if they are here. With `quick` in their place CC reads
# the files once, which finds names that have become two.
set -eu
build=$1
shift
compilers=${*:-gcc clang}
here=$(cd "$(dirname "$0")" && pwd)
amalgamation=$build/amalgamation
: "${CC:=cc}" "${LIBS:=-lopenblas -lz -lm}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=2
checks=0
warnings="-Wall -Wextra -Werror"

fail()
{
    echo "amalgamation: $*"
    exit 1
}

# passes COMMAND...: without a word.
passes()
{
    "$@" >"$work/log" 2>&1 && [ ! -s "$work/log" ] || fail "$*: $(head -20 "$work/log")"
    checks=$((checks + 1))
}

# knows COMPILER LANGUAGE STANDARD
knows()
{
    echo 'int x;' | $1 -x "$2" -std="$3" -fsyntax-only - 2>/dev/null
}

# The programs that other tests link with the installed library include tn.h here.
for program in outside.c outside.cpp swish.c bits.c; do
    sed -e 's|<tn/tn.h>|"tn.h"|' -e 's|^#include <tn/formula.h>|#define TN_FORMULAS\n#include "tn.h"|' \
        "$here/$program" >"$work/$program"
done

# The header alone, twice, and with each of its parts.
header()
{
    compiler=$1 language=$2
    shift 2
    for standard in "$@"; do
        knows "$compiler" "$language" "$standard" || continue
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
    for flags in -fopenmp -pthread; do
        passes $CC -std=c11 $flags $warnings -fsyntax-only "$amalgamation/libtensor.c"
    done
    header "$CC" c c11
}

# by COMPILER C++_COMPILER: the line of libtensor.c, and the programs.
by()
{
    command -v "${1##* }" >/dev/null || { echo "not tried, for it is not here: $1"; return; }
    echo "by $1"
    header "$1" c c11 c17 c2x
    for standard in c11 c17 c2x gnu11 gnu17; do
        knows "$1" c $standard || continue
        passes $1 -std=$standard $warnings -fopenmp -fsyntax-only "$amalgamation/libtensor.c"
        passes $1 -std=$standard $warnings -fsyntax-only "$amalgamation/libtensor.c"
    done
    object=$work/libtensor-$(basename "${1##* }").o
    passes $1 -O2 -fopenmp $warnings -c "$amalgamation/libtensor.c" -o "$object"
    foreign=$(nm -g --defined-only "$object" | awk 'NF == 3 && $3 !~ /^tn_/ { print $3 }')
    [ -z "$foreign" ] || fail "$1 exports $foreign"
    passes $1 -I"$amalgamation" -c "$work/swish.c" -o "$work/swish.o"
    passes $1 -fopenmp -I"$amalgamation" -o "$work/outside" "$work/outside.c" "$work/swish.o" "$object" $LIBS
    "$work/outside" | grep -q "^loss fell" || fail "$("$work/outside")"
    checks=$((checks + 1))
    command -v "${2##* }" >/dev/null || return 0
    header "$2" c++ c++11 c++14 c++17 c++20 c++2b
    passes $2 -fopenmp -I"$amalgamation" -o "$work/outside" "$work/outside.cpp" "$work/swish.o" "$object" $LIBS
    "$work/outside" | grep -q "^loss fell" || fail "$("$work/outside")"
    checks=$((checks + 1))
}

# same_bits OBJECT: what the library computes, by each instruction set.
same_bits()
{
    passes $CC -fopenmp -I"$amalgamation" -o "$work/bits" "$work/bits.c" "$1" $LIBS
    for isa in baseline v3 v4; do
        TN_ISA=$isa "$work/library" >"$work/expected"
        TN_ISA=$isa "$work/bits" >"$work/got"
        cmp -s "$work/expected" "$work/got" ||
            fail "$(basename "$1"), $isa: $(diff "$work/expected" "$work/got" | head -4)"
        checks=$((checks + $(wc -l <"$work/got")))
    done
}

# passes_golden OBJECT: the tests of vectors that PyTorch computed, by each instruction set.
passes_golden()
{
    passes $CC -fopenmp -o "$work/golden" "$build/obj/tests/unit/test_golden.o" "$build"/obj/tests/common/*.o \
        "$1" $CHECK_LIBS $LIBS
    for isa in baseline v3 v4; do
        TN_ISA=$isa "$work/golden" >"$work/log" 2>&1 || fail "$(basename "$1"), $isa: $(tail -20 "$work/log")"
        checks=$((checks + 1))
    done
}

if [ "$compilers" = quick ]; then
    quick
    echo "100%: Checks: $checks, Failures: 0, Errors: 0"
    exit
fi
for compiler in $compilers; do
    by "$compiler" "$(echo "$compiler" | sed 's/gcc/g++/; s/clang/clang++/')"
done

passes $CC -fopenmp -I"$here/../../libtensor/include" -o "$work/library" "$here/bits.c" "$build/libtensor.a" $LIBS
for object in "$work"/libtensor-*.o; do
    # The library's bits are those of its compiler.
    case $("${CC##* }" --version)/$object in
    *clang*/*clang.o | *"Free Software"*/*gcc.o) same_bits "$object" ;;
    esac
    passes_golden "$object"
done

# A product and convolutions in one thread: times beside the library's, of which the least counts.
for object in "$work"/libtensor-*.o; do
    $CC -fopenmp -o "$work/bench" "$build"/obj/tests/bench/ops.o "$build"/obj/tests/bench/questions.o \
        "$build"/obj/tests/bench/rates.o "$object" $LIBS
    echo "$(basename "$object" .o), its times over the library's:"
    "$here/../bench/against.py" --rounds 5 --threads 1 --rows 'x=512,512|x=1,64,56,56|x=4,256,28,28' -- \
        "$work/bench" "$build/tests/bench_ops"
done
echo "100%: Checks: $checks, Failures: 0, Errors: 0"
