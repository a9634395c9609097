#!/bin/sh
# `digits-mpi train` by several processes: digits.sh PROGRAM MPIRUN [PROGRAM MPIRUN]... Any number of them writes the same
# network and the same history, and goes on from a checkpoint of another number; what is wrong is said once.
set -u
. "$(dirname "$0")/programs.sh"
data=examples/data/mnist
interrupted=mpirun
options="--train 1000 --model mlp --batch 90 --threads 1"

while [ $# -gt 0 ]; do
    program=$1 mpirun=$2
    shift 2
    for n in 1 2 4; do
        [ -d "$work/first" ] && name=$(basename "$mpirun")-$n || name=first
        train $name $n --iterations 30 --eval-every 15
        check "$n processes have another result" same first $name
        check "$n processes do not have one summary" once 'test accuracy'
    done
    stop_and_go_on iteration 400 --schedule cosine

    out="--out $work/fails --threads 1"
    fails "a folder that one of them misses" 'digits train: process 1: /nowhere: there is no such' \
        -n 1 "$program" train --data $data $out : -n 1 "$program" train --data /nowhere $out
    fails "a result that cannot be written" "no results can be written there" \
        -n 2 "$program" train --data $data --out /dev/null/below
    fails "more processes than micro-batches" 'micro-batches' \
        -n 2 "$program" train --data $data $out --micro-batches 1
    fails "a command for one process" 'digits show: it is for one process, not 2' -n 2 "$program" show
done
sum_up
