#!/bin/sh
# The tarball of `make dist` is the same each time, has all files of the commit, and builds elsewhere, without
# git, what is built here; with the goal `check` its tests pass, too. There `make dist` says what it lacks:
# dist.sh BUILD VERSION GOAL
set -eu
build=$1 version=$2 goal=$3
make="${MAKE:-make} -s --no-print-directory"
tarball=$build/libtensor-$version.tar.gz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail()
{
    echo "dist: $*"
    exit 1
}

$make dist >/dev/null
cp "$tarball" "$work/first.tar.gz"
(umask 077 && TZ=Asia/Tokyo LC_ALL=C $make dist >/dev/null)
cmp "$tarball" "$work/first.tar.gz" || fail "two tarballs of one commit differ"

tar -xzf "$tarball" -C "$work"
tree=$work/libtensor-$version
git ls-tree -r --name-only HEAD | grep -v '^debian/' | sort >"$work/commit"
(cd "$tree" && find . -type f | sed 's|^\./||' | sort) >"$work/files"
diff "$work/commit" "$work/files" || fail "the tarball has not the files of the commit"

# No commit to be packed: alone, and below a checkout of something else.
for place in alone below; do
    [ $place = alone ] || git init -q "$work"
    ! $make -C "$tree" dist BUILD="$work/none" >"$work/log" 2>&1 || fail "make dist of a tarball, $place, goes on"
    [ "$(wc -l <"$work/log")" -le 2 ] && grep -q "^dist: $tree is no checkout" "$work/log" || fail "$(cat "$work/log")"
    [ ! -e "$work/none" ] || fail "make dist of a tarball, $place, leaves" $(find "$work/none")
done
rm -r "$work/.git"

# A build of the same sources elsewhere: apart from what debuggers read, the same bytes.
(cd "$tree" && GIT_DIR=/nowhere $make $goal) >"$work/log" 2>&1 || {
    tail -30 "$work/log"
    fail "make $goal fails in the tarball"
}
if [ -z "$(git status --porcelain --untracked-files=no)" ]; then
    $make lib >/dev/null
    for library in libtensor.so libtensor.a; do
        strip -g -R .note.gnu.build-id -o "$work/here" "$build/$library"
        strip -g -R .note.gnu.build-id -o "$work/there" "$tree/build/$library"
        cmp "$work/here" "$work/there" || fail "$library is another one when it is built in another directory"
    done
else
    echo "dist: the libraries are not compared, for there are changes that are not committed"
fi
grep -E '^[0-9]+%: Checks:' "$work/log" | tail -1 || true
echo "$(wc -l <"$work/files") files in $(wc -c <"$tarball") bytes: $(sha256sum <"$tarball" | cut -c1-64)"
