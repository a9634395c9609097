#!/bin/sh
# What `make lint` checks besides warnings: formatting, cppcheck, and the walls between the rooms.
set -u
cd "$(dirname "$0")/.."
status=0

fail()
{
    echo "lint: $*"
    status=1
}

# A tool that is missing has found nothing: it fails unless LINT_WITHOUT names it, as in
# LINT_WITHOUT="cppcheck clang" make lint.
missing()
{
    case " ${LINT_WITHOUT:-} " in
    *" $1 "*) echo "lint: without $1" ;;
    *) fail "$1 is not installed: apt-get install $2, or LINT_WITHOUT=$1" ;;
    esac
}

# No line of `files` may match the pattern.
never()
{
    pattern=$1
    message=$2
    shift 2
    found=$(grep -nE "$pattern" "$@" 2>/dev/null) && fail "$message" && echo "$found"
}

# Those that are not added yet, too.
sources=$( (git ls-files --cached --others --exclude-standard '*.c' '*.h' 2>/dev/null || find libtensor examples tests -name '*.[ch]') | grep -v '^tests/data/')

# What .gitignore names is built, and stays out.
built=$(git ls-files --cached --ignored --exclude-standard 2>/dev/null)
if [ -n "$built" ]; then
    fail "files that are built are in the repository"
    echo "$built"
fi

# One version formats, since each formats differently: CLANG_FORMAT names another place of it.
formatter=14
: "${CLANG_FORMAT:=$(command -v clang-format-$formatter || echo clang-format)}"
if ! command -v "$CLANG_FORMAT" >/dev/null; then
    missing clang-format clang-format-$formatter
elif ! "$CLANG_FORMAT" --version | grep -q "version $formatter\."; then
    fail "$("$CLANG_FORMAT" --version), where the sources are formatted by version $formatter"
else
    "$CLANG_FORMAT" --dry-run -Werror $sources ||
        fail "run clang-format (version $formatter) -i on the files above"
fi

# The first line of a file says what the file is for.
awk 'FNR == 1 && !/^\/\*/ { print FILENAME ": " $0; found = 1 } END { exit found }' $sources ||
    fail 'a file begins with a comment that says what it is for'

# What a formatter makes of a comment that is a line too long, and of products in a formula.
awk -f tests/damage.awk $sources || status=1

if command -v cppcheck >/dev/null; then
    cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
        --suppress=missingIncludeSystem --suppress=internalAstError --suppress=invalidFunctionArg \
        -DTN_REAL_f32 -DTN_ISA_baseline -Ilibtensor/include -Ilibtensor libtensor ||
        fail "cppcheck found something"
else
    missing cppcheck cppcheck
fi
for cc in gcc clang; do
    command -v $cc >/dev/null || missing $cc $cc
done

# libtensor-mpi is another library: it sees what every program sees, and libtensor does not see it.
library=$(find libtensor -path libtensor/mpi -prune -o -name '*.[ch]' -print)
second=$(find libtensor/mpi -name '*.[ch]')
never 'include [<"](mpi|tn/mpi)\.h[>"]|include "mpi/|MPI_' 'libtensor knows no MPI' $library
found=$(grep -nE '^ *# *include ' $second | grep -vE ':#include (<(mpi|[a-z]+|tn/[a-z]+)\.h>|"mpi/[a-z]+\.h")$') &&
    fail 'libtensor-mpi uses the public headers of libtensor alone' && echo "$found"
never 'include <cblas.h>' 'only tensor/blas.c includes <cblas.h>' \
    $(echo "$library" | grep -v '^libtensor/tensor/blas.c$')
never 'include <zlib.h>' 'only io/ includes <zlib.h>' $(echo "$library" | grep -v '^libtensor/io/')
never 'include <(tgmath.h|tn/formula.h)>' 'headers leave the functions of <math.h> as they are' \
    $(echo "$library" | grep '\.h$' | grep -vE '^libtensor/(kernels/.*|include/tn/formula)\.h$')
