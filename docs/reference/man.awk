# Writes the man pages from the public headers: tn(7), a page of section 3 for each group of functions,
# one for each header that has several groups, and for every other name a line that leads to its page.
# awk -v out=DIR -v version=0.1.0 -v date=2026-01-31 -v examples=DIR -v overview=FILE \
#     -f parse.awk -f prose.awk -f man.awk HEADERS

# ---- roff ----------------------------------------------------------------------------------------------

function roff(text)
{
    gsub(/\\/, "\\(rs", text)
    gsub(/-/, "\\-", text)
    gsub(/\^/, "\\(ha", text)
    gsub(/~/, "\\(ti", text)
    gsub(/'/, "\\(aq", text)
    return text
}

# What is asked for later comes with the next line.
function put(line)
{
    come_later()
    if (line ~ /^\./) line = "\\&" line
    print line > file
}

function come_later()
{
    if (request_later == "") return
    print request_later > file
    request_later = ""
    fresh = 1
}

function request(line)
{
    come_later()
    print line > file
    fresh = line ~ /^\.(SH|SS|TP|RS)/
}

# A paragraph begins, unless one just has.
function paragraph()
{
    come_later()
    if (!fresh) request(".PP")
    fresh = 0
}

# Names are bold, `words` italic.
function put_prose(text,    word, result)
{
    gsub(/\n/, " ", text)
    result = ""
    while (match(text, /`[^`]+`|(tn|TN)_[A-Za-z0-9][A-Za-z_0-9]*/)) {
        word = substr(text, RSTART, RLENGTH)
        result = result roff(substr(text, 1, RSTART - 1))
        text = substr(text, RSTART + RLENGTH)
        if (word ~ /^`/) result = result "\\fI" roff(substr(word, 2, length(word) - 2)) "\\fP"
        else result = result "\\fB" roff(word) "\\fP"
    }
    result = result roff(text)
    gsub(/`/, "\\(ga", result)
    put_words(result)
    fresh = 0
}

# In lines of at most 78 columns.
function put_words(text,    words, n, i, line)
{
    sub(/ +$/, "", text)
    n = split(text, words, / +/)
    line = ""
    line = ""
    for (i = 1; i <= n; i++) {
        if (length(line) + length(words[i]) > 78) {
            put(line)
            line = ""
        }
        line = line (line == "" ? "" : " ") words[i]
    }
    if (line != "") put(line)
}

function put_code(text,    line, n, i)
{
    paragraph()
    request(".RS 4")
    request(".nf")
    n = split(text, line, /\n/)
    for (i = 1; i <= n; i++)
        put(roff(line[i]))
    request(".fi")
    request(".RE")
}

function put_blocks(text,    n, i, words)
{
    n = split_blocks(text)
    for (i = 1; i <= n; i++) {
        if (block_kind[i] == "code") {
            put_code(block[i])
        } else if (block_kind[i] == "example") {
            words = block[i]
            sub(/\.c$/, "", words)
            read_example(words)
            put_code(example_code)
        } else if (block_kind[i] == "item") {
            words = block[i]
            sub(/^`/, "", words)
            request(".TP")
            put("\\fB" roff(substr(words, 1, index(words, "`: ") - 1)) "\\fP")
            put_prose(substr(words, index(words, "`: ") + 3))
        } else {
            paragraph()
            put_prose(block[i])
        }
    }
}

# ---- declarations --------------------------------------------------------------------------------------

# A declaration in lines of at most 72 columns: types bold, the names of arguments italic.
function put_declaration(text,    open, part, n, i, line, indent, argument)
{
    open = text ~ /^typedef .*\(\*/ ? index(text, ")(") + 1 : index(text, "(")
    if (open <= 1 || text ~ /^#define [A-Za-z_0-9]+ /) {
        put("\\fB" roff(text) "\\fP")
        return
    }
    n = split(substr(text, open + 1), part, /, /)
    line = "\\fB" roff(substr(text, 1, open)) "\\fP"
    indent = open
    shown = open
    for (i = 1; i <= n; i++) {
        if (i > 1 && shown + length(part[i]) > 71) {
            put(line)
            line = ""
            shown = indent = open < 40 ? open : 8
            line = sprintf("%" indent "s", "")
        } else if (i > 1) {
            line = line " "
            shown++
        }
        shown += length(part[i]) + 1
        argument = part[i] (i < n ? "," : "")
        if (match(argument, /[a-z_0-9]+(\)*;|,|\)?)$/) && RSTART > 1 && part[i] !~ /\(|^void\);$/) {
            part[i] = substr(argument, RSTART)
            match(part[i], /^[a-z_0-9]+/)
            line = line "\\fB" roff(substr(argument, 1, length(argument) - length(part[i]))) "\\fP\\fI" \
                roff(substr(part[i], 1, RLENGTH)) "\\fP\\fB" roff(substr(part[i], RLENGTH + 1)) "\\fP"
        } else {
            line = line "\\fB" roff(argument) "\\fP"
        }
    }
    put(line)
}

