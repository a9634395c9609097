#!/bin/sh
# What debian/ says of the version, the shared library and the packages that are needed is what the sources say,
# so that it does not grow old unseen: debian.sh LIBTENSOR.SO
set -eu
cd "$(dirname "$0")/../.."
status=0

fail()
{
    echo "debian: $*"
    status=1
}

version=$(sed -n 's/.*define TN_VERSION "\(.*\)"/\1/p' libtensor/include/tn/context.h)
soname=$(readelf -d "$1" | sed -n 's/.*soname: \[\(.*\)\]/\1/p')
interface=${soname#libtensor.so.}

sed 1q debian/changelog | grep -qF "($version-" || fail "debian/changelog does not begin with $version"
grep -qx "Package: libtensor$interface" debian/control || fail "debian/control has no libtensor$interface for $soname"
[ -f "debian/libtensor$interface.install" ] || fail "there is no debian/libtensor$interface.install"
grep -qxF "$soname libtensor$interface #MINVER#" "debian/libtensor$interface.symbols" &&
    grep -qF "(symver)TENSOR_$interface " "debian/libtensor$interface.symbols" ||
    fail "debian/libtensor$interface.symbols is not of $soname"

# `make deps` installs what a build takes; compilers and certificates are there where packages are built.
needed=$(sed -n '/^PACKAGES :=/,/[^\\]$/p' Makefile | tr -s ' \\\n' '\n' | sed '/PACKAGES/d; /:=/d; /^gcc$/d; /^g++$/d; /^libc6-dev$/d; /^ca-certificates$/d')
built_with=$(sed -n '/^Build-Depends/,/^Standards/p' debian/control)
for package in $needed; do
    echo "$built_with" | grep -qE "[: ]$package( |,|$)" || fail "debian/control does not build with $package"
done
exit $status
