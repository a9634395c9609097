#!/bin/sh
# `alexnet-mpi features` and `train` by several processes: alexnet.sh FACES PROGRAM MPIRUN [PROGRAM MPIRUN]..., where FACES
# draws the faces. Any number of processes writes the same files; what is wrong is said once.
set -u
. "$(dirname "$0")/programs.sh"
data=$work/faces
interrupted=process
options="--cache $work/cache --no-flip --test-per-class 4 --train 12 --batch 6 --threads 1"

"$1" generate --out "$data" --people 2 --images 17 --size 60 --quiet
cp -r "$data" "$work/others"
cp "$data/generated-1/0001.png" "$work/others/generated-2/0017.png"
shift

# features N CACHE
features()
{
    rm -rf "$2"
    said=$work/features.said
    $limit "$mpirun" -n "$1" "$program" features --data "$data" --layer conv1.pool --no-flip --threads 1 --cache "$2" \
        >"$said" 2>&1
}

# kept CACHE: the two files of features and the index are those of the first.
kept()
{
    [ "$(ls "$1" | grep -c '\.npz$')" = 2 ] && for file in "$work"/cache/*.npz "$work/cache/features.csv"; do
        cmp "$file" "$1/$(basename "$file")" || return 1
    done
}

while [ $# -gt 0 ]; do
    program=$1 mpirun=$2
    shift 2
    for n in 1 3; do
        [ -d "$work/cache" ] && cache=$work/kept || cache=$work/cache
        features $n "$cache"
        check "$n processes keep other features" kept "$cache"
        check "$n processes do not have one summary" once '2 batches computed, 0 were there'
    done
    for n in 1 2 4; do
        [ -d "$work/first" ] && name=$(basename "$mpirun")-$n || name=first
        train $name $n --layer conv2.relu --finetune 1 --epochs 1
        check "$n processes have another result" same first $name
        check "$n processes do not have one summary" once 'test accuracy'
    done

    [ -d "$work/whole" ] || stop_and_go_on epoch 300 --layer conv1.pool

    words="train --layer conv1.pool --epochs 1 $options --out $work/fails"
    rm -rf "$work/new" "$work/own"
    fails "a photograph that is another for one of them" 'is not there; processes need one folder, and the same photographs' \
        -n 1 "$program" $words --cache "$work/new" --data "$data" : \
        -n 1 "$program" $words --cache "$work/new" --data "$work/others"
    fails "a folder of its own for one of them" 'alexnet train: process 1: save_dict: ' \
        -n 1 "$program" $words --data "$data" : -n 1 "$program" $words --data "$data" --cache "$work/own"
    fails "weights that one of them misses" 'alexnet train: process 1: ' \
        -n 1 "$program" $words --data "$data" : -n 1 "$program" $words --data "$data" --weights /nowhere
done
sum_up