function put_declarations(from, to,    d)
{
    request(".nf")
    for (d = from; d <= to; d++)
        put_declaration(code[d])
    request(".fi")
}

function put_members(d,    m)
{
    if (!member_first[d]) return
    paragraph()
    request(".PD 0")
    for (m = member_first[d]; m <= member_last[d]; m++) {
        request(member_note[m] == "" ? ".PP" : ".TP 4")
        put("\\fB" roff(member[m]) "\\fP")
        if (member_note[m] != "") put_prose(member_note[m])
    }
    request(".PD")
}

function put_unit(u,    d)
{
    if (!first[u]) {
        put_blocks(prose[u])
        return
    }
    paragraph()
    fresh = 1
    for (d = first[u]; d <= last[u]; d++) {
        request(".nf")
        put_declaration(member_first[d] ? kind[d] " " name[d] : code[d])
        request(".fi")
        if (note[d] != "") {
            request(".RS 4")
            put_prose(note[d])
            request(".RE")
        }
    }
    request_later = ".RS 4"
    put_blocks(prose[u])
    for (d = first[u]; d <= last[u]; d++) {
        put_members(d)
        put_users(d)
    }
    if (request_later == "") request(".RE")
    request_later = ""
}

function put_users(d,    list)
{
    list = users(d)
    if (list == "") return
    sub(/ $/, "", list)
    gsub(/ /, ", ", list)
    paragraph()
    put_prose("Used by " list ".")
}

# ---- sections ------------------------------------------------------------------------------------------

function matching(text, pattern,    n, i, words)
{
    n = split_sentences(text)
    for (i = 1; i <= n; i++)
        if (sentence[i] ~ pattern) words = words sentence[i] " "
    return words
}

# The sentences of a group that match the pattern, by function.
function put_sentences(g, section, pattern, general,    u, words, begun, names, d)
{
    if (general != "") {
        request(".SH \"" section "\"")
        put_prose(general)
        begun = 1
    }
    for (u = first_unit[g]; u <= last_unit[g]; u++) {
        words = matching(prose[u], pattern)
        if (words == "" || first[u] && kind[first[u]] != "function") continue
        if (!begun) request(".SH \"" section "\"")
        begun = 1
        names = ""
        for (d = first[u]; d && d <= last[u]; d++)
            names = names (names == "" ? "" : ", ") "\\fB" roff(name[d]) "\\fP"
        if (names == "") {
            paragraph()
        } else {
            request(".TP")
            put(names)
        }
        put_prose(words)
    }
}

