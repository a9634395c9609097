#!/bin/sh
# `faces-mpi train` by several processes: faces.sh FACES PROGRAM MPIRUN [PROGRAM MPIRUN]..., where FACES draws the faces.
# Any number of them writes the same files, and goes on from a checkpoint of another number; what is wrong is said
# once.
set -u
. "$(dirname "$0")/programs.sh"
data=$work/faces
interrupted=process
options="--test-per-class 6 --threads 1"

"$1" generate --out "$data" --people 3 --images 14 --size 40 --quiet
cp -r "$data" "$work/others"
head -c 500 "$data/generated-2/0003.png" >"$work/others/generated-2/0003.png"
shift

# Those of several runs, too: the others have the seconds in their third column.
all_same()
{
    same "$1" "$2" || return 1
    for file in confusion people split; do
        cmp "$work/$1/$file.csv" "$work/$2/$file.csv" || return 1
    done
    cut -d , -f 1,2,4- "$work/$1/runs.csv" >"$work/rows"
    cut -d , -f 1,2,4- "$work/$2/runs.csv" | cmp - "$work/rows"
}

while [ $# -gt 0 ]; do
    program=$1 mpirun=$2
    shift 2
    for n in 1 2 4; do
        [ -d "$work/first" ] && name=$(basename "$mpirun")-$n || name=first
        train $name $n --epochs 4 --batch 9 --eval-every 2 --runs 2
        check "$n processes have another result" all_same first $name
        check "$n processes do not have one summary" once 'test accuracy'
    done
    [ -d "$work/whole" ] || stop_and_go_on epoch 120 --batch 0 --hidden 60

    words="$options --out $work/fails"
    fails "a folder that one of them misses" 'faces train: process 1: /nowhere: No such file' \
        -n 1 "$program" train --data "$data" $words : -n 1 "$program" train --data /nowhere $words
    fails "a photograph that one of them cannot read" 'faces train: process 1: its data are not those of process 0' \
        -n 1 "$program" train --data "$data" $words : -n 1 "$program" train --data "$work/others" $words
    fails "a result that cannot be written" "no results can be written there" \
        -n 2 "$program" train --data "$data" --out /dev/null/below
    fails "weights of a whole batch" '--balance needs whole batches' -n 2 "$program" train --data "$data" $words --balance
done
sum_up
