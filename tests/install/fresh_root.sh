#!/bin/sh
# README's two commands and then the tutorial, to the letter, in a Debian that has neither a compiler nor a library of
# those that are needed: fresh_root.sh ROOT, as root. ROOT is made by debootstrap if it is not there, and is not
# fresh any more afterwards. What the last commit has is copied there; nothing that was built here is seen.
set -eu
root=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
: "${SUITE:=bookworm}" "${MIRROR:=http://deb.debian.org/debian}"

fail()
{
    echo "fresh root: $*"
    exit 1
}

# in_root COMMAND: with /dev and /proc, which go when it ends, and none of the environment.
in_root()
{
    unshare --mount sh -c 'mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" &&
        exec chroot "$1" /usr/bin/env -i HOME=/root TERM=dumb DEBIAN_FRONTEND=noninteractive \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -ec "$2"' sh "$root" "$1"
}

[ -d "$root/usr" ] || debootstrap --variant=minbase "$SUITE" "$root" "$MIRROR"
for tool in cc gcc clang pkg-config gnuplot; do
    [ ! -e "$root/usr/bin/$tool" ] || fail "$root has $tool already"
done
[ -z "$(find "$root/usr" -name 'libopenblas*' -o -name 'zlib.h')" ] || fail "$root has libraries already"
mkdir -p "$root/root/libtensor"
git -C "$here" archive HEAD | tar -x -C "$root/root/libtensor"
cp /etc/resolv.conf "$root/etc/resolv.conf"

# Who has a clone has make; nothing else is brought along.
in_root 'apt-get -qq update; apt-get -qq install --no-install-recommends make >/dev/null'
for goals in "deps demo" "deps check"; do
    grep -q "^    make $goals " "$here/README.md" || fail "README says no 'make $goals'"
    begin=$(date +%s)
    in_root "cd /root/libtensor; make $goals" || fail "make $goals"
    echo "fresh root: make $goals: $(($(date +%s) - begin)) s"
done
in_root 'cd /root/libtensor; CC=gcc CXX=g++ tests/docs/run.sh build docs/tutorial.md' || fail "the tutorial"
echo "fresh root: the tutorial was followed"