never 'tn_tensor|tn_ctx|tn/[^v]' 'kernels/ knows no tensors' libtensor/kernels/*.[ch]
tests/rooms.sh "${BUILD:-build}/obj" || fail 'arrows between rooms point down, and there are no circles'

# Functions of one element, which <tn/vector_math.h> has in a form that is vectorised; soft-max takes one
# logarithm for a row.
found=$(find "${BUILD:-build}/obj/libtensor/ops" "${BUILD:-build}/obj/libtensor/kernels" -name '*.o' 2>/dev/null |
    xargs -r nm -Au | grep -E ' U (exp|expm1|log|log1p|tanh|erf|erfc|pow|sin|cos)f?$' | grep -v 'softmax.* log$') &&
    fail 'the loops of operators and kernels call no mathematical functions' && echo "$found"
if command -v gcc >/dev/null; then
    tests/vector_math/loops.sh || fail 'a loop over a function of <tn/vector_math.h> is vectorised'
fi
rooms=$(ls libtensor | tr '\n' '|')

# tests/rooms.sh and tests/includes.awk read includes of one form: a path begins with its room.
path='[a-z0-9_]+(/[a-z0-9_]+)*\.h'
found=$(grep -nE '^[[:space:]]*(#|%:)[[:space:]]*include' $library |
    grep -vE ":#include (<$path>|\"(${rooms%|})/$path\")\$") &&
    fail 'an include is #include <header.h> or #include "room/header.h"' && echo "$found"
never "^#include <(${rooms%|})/" 'private headers are included in quotes' $library
awk -f tests/includes.awk $library || fail 'a file includes what it uses'
never "include [\"<](${rooms}examples)/" 'examples use the public headers alone' \
    $(find examples -name '*.[ch]')
awk -f tests/conventions.awk libtensor/include/tn/*.h libtensor/mpi/include/tn/*.h ||
    fail 'arguments come in the order of CONTRIBUTING.md'
lessons=$(ls examples/[0-9]*.c)
never 'include "' 'a lesson is one file' $lessons
awk 'FNR == 121 { print FILENAME ": more than 120 lines"; found = 1 } END { exit found }' $lessons ||
    fail 'a lesson has at most 120 lines'
never '(^|[^a-z_])(abort|exit|assert|printf|fprintf|puts|putchar) *\(' \
    'the library neither prints nor ends the program' \
    $(echo "$library" | grep -v '^libtensor/include/') $second
never 'TODO|FIXME|XXX' 'nothing is left to do' $sources

# A mutant of a term whose text has changed would kill nothing any more.
tab=$(printf '\t')
while IFS=$tab read -r file test from to; do
    grep -qF -- "$from" "libtensor/$file" || fail "tests/mutants/terms.tsv: $file has no $from"
done <tests/mutants/terms.tsv

# Each source has a test of its name, or tests/tested.tsv says which tests it has, and of what; a folder
# there stands for the files in it.
for source in $(echo "$library" | grep '\.c$' | sed 's|^libtensor/||'); do
    [ -f "tests/unit/test_$(basename "$source")" ] ||
        cut -f 1 tests/tested.tsv | grep -qxF -e "$source" -e "$(dirname "$source")" ||
        fail "libtensor/$source has neither a test_$(basename "$source") nor a line in tests/tested.tsv"
done
while IFS=$tab read -r source names what; do
    [ -e "libtensor/$source" ] || fail "tests/tested.tsv: there is no libtensor/$source"
    for name in $names; do
        [ -f "tests/unit/test_$name.c" ] || fail "tests/tested.tsv: there is no test_$name.c"
    done
done <tests/tested.tsv

# Every operator is derived in docs/formulas.md, in formulas that GitHub shows, and all that is public has its
# PyTorch word.
headers=libtensor/include/tn
awk -f tests/docs/names.awk $headers/ops.h docs/formulas.md || fail 'docs/formulas.md derives each operator'
awk -v options=1 -f tests/docs/names.awk $headers/*.h docs/coming-from-pytorch.md ||
    fail 'docs/coming-from-pytorch.md has the PyTorch word of each public function and option'
awk -f tests/docs/math.awk docs/*.md || fail 'formulas are written as GitHub takes them'

# A reason not to run something is of a function that is there. In patterns, * stands for several.
grep -v '^#' tests/coverage.tsv | while IFS=$tab read -r source function rest; do
    case $source$function in
    *[*?]*) ;;
    *) grep -qw -- "$function" "libtensor/$source" || echo "libtensor/$source has no $function" ;;
    esac
done | grep . && fail "tests/coverage.tsv names functions that are not there"

# A reason why a finding is none is of one line of its file, and one why a mutant survives of a statement of the
# sources, whose blanks and ends of lines are as one.
grep -v '^#' tests/analyze.tsv | while IFS=$tab read -r source check text reason; do
    count=$(grep -cF -- "$text" "$source")
    [ "$count" = 1 ] || echo "$source: \"$text\" stands in ${count:-0} lines"
done | grep . && fail "tests/analyze.tsv names lines that are not there alone"
awk -F '\t' '
    function seek(    i)
    {
        for (i in text)
            found[i] = found[i] || index(words, text[i])
        words = ""
    }
    FILENAME ~ /[.]tsv$/ { text[FILENAME ":" FNR] = $2; next }
    FNR == 1 { seek() }
    { gsub(/[ \t]+/, " "); sub(/^ /, ""); words = words (words == "" ? "" : " ") $0 }
    END {
        seek()
        for (i in text)
            if (!found[i])
                print i ": " text[i]
    }' tests/mutants/survivors.tsv tests/mutants/speed.tsv $library | grep . &&
    fail "no source has these lines of tests/mutants"

exit $status
