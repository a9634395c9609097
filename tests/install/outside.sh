# For the scripts that build the outside programs: $stage is theirs alone, fail ends them with what is wrong, and $checks
# counts what was right.

# The programs are the same in both languages, so all of them print the same numbers.
run()
{
    "$1" >"$stage/out"
    [ -f "$stage/first.out" ] || cp "$stage/out" "$stage/first.out"
    grep -q "^loss fell" "$stage/out" && cmp -s "$stage/out" "$stage/first.out" ||
        fail "$(basename "$1") printed: $(cat "$stage/out")"
    checks=$((checks + 1))
}

# A program of the archive wants the libraries that the archive does, which bring what they need themselves.
wants_no_libtensor()
{
    others=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
        grep -vE '^(lib(c|m|pthread|gomp|omp|(open)?blas|cblas|z)|ld-.*|libc\.musl-.*)\.so' || true)
    [ -z "$others" ] || fail "$(basename "$1"), built with the archive, wants" $others
    checks=$((checks + 1))
}
