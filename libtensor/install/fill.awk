# Fills in a template: @NAME@ becomes what the environment has as NAME, whatever characters that has.
{
    line = ""
    rest = $0
    while (match(rest, /@[A-Z]+@/)) {
        line = line substr(rest, 1, RSTART - 1) ENVIRON[substr(rest, RSTART + 1, RLENGTH - 2)]
        rest = substr(rest, RSTART + RLENGTH)
    }
    print line rest
}
