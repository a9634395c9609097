#!/bin/sh
# An outside C and C++ program is built with CMake and with Meson, shared and static, against an installed library.
# Build systems that are not here are named: builds.sh BUILD_DIR
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
: "${CC:=cc}" "${CXX:=c++}"
interface=$(sed -n 's/.*define TN_VERSION "\(.*\)\..*"/\1/p' "$here/../../libtensor/include/tn/context.h")
"${MAKE:-make}" -s --no-print-directory install BUILD="$build" PREFIX="$stage/usr" >/dev/null
export PKG_CONFIG_PATH="$stage/usr/lib/pkgconfig" LD_LIBRARY_PATH="$stage/usr/lib"

fail()
{
    echo "builds: $*"
    exit 1
}

checks=0
. "$here/outside.sh"

with_cmake()
{
    CC=$CC CXX=$CXX cmake -S "$here/cmake" -B "$stage/cmake" -DCMAKE_PREFIX_PATH="$stage/usr" >"$stage/log" &&
        cmake --build "$stage/cmake" >>"$stage/log" || fail "CMake: $(tail -20 "$stage/log")"
    for name in default shared static; do
        run "$stage/cmake/cmake-$name"
    done
    wants_no_libtensor "$stage/cmake/cmake-static"
    # The package of a later patch.
    cp -r "$stage/usr/lib/cmake/libtensor" "$stage/patch"
    sed -i "s/^set(PACKAGE_VERSION .*/set(PACKAGE_VERSION \"$interface.5\")/" "$stage/patch/libtensor-config-version.cmake"
    cmake -S "$here/cmake/ranges" -B "$stage/ranges" -DPACKAGE="$stage/patch" -DINTERFACE="$interface" \
        >"$stage/log" 2>&1 || fail "CMake, versions: $(tail -20 "$stage/log")"
}

with_meson()
{
    mkdir "$stage/meson"
    cp "$here/meson/meson.build" "$here/outside.c" "$here/outside.cpp" "$here/swish.c" "$stage/meson"
    CC=$CC CXX=$CXX meson setup "$stage/meson/build" "$stage/meson" >"$stage/log" 2>&1 &&
        meson compile -C "$stage/meson/build" >>"$stage/log" 2>&1 || fail "Meson: $(tail -20 "$stage/log")"
    for name in with-meson with-meson-c++ with-meson-static; do
        run "$stage/meson/build/$name"
    done
    wants_no_libtensor "$stage/meson/build/with-meson-static"
}

for system in cmake meson; do
    if command -v $system >/dev/null; then
        with_$system
    else
        echo "not tried, for it is not here: $system"
    fi
done
