# What a formatter may have done to the sources: awk -f damage.awk FILES prints a line for each place,
# and fails if there is one.
#
# A banner, a comment with a title in dashes, is one line of 100 columns at most; it may open a longer
# comment, but is not broken over two lines. Comments are at most 100 columns wide and end behind
# their last word, unless that belongs to what is shown as it is, five columns in. In formulas,
# TN_UNARY and the like, a product is "a * b" and not the declaration "a *b"; they end with a
# semicolon, without which clang-format takes them for declarations. In a macro, what a loop or a
# condition governs stands further in, which it does in braces. The types of a _Generic begin lines.

function say(what)
{
    print "lint: " FILENAME ":" FNR ": " what
    bad = 1
}

function depth_of(text,    opened)
{
    opened = gsub(/\(/, "", text)
    return opened - gsub(/\)/, "", text)
}

function indent_of(text)
{
    match(text, /^ */)
    return RLENGTH
}

FNR == 1 {
    banner = formula = shown = 0
    governs = -1
}

governs >= 0 && indent_of($0) <= governs && !/^ *\{/ {
    say("a line of a macro that does not stand further in than its loop")
}

{
    governs = /^ +(for|while|if|else if) \(.*\\$|^ +else *\\$/ && !/[;{,&|] *\\$/ ? indent_of($0) : -1
}

/^ +: [a-z_]+, [a-z0-9_]+ *\\?$/ {
    say("a _Generic whose types end lines")
}

/^ *(\* *-*)? *\*\/ *$/ && !shown {
    say(banner ? "a banner that is broken over two lines" : "a comment that ends in a line of its own")
}

{
    banner = /^ *\/\* ---- / && !/\*\//
    shown = /^ *\*     /
}

/^ *(\/?\*|\/\/)/ && length($0) > 100 {
    say("a comment of " length($0) " columns")
}

/^(TN_UNARY|TN_BINARY|TN_FORMULA[0-9])\(/ {
    formula = 1
    depth = 0
}

formula {
    code = $0
    sub(/ *\/\*.*/, "", code)
    if (code ~ /[A-Za-z0-9_)\]] \*[A-Za-z0-9_(]/)
        say("a product that looks like a pointer")
    depth += depth_of(code)
    if (depth <= 0) {
        if (code !~ /\);$/)
            say("a formula without a semicolon at its end")
        formula = 0
    }
}

END {
    exit bad
}
