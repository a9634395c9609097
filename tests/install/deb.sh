#!/bin/sh
# Builds Debian's packages from the tarball of `make dist` and debian/ of the same commit, in BUILD/deb; their links
# lead somewhere, and lintian has no errors and no warnings: deb.sh, with BUILD and VERSION in the environment.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$BUILD/deb

fail()
{
    echo "deb: $*"
    exit 1
}

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

# Links of files and of documents lead to what is in the packages.
for package in *.deb; do
    dpkg-deb -x "$package" root
done
lost=$(find root -xtype l)
[ -z "$lost" ] || fail "links that lead nowhere: $lost"
(cd root/usr/share/doc/libtensor-doc && awk -f "$here/tests/docs/links.awk" $(find -L . -name '*.md' | sed 's|^\./||')) ||
    fail "a document leads nowhere"
lintian --fail-on error,warning --pedantic --info ./*.changes >lintian.log || status=$?
grep -E '^[EWIPX]:' lintian.log || true
exit ${status:-0}
