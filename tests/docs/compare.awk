# Compares what a program printed with what its page says: awk -v page=PAGE -f compare.awk NAME.expected NAME.printed
# The first line that differs is shown, with its place in the page. Blanks at the ends of lines do not count.

{
    sub(/[ \t]+$/, "")
}

FILENAME == ARGV[1] {
    count++
    place[count] = $0 + 0
    expected[count] = substr($0, length(place[count]) + 2)
    next
}

{
    printed++
    if (!different && (printed > count || $0 != expected[printed])) {
        different = printed
        got = $0
    }
}

END {
    if (!different && printed < count)
        different = printed + 1
    if (!different)
        exit 0
    line = different <= count ? place[different] : count ? place[count] : start
    print page ":" line ": expected: " (different <= count ? expected[different] : "nothing more")
    print page ":" line ": printed:  " (different <= printed ? got : "nothing more")
    exit 1
}
