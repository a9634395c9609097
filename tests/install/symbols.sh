#!/bin/sh
# The static library calls nothing that prints or ends the program, and exports tn_ names alone:
# symbols.sh LIBTENSOR.A LIBTENSOR.SO
set -eu
bad=$(nm -u "$1" | awk '{ print $2 }' | sort -u |
    grep -E '^(_?exit|abort|_Exit|quick_exit|__assert_fail|v?f?printf|__v?f?printf_chk|puts|putchar|perror)$' || true)
[ -z "$bad" ] || { echo "symbols: the library calls" $bad; exit 1; }
foreign=$(nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }' | grep -v '^tn_' || true)
[ -z "$foreign" ] || { echo "symbols: the static library exports" $foreign; exit 1; }
foreign=$(nm -D --defined-only "$2" | awk 'NF == 3 && $2 != "A" { print $3 }' | grep -vE '^tn_[^_]' || true)
[ -z "$foreign" ] || { echo "symbols: the shared library exports" $foreign; exit 1; }
