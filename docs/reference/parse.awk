# Reads the public headers into arrays, from which man.awk and html.awk write their pages:
# awk -f parse.awk -f man.awk ... HEADERS. Only END blocks follow in those.
#
# A header begins with a comment that says what it is for. A comment "---- title ----" opens a group.
# A comment directly above declarations, or above an #if around them, belongs to them, up to the next
# blank line: they are a unit, and comments behind single ones are notes. A comment before a blank
# line is prose of the group. Lines that are indented by four blanks are code. Of #if and #else the first part counts.
# What begins neither with tn_ nor with TN_, or ends as TN_LIST_ does, or is tn__bits, is private.
# A public function, type or macro without a comment fails, by file and line.
#
#   header[h], about[h], intro[h]       "ops.h", "the differentiable operators", what follows
#   of_header[g], title[g], lead[g]     a group; title "" before the first heading
#   of_group[u], prose[u]               a unit, or prose alone: first[u] == 0
#   first[u] .. last[u]                 its declarations
#   kind[d], name[d], code[d], note[d]  function, macro, type, struct, enum, callback; in one line
#   member_first[d] .. member_last[d]   of a struct or an enum: member[m], member_note[m]
#   home[x]                             the declaration of a name, of a constant of an enum, too
#   behind[x]                           the macro that stands for the function x

function complain(line, why)
{
    print FILENAME ":" line ": " why | "cat >&2"
    failed = 1
}

function is_public(word)
{
    return word ~ /^(tn_[a-z0-9]|TN_[A-Z0-9])/ && word !~ /^TN_.*(_|_H)$/
}

# ---- comments ----------------------------------------------------------------------------------------

# A line of a comment without its frame.
function bare(text)
{
    sub(/ *\*\/ *$/, "", text)
    sub(/^\/\* ?/, "", text) || sub(/^ \* ?/, "", text)
    sub(/ +$/, "", text)
    return text
}

# Without empty lines at both ends.
function trimmed(text)
{
    sub(/^\n+/, "", text)
    sub(/[ \n]+$/, "", text)
    return text
}

function open_group(text)
{
    sub(/^---- /, "", text)
    title[++groups] = text
    sub(/\n.*/, "", title[groups])
    sub(/ -+$/, "", title[groups])
    if (text !~ /\n/) text = ""
    sub(/^[^\n]*\n/, "", text)
    of_header[groups] = headers
    return trimmed(text)
}

