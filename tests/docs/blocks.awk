# The blocks of a page between lines of three backticks: take_block(line, text), of the file that goes with this
# one, gets each, with `kind`, the word behind the first backticks, set. A fault of the page is a line, and failed.

function fail(line, message)
{
    print FILENAME ":" line ": " message
    failed = 1
}

/^```/ {
    if (fenced) {
        fenced = 0
        take_block(start, block)
    } else {
        fenced = 1
        kind = substr($0, 4)
        start = FNR + 1
        block = ""
    }
    next
}

fenced {
    block = block $0 "\n"
    next
}

/^ +```|^ *~~~/ {
    fail(FNR, "a block begins and ends with three backticks where the line begins")
}

END {
    if (fenced)
        fail(start - 1, "a block without an end")
}
