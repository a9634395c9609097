#!/bin/sh
# Sums up what the analysers have said of SOURCES, which lies in FOLDER/<source>.<tool>. A finding at a
# place that analyze.tsv names is none; a place where nothing is found any more, or that is not one line, is
# a finding. Shows them, and a line for each tool; fails if there are any.
set -u
folder=$1
shift
places=$(dirname "$0")/analyze.tsv
tools='gcc clang-tidy cppcheck'
missing=
logs=
for tool in $tools; do
    command -v $tool >/dev/null || { missing="$missing $tool"; continue; }
    for source in "$@"; do
        logs="$logs $folder/$source.$tool"
    done
done

# Each finding is shown once, whatever includes the header that it is in; a tool that has died is one, too.
awk -F '\t' -v folder="$folder/" -v here="$PWD/" -v tools="$tools" -v missing="$missing" '
    function read(file,    line)
    {
        for (lines[file] = 0; (getline line <file) > 0;)
            text[file, ++lines[file]] = line
    }

    function is_excused(file, number, check,    i)
    {
        if (!(file in lines))
            read(file)
        for (i = 1; i <= places; i++)
            if (file == file_of[i] && check == check_of[i] && index(text[file, number], text_of[i]))
                return used[i] = 1
        return 0
    }

    function show(tool, finding)
    {
        if (!shown[finding]++) {
            print finding
            found[tool]++
            all++
        }
    }

    # The text of a place stands in one line of its file, so that it excuses no other.
    function check_place(i,    n, number, where)
    {
        where = name_of_places ":" row_of[i] ": error: " file_of[i] ": "
        if (!(file_of[i] in lines))
            read(file_of[i])
        for (number = 1; number <= lines[file_of[i]]; number++)
            n += index(text[file_of[i], number], text_of[i]) > 0
        if (n != 1)
            show("places", where "\"" text_of[i] "\" stands in " n + 0 " lines")
        else if (!missing && !used[i])
            show("places", where "no " check_of[i] " is found at \"" text_of[i] "\"")
    }

    FILENAME ~ /[.]tsv$/ {
        name_of_places = FILENAME
        if (!/^#/) {
            row_of[++places] = FNR
            file_of[places] = $1
            check_of[places] = $2
            text_of[places] = $3
        }
        next
    }
    FNR == 1 { tool = FILENAME; sub(/.*[.]/, "", tool) }
    !/: (warning|fatal error|error|style|performance|portability): |Stack dump|internal compiler/ { next }
    {
        unit = substr(FILENAME, length(folder) + 1)
        sub(/[.][a-z-]*$/, "", unit)
        if (index($0, here) == 1)
            $0 = substr($0, length(here) + 1)
        sub(/^cc1/, unit)
        sub(/,-warnings-as-errors/, "")
        split($0, part, ":")
        check = $0
        sub(/.*\[(-W)?/, "", check)
        sub(/\].*/, "", check)
        if (!is_excused(part[1], part[2] + 0, check))
            show(tool, $0)
    }

    END {
        for (i = 1; i <= places; i++)
            check_place(i)
        n = split(tools, names, " ")
        for (i = 1; i <= n; i++)
            printf "%-10s %s\n", names[i],
                   index(missing " ", " " names[i] " ") ? "is not installed" : found[names[i]] + 0 " findings"
        exit all > 0
    }' "$places" $logs
