# A file includes what it uses: awk -f includes.awk FILES, all of libtensor/, prints a line for each
# name that a file uses from a header that it does not include, and fails if there is one.
#
# Names are functions, types, enumerators and macros that begin with tn_ or TN_. What X.h includes is
# there for X.c, and what plan.h includes for those who include it. A public header brings the public
# headers that it includes, as it does to programs; so does the header of a room, as nn/nn.h does
# <tn/nn.h>, while others bring <tn/tensor.h> and <tn/context.h> alone. Kernels are left out: real.h
# gives each of them all that a kernel knows.

# The file that is being read, as it is included, declares the name.
function declare(name)
{
    if (name !~ /_H$/ && !((file, name) in declared)) {
        declared[file, name] = 1
        homes[name] = homes[name] " " file
    }
}

# The names in the text; one that no header declares has no home, and is let pass.
function use(text,    word)
{
    while (match(text, /[A-Za-z_][A-Za-z_0-9]*/)) {
        word = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        if (word ~ /^(tn|TN)_/ && !((file, word) in used)) {
            used[file, word] = FNR
            words[file] = words[file] " " word
        }
    }
}

# The line without comments; a comment that goes on is remembered.
function code_of(text,    begin, end)
{
    for (;;) {
        if (comment) {
            end = index(text, "*/")
            if (!end)
                return ""
            text = substr(text, end + 2)
            comment = 0
        }
        begin = index(text, "/*")
        if (!begin)
            return text
        end = index(substr(text, begin + 2), "*/")
        if (!end) {
            comment = 1
            return substr(text, 1, begin - 1)
        }
        text = substr(text, 1, begin - 1) " " substr(text, begin + end + 3)
    }
}

# What a line of a header declares: it begins in the first column, but for enumerators. A typedef of
# a struct alone counts as `named`: it will do for a header, and where no header has the struct.
function declarations(text,    part)
{
    if (text ~ /^#define /) {
        split(text, part, /[ (]/)
        declare(part[2])
    } else if (match(text, /^ +TN__[A-Z_0-9]+/)) {
        sub(/^ +/, "", text)
        sub(/[^A-Z_0-9].*/, "", text)
        declare(text)
    } else if (text ~ /^extern /) {
        while (match(text, /tn__[a-z_0-9]+[],;[]/)) {
            declare(substr(text, RSTART, RLENGTH - 1))
            text = substr(text, RSTART + RLENGTH)
        }
    } else if (text ~ /^typedef (struct|enum|union) [a-z_0-9]+ [a-z_0-9]+;/) {
        split(text, part, /[ ;]/)
        named[part[4]] = named[part[4]] " " file
    } else if (text ~ /^(typedef )?(struct|enum|union) tn__[a-z_0-9]+ \{/) {
        match(text, /tn__[a-z_0-9]+/)
        declare(substr(text, RSTART, RLENGTH))
    } else if (text ~ /^(typedef |\}).*tn__[a-z_0-9]+;/) {
        match(text, /tn__[a-z_0-9]+;/)
        declare(substr(text, RSTART, RLENGTH - 1))
    } else if (match(text, /\(\*tn__[a-z_0-9]+/) && text ~ /^typedef /) {
        declare(substr(text, RSTART + 2, RLENGTH - 2))
    } else if (text ~ /^[a-z]/ && match(text, /tn__[a-z_0-9]+\(/)) {
        declare(substr(text, RSTART, RLENGTH - 1))
    }
}

# What a line of a public header declares. A function or the end of a struct stands in a line of its
# own, or behind the results of the one before.
function public_declarations(text,    part)
{
    if (text ~ /^#define /) {
        split(text, part, /[ (]/)
        declare(part[2])
    } else if (match(text, /^ +TN_[A-Z_0-9]+( =|,|$)/)) {
        sub(/^ +/, "", text)
        sub(/[^A-Z_0-9].*/, "", text)
        declare(text)
    } else if (match(text, /\(\*tn_[a-z_0-9]+\)/) && text ~ /^typedef /) {
        declare(substr(text, RSTART + 2, RLENGTH - 3))
    } else if (match(text, /^(typedef |\}).*[ *]tn_[a-z_0-9]+;/)) {
        sub(/;.*/, "", text)
        sub(/.*[ *]/, "", text)
        declare(text)
    } else if (text ~ /^(TN_API|static inline) / && match(text, /[ *]tn_[a-z_0-9]+\(/)) {
        declare(substr(text, RSTART + 1, RLENGTH - 2))
    }
}

FNR == 1 {
    file = FILENAME
    sub(/^libtensor\//, "", file)
    files[++count] = file
    comment = 0
}

/^#include "/ {
    split($0, quoted, "\"")
    included[file, quoted[2]] = 1
    includes[file] = includes[file] " " quoted[2]
    next
}

/^#include <tn\// {
    split($0, quoted, /[<>]/)
    included[file, "include/" quoted[2]] = 1
    includes[file] = includes[file] " include/" quoted[2]
    next
}

{
    code = code_of($0)
    if (file ~ /^include\//)
        public_declarations(code)
    else if (file ~ /\.h$/)
        declarations(code)
    gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
    use(code)
}

# A file may rely on what the header includes.
function lend(to, header,    part, n, i)
{
    n = split(includes[header], part, " ")
    for (i = 1; i <= n; i++)
        included[to, part[i]] = 1
}

# True of nn/nn.h: what nn/ shares beyond <tn/nn.h>.
function is_of_room(header,    part, n)
{
    n = split(header, part, /[\/.]/)
    return n == 3 && part[1] == part[2]
}

# The public headers that a header includes, and those that they include; of some private headers
# those alone that say what tensors and contexts are.
function lend_public(to, header, whole,    part, n, i)
{
    n = split(includes[header], part, " ")
    for (i = 1; i <= n; i++)
        if (whole ? part[i] ~ /^include\// : part[i] ~ /^include\/tn\/(tensor|context)\.h$/) {
            included[to, part[i]] = 1
            lend_public(to, part[i], 1)
        }
}

# The headers that declare the name, any of which will do; "" if none does.
function homes_of(file, name)
{
    return file ~ /\.h$/ || homes[name] == "" ? homes[name] named[name] : homes[name]
}

# True if the file includes one of the wanted headers, or is one, or none is wanted.
function comes(file, wanted,    home, n, i)
{
    n = split(wanted, home, " ")
    for (i = 1; i <= n; i++)
        if (home[i] == file || (file, home[i]) in included)
            return 1
    return n == 0
}

END {
    for (f = 1; f <= count; f++) {
        file = files[f]
        if (file ~ /^(kernels|include)\//)
            continue
        own = file
        sub(/\.c$/, ".h", own)
        if (own != file && (file, own) in included)
            lend(file, own)
        if ((file, "ops/conv2d/plan.h") in included)
            lend(file, "ops/conv2d/plan.h")
        for (h = 1; h <= count; h++)
            if ((file, files[h]) in included)
                lend_public(file, files[h], files[h] ~ /^include\// || is_of_room(files[h]))
        n = split(words[file], word, " ")
        for (w = 1; w <= n; w++) {
            wanted = homes_of(file, word[w])
            if (comes(file, wanted))
                continue
            print "lint: libtensor/" file ":" used[file, word[w]] ": uses " word[w] \
                  " and does not include" wanted
            bad = 1
        }
    }
    exit bad
}
