# Fills in a template: @NAME@ becomes what the environment has as NAME, whatever characters that has, and @PCNAME@ that
# directory as pkg-config has it: behind ${prefix} where it lies below PREFIX, so that both have another together.
function cleaned(path) {
    path = path "/"
    while (sub(/\/[.]?\//, "/", path))
        ;
    return path
}
function of_prefix(path,    prefix, below) {
    prefix = cleaned(ENVIRON["PREFIX"])
    below = substr(cleaned(path), length(prefix) + 1)
    if (index(cleaned(path), prefix) != 1 || below ~ /^([^\/]*\/)*[.][.]\//)
        return path
    sub(/\/$/, "", below)
    return "${prefix}/" below
}
function value(name) {
    return name ~ /^PC/ ? of_prefix(ENVIRON[substr(name, 3)]) : ENVIRON[name]
}
{
    line = ""
    rest = $0
    while (match(rest, /@[A-Z]+@/)) {
        line = line substr(rest, 1, RSTART - 1) value(substr(rest, RSTART + 1, RLENGTH - 2))
        rest = substr(rest, RSTART + RLENGTH)
    }
    print line rest
}
