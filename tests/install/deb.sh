#!/bin/sh
# Builds Debian's packages from the tarball of `make dist` and debian/ of the same commit, in BUILD/deb; lintian
# has no errors and no warnings: deb.sh, with BUILD and VERSION in the environment.
set -eu
work=$BUILD/deb
rm -rf "$work"
mkdir -p "$work"
cp "$BUILD/libtensor-$VERSION.tar.gz" "$work/libtensor_$VERSION.orig.tar.gz"
tar -xzf "$work/libtensor_$VERSION.orig.tar.gz" -C "$work"
git archive HEAD debian | tar -x -C "$work/libtensor-$VERSION"
cd "$work/libtensor-$VERSION"
# The flags of the one who calls are not those of the packages.
unset CFLAGS CPPFLAGS LDFLAGS MAKEFLAGS MAKELEVEL MFLAGS BUILD VERSION
dpkg-buildpackage -us -uc >../build.log 2>&1 || {
    tail -30 ../build.log
    echo "deb: $work/build.log has all of it"
    exit 1
}
cd ..
ls *.deb
lintian --fail-on error,warning --pedantic --info ./*.changes >lintian.log || status=$?
grep -E '^[EWIPX]:' lintian.log || true
exit ${status:-0}
