#!/bin/sh
# Installs into a staging directory and builds an outside C and C++ program with pkg-config alone,
# shared and static: run.sh BUILD_DIR
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
: "${CC:=cc}" "${CXX:=c++}" "${PKG_CONFIG:=pkg-config}"

sh "$here/symbols.sh" "$build/libtensor.a" "$build/libtensor.so"
${MAKE:-make} -s install BUILD="$build" PREFIX="$stage/usr"
export PKG_CONFIG_PATH="$stage/usr/lib/pkgconfig"

build_and_run()
{
    name=$1
    shift
    "$@" -o "$stage/$name"
    LD_LIBRARY_PATH=$stage/usr/lib "$stage/$name" >"$stage/$name.out"
    grep -q "^loss fell" "$stage/$name.out" || { echo "install: $name printed:"; cat "$stage/$name.out"; exit 1; }
}

cflags=$($PKG_CONFIG --cflags libtensor)
shared=$($PKG_CONFIG --libs libtensor)
static=$($PKG_CONFIG --static --libs libtensor)
build_and_run c-shared $CC -std=c11 -Wall -Wextra -Wpedantic -Werror $cflags "$here/outside.c" $shared
build_and_run c++-shared $CXX -Wall -Wextra -Wpedantic -Werror $cflags "$here/outside.cpp" $shared
# The static library alone, without the shared one beside it.
rm "$stage"/usr/lib/libtensor.so*
build_and_run c-static $CC -std=c11 $cflags "$here/outside.c" $static
build_and_run c++-static $CXX $cflags "$here/outside.cpp" $static

${MAKE:-make} -s install BUILD="$build" DESTDIR="$stage/root" PREFIX=/usr
[ -f "$stage/root/usr/include/tn/tn.h" ] && grep -q '^prefix=/usr$' "$stage/root/usr/lib/pkgconfig/libtensor.pc"
echo "100%: Checks: 6, Failures: 0, Errors: 0"
