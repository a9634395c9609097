#!/bin/sh
# cut_mnist.sh FULL [COUNT] - makes examples/data/mnist from the full set in the folder FULL: all
# test images, and the first COUNT (10000) training images with their labels.
set -eu

full=${1:?usage: cut_mnist.sh FULL [COUNT]}
count=${2:-10000}
out=$(dirname "$0")/mnist

# The four bytes of a number, the most significant first.
big_endian() {
    for shift in 24 16 8 0; do
        printf '%b' "\\0$(printf '%03o' $(($1 >> shift & 255)))"
    done
}

# cut_idx NAME HEADER SIZE: the first COUNT items of SIZE bytes behind a header of HEADER bytes,
# whose bytes 4..7 are the number of items.
cut_idx() {
    content=$(mktemp)
    gzip -dc "$full/$1.gz" > "$content"
    {
        head -c 4 "$content"
        big_endian "$count"
        head -c "$2" "$content" | tail -c +9
        tail -c +$(($2 + 1)) "$content" | head -c $((count * $3))
    } | gzip -9 -n > "$out/$1.gz"
    rm -f "$content"
}

mkdir -p "$out"
cut_idx train-images-idx3-ubyte 16 784
cut_idx train-labels-idx1-ubyte 8 1
for name in t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
    gzip -dc "$full/$name.gz" | gzip -9 -n > "$out/$name.gz"
done
(cd "$out" && sha256sum ./*.gz)
