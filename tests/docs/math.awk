# Says which formulas of a page GitHub may not show as they are meant: awk -f math.awk PAGE...
# Its Markdown takes a backslash before a sign (\, or \\) and stars for itself before it comes to the formula, a
# dollar beside a letter is none, and some words of TeX are refused.

# The line without its code, which may go on in the next one.
function without_code(line, i, n, spans, text)
{
    n = split(line, spans, "`")
    for (i = 1; i <= n; i++)
        text = text (i > 1 ? "`" : "") ((i + coded) % 2 ? spans[i] : "")
    coded = (coded + (n > 0 ? n - 1 : 0)) % 2
    return text
}

function fault(message)
{
    print FILENAME ":" FNR ": " message ": " $0
    failed = 1
}

FNR == 1 {
    fenced = open = coded = 0
}

/^```/ {
    fenced = !fenced
    next
}

fenced || /^    / {
    next
}

{
    text = rest = without_code($0)
    gsub(/\$\$/, "\001", rest)
    open = (open + gsub(/\001/, " ", rest)) % 2
    n = split(rest, parts, "$")
    if (n > 0 && n % 2 == 0)
        fault("a dollar without another")
    for (i = 2; i <= n; i += 2) {
        if (parts[i - 1] ~ /[^ (|,]$/ || parts[i + 1] ~ /^[^ .,;:)|?!]/)
            fault("a dollar beside a letter")
        if (parts[i] ~ /^ | $/)
            fault("a formula begins or ends with a space")
    }
    if ((n > 1 || open || text ~ /\$\$/) && text ~ /\\[^A-Za-z ]|\\operatorname|\\(def|newcommand|href|require)/)
        fault("what GitHub does not take")
    for (i = 2; i <= n; i += 2)
        if (parts[i] ~ /\*/)
            fault("a star")
}

/^$/ {
    if (open)
        fault("a formula that does not end")
    open = coded = 0
}

END {
    exit failed
}
