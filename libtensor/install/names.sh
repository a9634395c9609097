#!/bin/sh
# Prints the names of files, one a line, with // behind the directory that many libraries share:
# names.sh [-- DIRECTORY FILE...]...
set -eu
while [ $# -gt 0 ]; do
    directory=$2
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        printf '%s//%s\n' "$directory" "$1"
        shift
    done
done
