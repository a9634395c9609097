#!/bin/sh
# Sums up what the analysers have said, which lies in FOLDER/<source>.<tool>. A finding that analyze.tsv
# names is none. One line for each tool, behind its findings; fails if there are any.
set -u
folder=$1
excused=$(dirname "$0")/analyze.tsv
status=0


# Each once, whatever includes the header that it is in; a tool that has died is a finding, too.
findings()
{
    find "$folder" -name "*.c.$1" -size +0 -exec awk -F '\t' -v folder="$folder/" -v here="$PWD/" '
        FILENAME ~ /[.]tsv$/ { excused[$1 " " $2]; next }
        !/: (warning|fatal error|error|style|performance|portability): |Stack dump|internal compiler/ { next }
        {
            unit = substr(FILENAME, length(folder) + 1)
            sub(/[.][a-z-]*$/, "", unit)
            if (index($0, here) == 1)
                $0 = substr($0, length(here) + 1)
            sub(/^cc1/, unit)
            sub(/,-warnings-as-errors/, "")
            file = check = $0
            sub(/:.*/, "", file)
            sub(/.*\[(-W)?/, "", check)
            sub(/\].*/, "", check)
            if (!((unit " " check) in excused) && !((file " " check) in excused))
                print
        }' "$excused" {} + | sort -u
}

for tool in gcc clang-tidy cppcheck; do
    command -v $tool >/dev/null || { echo "$tool is not installed"; continue; }
    found=$(findings $tool)
    [ -z "$found" ] || { echo "$found"; status=1; }
    printf '%-10s %d files, %d findings\n' $tool "$(find "$folder" -name "*.c.$tool" | wc -l)" \
        "$(printf '%s' "$found" | grep -c '')"
done
exit $status
