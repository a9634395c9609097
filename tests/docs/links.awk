# Checks the links of pages to files of the repository and to headings: awk -f links.awk PAGE...
# A heading is found by the name that GitHub gives it.

function directory(path)
{
    return path ~ /\// ? substr(path, 1, match(path, /[^\/]*$/) - 1) : ""
}

# Without "x/..": docs/../README.md is README.md.
function simple(path)
{
    while (match(path, /[^\/]+\/\.\.\//))
        path = substr(path, 1, RSTART - 1) substr(path, RSTART + RLENGTH)
    return path
}

function add_heading(text, name)
{
    gsub(/\]\([^)]*\)/, "", text)
    name = tolower(text)
    gsub(/[^a-z0-9 _-]/, "", name)
    gsub(/ /, "-", name)
    if ((FILENAME, name) in seen)
        name = name "-" seen[FILENAME, name]++
    seen[FILENAME, name] = 1
}

function add_link(target)
{
    if (target ~ /^[a-z]+:/)
        return
    links++
    link[links] = target
    page[links] = FILENAME
    place[links] = FNR
}

function exists(path, row)
{
    if (!(path in there))
        there[path] = system("test -e '" path "'") == 0
    return there[path]
}

FNR == 1 {
    fenced = 0
    pages[FILENAME] = 1
}

/^ *```/ {
    fenced = !fenced
}

fenced || /^    / {
    next
}

/^#+ / {
    text = $0
    sub(/^#+ +/, "", text)
    add_heading(text)
}

{
    rest = $0
    gsub(/`[^`]*`/, "", rest)
    while (match(rest, /\]\([^)]*\)/)) {
        add_link(substr(rest, RSTART + 2, RLENGTH - 3))
        rest = substr(rest, RSTART + RLENGTH)
    }
    while (match(rest, /(src|href)="[^"]*"/)) {
        target = substr(rest, RSTART, RLENGTH)
        gsub(/^[a-z]+="|"$/, "", target)
        add_link(target)
        rest = substr(rest, RSTART + RLENGTH)
    }
}

END {
    for (i = 1; i <= links; i++) {
        file = link[i]
        sub(/#.*/, "", file)
        path = file == "" ? page[i] : simple(directory(page[i]) file)
        anchor = link[i] ~ /#/ ? substr(link[i], index(link[i], "#") + 1) : ""
        if (!exists(path)) {
            print page[i] ":" place[i] ": there is no " path
            failed = 1
        } else if (anchor != "" && path in pages && !((path, anchor) in seen)) {
            print page[i] ":" place[i] ": " path " has no heading #" anchor
            failed = 1
        }
    }
    print links " links" >"/dev/stderr"
    exit failed
}
