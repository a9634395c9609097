#!/bin/sh
# Each public header alone, twice, in the oldest standard of C and C++ that a compiler knows; in every standard all of
# them after the system's headers of mathematics, in the oldest and the newest before them, and beside a program's own
# macros and names; and the macros that they define, which begin with TN_ or tn_: headers.sh INCLUDE_DIRECTORY
#
# By gcc and clang, those that are installed, or else by CC and CXX; warnings are errors.
set -u
include=$1
here=$(cd "$(dirname "$0")" && pwd)
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# compiles WHAT COMMAND...: standard input, or the files of the command.
compiles()
{
    what=$1
    shift
    echo "$what" >>"$log/done"
    messages=$("$@" -fsyntax-only $warnings -I"$include" 2>&1) && return
    echo "$what" >>"$log/failed"
    printf 'headers: %s:\n%s\n' "$what" "$(echo "$messages" | head -20)"
}

# standards COMPILER LANGUAGE CANDIDATE...: those that it knows.
standards()
{
    compiler=$1 language=$2
    shift 2
    for standard in "$@"; do
        echo 'int x;' | $compiler -x "$language" -std="$standard" -fsyntax-only - 2>/dev/null &&
            echo "$standard"
    done
}

# The names of all macros that are defined after the lines of standard input.
macros()
{
    "$@" -dM -E - | sed 's/^#define \([A-Za-z0-9_]*\).*/\1/' | sort -u
}

# own_macros COMMAND...: none but ours are added to those of the standard headers.
own_macros()
{
    system="$log/system.$1" all="$log/all.$1"
    printf '#include <%s>\n' stdarg.h stdbool.h stddef.h stdint.h | macros "$@" >"$system"
    echo "#include <tn/tn.h>" | macros "$@" -I"$include" >"$all"
    foreign=$(comm -13 "$system" "$all" | grep -vE '^(TN|tn)_')
    echo "macros" >>"$log/done"
    grep -q '^TN_API$' "$all" && [ -z "$foreign" ] && return
    echo "macros" >>"$log/failed"
    echo "headers: $*: <tn/tn.h> defines" $foreign | cut -c1-200
}

# What a header does not include, it lacks in other standards and for other compilers, too.
each_alone()
{
    for header in "$include"/tn/*.h; do
        line="#include <tn/$(basename "$header")>"
        printf '%s\n%s\nextern int x;\n' "$line" "$line" | compiles "$command, $line" $command -
    done
}

check_language()
{
    compiler=$1 language=$2
    shift 2
    known=$(standards "$compiler" "$language" "$@")
    oldest=$(echo "$known" | head -1) newest=$(echo "$known" | tail -1)
    for standard in $known; do
        command="$compiler -x $language -std=$standard"
        # Nothing that comes after our headers sees more of them than the macros below.
        systems="0 1"
        case $standard in
        "$oldest" | "$newest") systems="0 1 2" ;;
        esac
        [ "$standard" != "$oldest" ] || $alone
        for system in $systems; do
            compiles "$command, host.c, SYSTEM $system" $command -DSYSTEM=$system "$here/host.c"
        done
        compiles "$command, names.c" $command "$here/names.c"
        own_macros $command
    done
}

# languages C_COMPILER C++_COMPILER: all of both, side by side, if they are installed.
languages()
{
    command -v "$1" >/dev/null && check_language "$1" c c11 c17 c2x &
    command -v "$2" >/dev/null && check_language "$2" c++ c++11 c++14 c++17 c++20 c++2b &
    wait
}

alone=each_alone
languages gcc g++
[ ! -s "$log/done" ] || alone=:
languages clang clang++
[ -s "$log/done" ] || languages "${CC:-cc}" "${CXX:-c++}"

checks=$(wc -l <"$log/done") failures=$(cat "$log/failed" 2>/dev/null | wc -l)
echo "$((100 * (checks - failures) / checks))%: Checks: $checks, Failures: $failures, Errors: 0"
[ "$failures" = 0 ]