# The first comment of a file: "ops.h - what it is for. More".
function introduce(text,    n)
{
    n = FILENAME
    sub(/.*\//, "", n)
    if (!sub("^" n " - ", "", text)) {
        complain(1, "the first line says \"" n " - what it is for\"")
        return
    }
    header[++headers] = n
    about[headers] = text
    gsub(/\n/, " ", about[headers])
    match(about[headers] " ", /\. |\.$/)
    intro[headers] = trimmed(substr(text, RSTART + 2))
    sub(/^ +/, "", intro[headers])
    about[headers] = substr(about[headers], 1, RSTART - 1)
    title[++groups] = ""
    of_header[groups] = headers
}

function new_unit(text)
{
    prose[++units] = text
    of_group[units] = groups
    first[units] = 0
}

# A comment that nothing follows directly.
function stand_alone()
{
    if (pending == "") return
    if (heading) lead[groups] = pending
    else new_unit(pending)
    pending = ""
}

# ---- declarations ------------------------------------------------------------------------------------

function declare(k, n, text, comment, line)
{
    if (!is_public(n)) {
        pending = ""
        return 0
    }
    if (!unit) {
        new_unit(pending)
        unit = units
        first[unit] = declarations + 1
        pending = ""
    }
    if (prose[unit] == "" && comment == "" && (k == "function" || !has_notes))
        complain(line, n " has no comment")
    kind[++declarations] = k
    name[declarations] = n
    code[declarations] = text
    note[declarations] = comment
    of_unit[declarations] = unit
    last[unit] = declarations
    if (!(n in home)) home[n] = declarations
    return 1
}

function one_line(text)
{
    gsub(/[ \n]+/, " ", text)
    sub(/^ /, "", text)
    sub(/ $/, "", text)
    return text
}

# Splits `text` into `code_part` and `comment_part`.
function split_comments(text,    begin, end)
{
    code_part = ""
    comment_part = ""
    while (begin = index(text, "/*")) {
        code_part = code_part substr(text, 1, begin - 1)
        text = substr(text, begin + 2)
        end = index(text, "*/")
        comment_part = comment_part " " substr(text, 1, end - 1)
        text = substr(text, end + 2)
    }
    code_part = one_line(code_part text)
    gsub(/\n *\*?/, " ", comment_part)
    comment_part = one_line(comment_part)
}

# A struct or an enum; each member with the comment behind it or above it.
function members(body, is_enum,    part, n, i, above, of_constant)
{
    member_first[declarations + 1] = all_members + 1
    n = split(body, part, /\n/)
    for (i = 1; i <= n; i++) {
        while (part[i] ~ /\/\*/ && part[i] !~ /\*\// || part[i] ~ /[(,]$/ && !is_enum) {
            part[i + 1] = part[i] "\n" part[i + 1]
            i++
        }
        split_comments(part[i])
        if (code_part == "") {
            above = comment_part
            continue
        }
        sub(/,$/, "", code_part)
        member[++all_members] = code_part
        member_note[all_members] = above comment_part
        if (above comment_part != "") has_notes = 1
        above = ""
        if (is_enum) {
            of_constant = code_part
            sub(/ .*/, "", of_constant)
            constant[all_members] = of_constant
        }
    }
    member_last[declarations + 1] = all_members
}

# Constants of an enum are found under their names.
function name_constants(d,    m)
{
    for (m = member_first[d]; m <= member_last[d]; m++)
        home[constant[m]] = d
}

function read_typedef(text, line,    n, body, k)
{
    has_notes = 0
    if (text ~ /^typedef (struct|enum) [a-z_0-9]+\n?[ ]*\{/) {
        k = text ~ /^typedef enum/ ? "enum" : "struct"
        n = text
        sub(/^typedef (struct|enum) /, "", n)
        sub(/[^a-z_0-9].*/, "", n)
        body = text
        sub(/^[^{]*\{/, "", body)
        sub(/\}[^}]*$/, "", body)
        members(body, k == "enum")
        if (declare(k, n, "typedef " k " " n " { ... } " n ";", "", line) && k == "enum")
            name_constants(declarations)
        return
    }
    split_comments(text)
    n = code_part
    if (n ~ /\(\*/) {
        sub(/^[^(]*\(\*/, "", n)
        k = "callback"
    } else {
        sub(/;$/, "", n)
        sub(/.*[ *]/, "", n)
        k = "type"
    }
    sub(/[^a-zA-Z_0-9].*/, "", n)
    declare(k, n, code_part, comment_part, line)
}

function read_function(text, line,    n)
{
    has_notes = 0
    split_comments(text)
    sub(/ TN_PRINTF\(.*\);$/, ";", code_part)
    gsub(/(TN_API|TN_USE_RESULT) /, "", code_part)
    sub(/^(static )?inline /, "", code_part)
    if (code_part !~ /;$/) code_part = code_part ";"
    n = code_part
    sub(/\(.*/, "", n)
    sub(/.*[ *]/, "", n)
    declare("function", n, code_part, comment_part, line)
}

# A macro with its value, if that is one that readers know. TN_GENERIC_(exp, x) stands for a function
# for each scalar type.
function read_macro(text, line,    n, what)
{
    has_notes = 0
    split_comments(text)
    gsub(/ *\\ */, " ", code_part)
    n = code_part
    sub(/^#define /, "", n)
    what = n
    sub(/[ (].*/, "", n)
    if (n == header_guard) return
    if (n ~ /^TN_.*_$/ && unit) return
    sub(/^[A-Za-z_0-9]+(\([^)]*\))? ?/, "", what)
    if (what ~ /[A-Za-z]_([^a-zA-Z_0-9]|$)|__/ || length(what) > 60)
        code_part = substr(code_part, 1, length(code_part) - length(what) - 1)
    if (declare("macro", n, code_part, comment_part, line) && what ~ /^(TN_GENERIC_\(|_Generic.*tn_pow_f32)/) {
        what = "tn_" tolower(substr(n, 4))
        home[what "_f32"] = home[what "_f64"] = declarations
        behind[what "_f32"] = behind[what "_f64"] = n
    }
}

# ---- lines -------------------------------------------------------------------------------------------

FNR == 1 {
    stand_alone()
    depth = unit = heading = reading = skipping = 0
    header_guard = ""
}

# A comment that begins in the first column.
!reading && /^\/\*/ { reading = "comment"; comment = ""; begins = FNR }
reading == "comment" {
    comment = comment bare($0) "\n"
    if (/\*\//) {
        reading = ""
        comment = trimmed(comment)
        if (begins == 1) introduce(comment)
        else if (!skipping) {
            stand_alone()
            heading = comment ~ /^---- /
            pending = heading ? open_group(comment) : comment
        }
        unit = 0
    }
    next
}

# Parts behind #else are passed over.
!reading && /^#if/ {
    if (heading) stand_alone()
    held = pending != ""
    depth++
    if (/^#ifndef TN_[A-Z_]*_H$/) header_guard = $2
    next
}
!reading && /^#else/ { if (!skipping) skipping = depth; next }
!reading && /^#endif/ { if (skipping == depth) skipping = 0; depth--; unit = 0; next }
skipping { next }

!reading && /^$/ { if (!held) stand_alone(); unit = held = 0; next }

# Bodies of functions.
reading == "body" { if (/^\}/) reading = ""; next }
!reading && /^\{/ { reading = "body"; next }

!reading && /^#define / { reading = "macro"; text = ""; begins = FNR }
!reading && /^typedef / { reading = "typedef"; text = ""; begins = FNR }
!reading && /^(TN_API|static inline|TN_USE_RESULT inline) / { reading = "function"; text = ""; begins = FNR }
!reading { if (!/^(#|extern|\}$|\} \/\/)/) pending = ""; next }

{ text = text $0 "\n" }

# Where the text ends: open comments go on.
function is_open(text)
{
    gsub(/\/\*([^*]|\*[^\/])*\*\//, "", text)
    return text ~ /\/\*/
}

is_open(text) { next }
reading == "macro" && !/\\$/ { reading = ""; read_macro(text, begins) }
reading == "typedef" && (text ~ /\{/ ? /^\}/ : /;/) { reading = ""; read_typedef(text, begins) }
reading == "function" && (/;/ || text !~ /^TN_API/ && /\)$/) {
    reading = ""
    read_function(text, begins)
}

END {
    stand_alone()
    if (failed) {
        close("cat >&2")
        exit 1
    }
}
