# Says which functions of public headers a page does not name in its code:
# awk -f names.awk HEADER... PAGE
# With -v options=1 those of options, too: the members of each tn_x_opts, as in {.stride = 2}.

# What a declaration declares: its last word, or what a function is called by.
function declared(text)
{
    if (match(text, /\(\*[a-z0-9_]+\)/))
        return substr(text, RSTART + 2, RLENGTH - 3)
    gsub(/[^a-z0-9_]+$/, "", text)
    sub(/.*[^a-z0-9_]/, "", text)
    return text
}

function want(name)
{
    wanted[++count] = name
    place[count] = FILENAME ":" FNR
}

# The words of a piece of code, and options with their point.
function read_code(text, i, n, words)
{
    n = split(text, words, /[^A-Za-z0-9_.]+/)
    for (i = 1; i <= n; i++)
        named[words[i]] = 1
}

FNR == 1 {
    is_header = FILENAME ~ /\.h$/
    fenced = in_options = in_comment = 0
}

!is_header && /^```/ {
    fenced = !fenced
    next
}

!is_header {
    if (fenced)
        read_code($0)
    else
        for (i = split($0, spans, "`"); i > 0; i--)
            if (i % 2 == 0)
                read_code(spans[i])
    next
}

# A declaration begins a line, and its function is what the first bracket belongs to.
/^TN_API/ && match($0, /tn_[a-z0-9_]+\(/) {
    want(substr($0, RSTART, RLENGTH - 1))
}

/^typedef struct tn_[a-z0-9_]+_opts \{/ {
    in_options = options
    next
}

/^\}/ {
    in_options = 0
}

in_options {
    gsub(/\/\*.*\*\//, "")
    if (in_comment && !sub(/^.*\*\//, ""))
        next
    in_comment = sub(/\/\*.*/, "")
    n = /\(\*/ ? 1 : split($0, members, ",")
    for (i = 1; i <= n && /;/; i++)
        want("." declared(n == 1 ? $0 : members[i]))
}

END {
    for (i = 1; i <= count; i++)
        if (!(wanted[i] in named)) {
            print FILENAME " does not have " wanted[i] " of " place[i]
            missing = 1
        }
    exit missing
}