# What the types of results say.
function results(g,    u, d, pointer, status, list)
{
    for (u = first_unit[g]; u <= last_unit[g]; u++)
        for (d = first[u]; d && d <= last[u]; d++) {
            if (kind[d] != "function") continue
            if (code[d] ~ /^tn_status /) status = 1
            if (code[d] ~ /^tn_[a-z]+ \*.*\(tn_ctx \*ctx/) pointer = 1
        }
    if (pointer) list = "A function that makes something returns it, or NULL if it fails."
    if (status) list = list " A tn_status is TN_OK, or the negative status of the first error."
    sub(/^ /, "", list)
    return list
}

function see(n)
{
    if (n != this && !((n) in seen)) {
        seen[n] = 1
        see_also[++see_count] = n
    }
}

# The pages of the names in a text.
function see_names(text,    word)
{
    while (match(text, /(tn|TN)_[A-Za-z0-9][A-Za-z_0-9]*/)) {
        word = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        if (word in home) see(page_of[of_group[of_unit[home[word]]]])
    }
}

function put_see_also(    i, j, swap)
{
    request(".SH \"SEE ALSO\"")
    for (i = 1; i <= see_count; i++)
        for (j = i + 1; j <= see_count; j++)
            if (see_also[j] < see_also[i]) {
                swap = see_also[i]
                see_also[i] = see_also[j]
                see_also[j] = swap
            }
    for (i = 1; i <= see_count; i++)
        request(".BR " roff(see_also[i]) " (3),")
    request(".BR tn (7)")
    see_count = 0
    split("", seen)
}

function page_of_header(h,    g)
{
    if (filled[h] > 1) return "tn_" header[h]
    for (g = 1; g <= groups; g++)
        if (of_header[g] == h && first_of[g]) return page_of[g]
}

function open_page(n, section)
{
    this = n
    file = out "/man" section "/" n "." section
    print ".\\\" libtensor: made from the headers." > file
    request(".TH \"" toupper(n) "\" \"" section "\" \"" date "\" \"libtensor " version "\" \"libtensor\"")
    request(".nh")
    request(".ad l")
}

# A page that is another's.
function alias(n, page)
{
    if (n == page || n in made) return
    made[n] = 1
    file = out "/man3/" n ".3"
    print ".so man3/" page ".3" > file
    close(file)
}

function put_names(g,    d, list)
{
    request(".SH NAME")
    list = page_of[g]
    for (d = first_of[g]; d <= last_of[g]; d++)
        if (name[d] != page_of[g] && index(", " list ",", ", " name[d] ",") == 0)
            list = list ", " name[d]
    put_words(roff(list " - " title[g]))
}

function put_synopsis(h)
{
    request(".SH SYNOPSIS")
    put("\\fB#include <tn/" header[h] ">\\fP")
}

# How a program is built that includes the header.
function put_build(header,    mpi)
{
    mpi = header == "mpi.h"
    request(".PP")
    put("\\fB" (mpi ? "mpicc" : "cc") "\\fP \\fIprogram.c\\fP \\fB$(pkg\\-config \\-\\-cflags \\-\\-libs libtensor" \
        (mpi ? "\\-mpi" : "") ")\\fP")
}

function put_example(page)
{
    if (!read_example(page)) return
    request(".SH EXAMPLES")
    put_prose(example_about)
    put_code(example_code)
    if (example_output == "") return
    paragraph()
    put("It prints:")
    put_code(example_output)
    see_names(example_code)
}

# ---- pages ---------------------------------------------------------------------------------------------

function write_group(g,    h, u, d, i)
{
    h = of_header[g]
    open_page(page_of[g], 3)
    put_names(g)
    put_synopsis(h)
    request(".PP")
    put_declarations(first_of[g], last_of[g])
    put_build(header[h])
    request(".SH DESCRIPTION")
    if (filled[h] == 1) put_blocks(intro[h])
    put_blocks(lead[g])
    for (u = first_unit[g]; u <= last_unit[g]; u++)
        put_unit(u)
    put_sentences(g, "RETURN VALUE", "^Returns | returns |NULL (for|if|out|unless|while|with)|False (for|at)|[0-9] for NULL|-1 on failure", results(g))
    put_sentences(g, "ERRORS", "TN_ERR_", matching(intro[h], "TN_ERR_") matching(lead[g], "TN_ERR_"))
    if (filled[h] > 1) {
        request(".SH \"COMMON TO <tn/" header[h] ">\"")
        put_blocks(intro[h])
    }
    put_example(page_of[g])
    if (filled[h] > 1) see("tn_" header[h])
    for (u = first_unit[g]; u <= last_unit[g]; u++)
        see_names(prose[u])
    see("tn_error")
    put_see_also()
    close(file)
    for (d = first_of[g]; d <= last_of[g]; d++)
        alias(name[d], page_of[g])
}

# The page of a header with several groups.
function write_header(h,    g, d, list, n)
{
    n = "tn_" header[h]
    open_page(n, 3)
    request(".SH NAME")
    put_words(roff(n " - " about[h]))
    put_synopsis(h)
    put_build(header[h])
    request(".SH DESCRIPTION")
    put_blocks(intro[h])
    for (g = 1; g <= groups; g++) {
        if (of_header[g] != h || !first_of[g]) continue
        request(".TP")
        put("\\fB" roff(page_of[g]) "\\fP(3)")
        list = ""
        for (d = first_of[g]; d <= last_of[g]; d++)
            if (kind[d] == "function") list = list (list == "" ? ": " : ", ") name[d]
        put_prose(title[g] list ".")
        see(page_of[g])
    }
    put_see_also()
    close(file)
    made[n] = 1
}

# tn(7), from the overview, which is written as comments of the headers are.
function write_overview(    line, text, h, words)
{
    open_page("tn", 7)
    request(".SH NAME")
    put("tn, libtensor \\-")
    put("tensors, automatic differentiation and small networks for C programs")
    request(".SH SYNOPSIS")
    put("\\fB#include <tn/tn.h>\\fP")
    put_build("tn.h")
    request(".SH DESCRIPTION")
    while ((getline line < overview) > 0) {
        if (line ~ /^---- /) {
            put_blocks(text)
            text = ""
            words = toupper(line)
            gsub(/^---- | ----$/, "", words)
            request(".SH \"" words "\"")
        } else {
            text = text line "\n"
        }
    }
    put_blocks(text)
    close(overview)
    request(".SH HEADERS")
    put_prose("Each function, type and macro has a page in section 3 under its name, and each header:")
    for (h = 1; h <= headers; h++) {
        request(".TP")
        put("\\fB" roff("tn_" header[h]) "\\fP(3)")
        put_prose(about[h])
        see("tn_" header[h])
    }
    request(".SH \"SEE ALSO\"")
    for (h = 1; h <= headers; h++)
        request(".BR " roff("tn_" header[h]) " (3)" (h < headers ? "," : ""))
    close(file)
}

END {
    if (failed) exit 1
    name_groups()
    for (g = 1; g <= groups; g++)
        if (first_of[g]) made[page_of[g]] = 1
    for (g = 1; g <= groups; g++)
        if (first_of[g]) write_group(g)
    for (n in home)
        alias(n, page_of[of_group[of_unit[home[n]]]])
    for (h = 1; h <= headers; h++) {
        if (filled[h] > 1) write_header(h)
        n = "tn_" header[h]
        alias(n, page_of_header(h))
        sub(/\.h$/, "", n)
        alias(n, page_of_header(h))
    }
    write_overview()
}
