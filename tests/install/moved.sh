#!/bin/sh
# What is staged, or moved after it was installed, is found where it lies: by CMake as it is, by pkg-config with
# another prefix. Directories that are not below PREFIX stay where they are: moved.sh BUILD_DIR
set -eu
build=$1
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
: "${CC:=cc}" "${PKG_CONFIG:=pkg-config}"
make="${MAKE:-make} -s --no-print-directory BUILD=$build PAGES="

fail()
{
    echo "moved: $*"
    exit 1
}

mkdir "$stage/project"
printf '#include <tn/tn.h>\nint main(void) { return !*tn_version(); }\n' >"$stage/project/program.c"
cat >"$stage/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.13)
project(moved C)
find_package(libtensor REQUIRED)
get_target_property(include libtensor::static INTERFACE_INCLUDE_DIRECTORIES)
file(WRITE "${CMAKE_BINARY_DIR}/include" "${include}")
foreach(kind shared static)
  add_executable(${kind} program.c)
  target_link_libraries(${kind} libtensor::${kind})
endforeach()
END

# found WHAT PREFIX INCLUDEDIR: CMake takes the package below that prefix, and its headers from there.
found()
{
    command -v cmake >/dev/null || return 0
    rm -rf "$stage/built"
    CC=$CC cmake -S "$stage/project" -B "$stage/built" -DCMAKE_PREFIX_PATH="$2" >"$stage/log" 2>&1 &&
        cmake --build "$stage/built" >>"$stage/log" 2>&1 || fail "$1: $(tail -20 "$stage/log")"
    [ "$(cat "$stage/built/include")" = "$3" ] || fail "$1: the headers are those of $(cat "$stage/built/include")"
    "$stage/built/shared" && "$stage/built/static" || fail "$1: a program does not run"
}

# of LIBDIR ARGUMENTS...: what pkg-config says.
of()
{
    file=$1/pkgconfig/libtensor.pc
    shift
    $PKG_CONFIG "$@" "$file"
}

# Staged, where another prefix is that of the copy; then moved, with a name that has a blank.
$make install PREFIX=/opt/rv DESTDIR="$stage/root" >/dev/null
root=$stage/root/opt/rv
found "staged" "$root" "$root/include"
for directory in lib include; do
    said=$(of "$root/lib" --define-variable=prefix=/elsewhere --variable=${directory}dir)
    [ "$said" = "/elsewhere/$directory" ] || fail "${directory}dir of another prefix is $said"
done
mv "$root" "$stage/a moved tree"
found "moved" "$stage/a moved tree" "$stage/a moved tree/include"

# Deeper, with slashes and dots that say nothing.
prefix=$stage/deep/
$make install PREFIX="$prefix" LIBDIR="$stage/deep/./libraries//lib" INCLUDEDIR="$prefix/headers/" >/dev/null
mv "$stage/deep" "$stage/depth"
found "below other names" "$stage/depth/libraries" "$stage/depth/headers"
[ "$(of "$stage/depth/libraries/lib" --define-variable=prefix=/elsewhere --variable=includedir)" = /elsewhere/headers ] ||
    fail "pkg-config has other headers: $(cat "$stage/depth/libraries/lib/pkgconfig/libtensor.pc")"

# Beside the prefix, though the name begins alike, or is said from below it.
for include in "$stage/usr-headers" "$stage/usr/../usr-headers"; do
    $make install PREFIX="$stage/usr" INCLUDEDIR="$include" >/dev/null
    cp -r "$stage/usr" "$stage/copy"
    found "headers beside it" "$stage/copy" "$include"
    said=$(of "$stage/copy/lib" --define-variable=prefix=/elsewhere --variable=includedir)
    [ "$said" = "$include" ] || fail "headers beside it are those of $said"
    rm -r "$stage/copy"
done

# Where it was installed, it is found by a link to its libraries, too: /lib is one to /usr/lib.
$make install PREFIX="$stage/usr" >/dev/null
mkdir "$stage/link"
ln -s "$stage/usr/lib" "$stage/link/lib"
found "by a link" "$stage/link" "$stage/usr/include"
