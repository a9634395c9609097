# What CONTRIBUTING.md asks of the public headers: the order of arguments, counts that are int64_t, and
# a comment for each function, above it or behind it. One line for each function that has another or
# none.
# Usage: awk -f conventions.awk libtensor/include/tn/*.h

function complain(why)
{
    print FILENAME ": " name ": " why
    wrong = 1
}

# The place of an argument in the order, by its type and name; 0 where it may stand anywhere.
function place(argument)
{
    if (argument ~ /^tn_ctx \*ctx$/) return 1
    if (argument ~ /^(const char \*path|tn_source source|tn_sink sink)$/) return 3
    if (argument ~ /^tn_[a-z0-9_]+_opts opts$/) return 5
    return 0
}

# An array that a function reads: of numbers, or of tensors or modules.
BEGIN { list_of = "^(const (int64_t|double)|[a-z0-9_ ]+ \\*const) \\*" }

function check(list,    argument, n, i, last, here)
{
    n = split(list, argument, / *, */)
    last = 0
    for (i = 1; i <= n; i++) {
        here = place(argument[i])
        if (here == 1 && i > 1) complain("the context is not the first argument")
        if (here > 0 && here < last) complain("\"" argument[i] "\" comes late")
        if (here > 0) last = here
        else if (last == 5 && argument[i] !~ /\*(report|buffer)$/ && argument[i - 1] !~ /\*buffer$/) complain("\"" argument[i] "\" comes after the options")
        if (here == 0 && last == 3) complain("\"" argument[i] "\" comes after the path")
        if (argument[i] ~ /_opts \*/ && name != "tn_ctx_new") complain("options are taken by value")
        if (argument[i] ~ /count$/ && argument[i] !~ /^int64_t / ||
            argument[i] ~ /^(int|unsigned|long) / && argument[i] !~ /dim$/ && argument[i + 1] ~ list_of)
            complain("\"" argument[i] "\", a count, is int64_t")
        if (argument[i] ~ /(^|[ *])count$/ && argument[i + 1] !~ /\*/) complain("a count stands before its array")
    }
    if (name ~ /_of$/ && name != "tn_dtype_of" && list !~ /count,/) complain("_of takes a list")
}

/^TN_API / { text = ""; reading = 1; told = above }
{ above = /^(\/\*| \*).*\*\/ *$/ }
reading {
    text = text " " $0
    if (/;/) {
        reading = 0
        told = told || text ~ /\/\*/
        sub(/;.*/, "", text)
        gsub(/ +/, " ", text)
        name = text
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        list = text
        sub(/^[^(]*\(/, "", list)
        sub(/\)$/, "", list)
        check(list)
        if (!told) complain("it has no comment of its own")
    }
}
END { exit wrong }
