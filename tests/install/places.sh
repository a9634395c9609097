#!/bin/sh
# Places that are no absolute paths, or have characters that would be taken for others, are refused in one line,
# before anything is built or written.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
cd "$work/tree"
ln -s "$here"/* .
rm -f build
ls >"$work/before"

fail()
{
    echo "places: $*"
    exit 1
}

# GOAL VARIABLE=VALUE WORDS: they are said, and nothing is done.
refused()
{
    ! ${MAKE:-make} --no-print-directory "$1" BUILD="$work/built" "$2" >"$work/said" 2>&1 || fail "make $1 $2 goes on"
    grep -qF -- "$3" "$work/said" || fail "make $1 $2 says: $(cat "$work/said")"
    [ "$(wc -l <"$work/said")" = 1 ] || fail "make $1 $2 says more than one line: $(cat "$work/said")"
    [ ! -e "$work/built" ] && ls | cmp -s - "$work/before" || fail "make $1 $2 made something:" $(ls "$work" .)
}

for goal in install uninstall install-mpi uninstall-mpi; do
    refused $goal PREFIX=rel/x "PREFIX=rel/x is no absolute path: PREFIX=\"\$PWD/rel/x\" is one"
    refused $goal 'PREFIX=~/.local' "PREFIX=~/.local is no absolute path: PREFIX=\"\$HOME/.local\" is one"
    refused $goal 'DESTDIR=~/stage' "DESTDIR=~/stage is no absolute path: DESTDIR=\"\$HOME/stage\" is one"
    refused $goal 'DESTDIR=/a"b' 'DESTDIR=/a"b has a ": choose a name without any of " ` \ $'
done
for character in '"' '`' '\' '$' '#' ';' ':'; do
    refused install "PREFIX=/a${character}b" \
        "PREFIX=/a${character}b has a $character: choose a name without any of \" \` \\ \$ # : ;"
done
refused install "PREFIX=/a
b" "PREFIX has a line break"
for name in LIBDIR INCLUDEDIR SHAREDIR MANDIR DOCDIR; do
    refused install "$name=a b" "$name=a b is no absolute path: $name=\"\$PWD/a b\" is one"
    refused install "$name=" "$name= is no absolute path"
done
