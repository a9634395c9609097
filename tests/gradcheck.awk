# Adds a heading and a total to the lines that the tests of the operators print with --gradcheck:
# operator, more about its use, inputs, their layout, coordinates compared, worst relative error.
BEGIN {
    limit = 1e-7
    printf "%-24s %-42s %-11s %6s %9s\n", "operator", "inputs", "layout", "coords", "error"
}
/ failed$/ { failures++ }
NF > 3 && $NF ~ /^[0-9.]+e[-+][0-9]+$|inf|nan/ {
    rows++
    coordinates += $(NF - 1)
    operators[$1] = 1
    if (!($NF + 0 <= limit) || $NF ~ /inf|nan/)
        above++
    if ($NF ~ /inf|nan/ || $NF + 0 > worst + 0) {
        worst = $NF
        where = $1
    }
}
{ print }
END {
    for (name in operators)
        count++
    printf "%d operators, %d checks, %d coordinates: worst relative error %s (%s), %d above %g\n",
        count, rows, coordinates, worst, where, above, limit
    exit above > 0 || failures > 0 || rows == 0
}
