#!/bin/sh
# Runs the examples as docs/results shows them; results in out/, with the command and the seconds
# that each took in run.json. usage: examples/results.sh BUILD
set -eu
bin=${1:-build}/bin
cd "$(dirname "$0")/.."
if ! command -v jq >/dev/null; then
    echo "results: jq cannot be run; its package is named jq" >&2
    exit 2
fi
# Threads that wait should sleep, not spin: other work on the machine disturbs less.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"

# seconds START END: with one decimal
seconds() {
    awk -v start="$1" -v end="$2" 'BEGIN { printf "%.1f", end - start }'
}

# run NAME PROGRAM ARGUMENTS...: results in out/NAME
run() {
    name=$1
    shift
    echo "$*"
    rm -rf "out/$name"
    start=$(date +%s.%N)
    program=$1
    shift
    "$bin/$program" "$@" --out "out/$name"
    end=$(date +%s.%N)
    jq -n --arg command "$program $* --out out/$name" --argjson seconds "$(seconds "$start" "$end")" \
        '{$command, $seconds}' >"out/$name/run.json"
}

for part in show forward gradcheck train compare contour backprop-cost; do
    run "digits/$part" digits "$part"
done
# Nothing is chosen here by a validation set, so all training images are learned.
run digits/softmax digits train --runs 5 --epochs 30 --batch 100 --optimizer adam --lr 0.002 \
    --schedule cosine --validation 0
run digits/mlp digits train --model mlp --runs 5 --validation 0
run digits/cnn digits train --model cnn --runs 5 --validation 0

# Faces that are drawn, and photographs if there are some in data/faces.
generated=out/faces/generated-images
rm -rf "$generated"
"$bin/faces" generate --out "$generated"
run faces/generated faces train --data "$generated"
run faces/weights faces weights --data "$generated" --model out/faces/generated/model.safetensors
if [ -d data/faces ]; then
    run faces/train faces train --data data/faces --runs 10
    run faces/control faces train --data data/faces --runs 10 --control permute
    run faces/study faces train --data data/faces --runs 10 --preset study
fi

# AlexNet, if its weights and larger photographs are there.
if [ -f data/alexnet_features.pth ] && [ -d data/faces227 ]; then
    given="--data data/faces227 --weights data/alexnet_features.pth"
    run alexnet/filters alexnet filters --weights data/alexnet_features.pth
    run alexnet/study alexnet train $given --preset study --runs 5
    run alexnet/balance alexnet train $given --preset study --runs 5 --balance
    run alexnet/control alexnet train $given --preset study --runs 5 --control permute-images
    run alexnet/sweep alexnet train $given --sweep --runs 5
    run alexnet/finetune alexnet train $given --finetune 1 --layer conv5.pool --lr 1e-4 --epochs 15
fi
