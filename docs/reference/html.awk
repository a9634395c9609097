# Writes the reference as pages from the public headers: index.html, a page for each header, and index.js
# for the search, which search.js does.
# awk -v out=DIR -v version=0.1.0 -v examples=DIR -v overview=FILE -v pytorch=FILE -f parse.awk -f prose.awk \
#     -f html.awk HEADERS

# ---- text ----------------------------------------------------------------------------------------------

function escape(text)
{
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    gsub(/"/, "\\&quot;", text)
    return text
}

function page_of_header(h,    n)
{
    n = header[h]
    sub(/\.h$/, ".html", n)
    return n
}

# Where a name is described.
function address(word)
{
    return page_of_header(of_header[of_group[of_unit[home[word]]]]) "#" (word in behind ? behind[word] : word)
}

# A name that is known is a link; so is ops.h.
function link_word(word,    n)
{
    if (word in home) {
        if (word == current) return "<b>" word "</b>"
        return "<a href=\"" address(word) "\">" word "</a>"
    }
    if (word in number_of_header) {
        n = number_of_header[word]
        return "<a href=\"" page_of_header(n) "\">" word "</a>"
    }
    return word
}

function link_names(text,    result, found)
{
    while (match(text, /[A-Za-z_][A-Za-z_0-9]*(\.h([^a-z]|$))?/)) {
        found = substr(text, RSTART, RLENGTH)
        if (found ~ /\.h[^a-z]$/) found = substr(found, 1, RLENGTH - 1)
        result = result escape(substr(text, 1, RSTART - 1)) link_word(found)
        text = substr(text, RSTART + length(found))
    }
    return result escape(text)
}

# Prose: `words`, names of Python and paths are code.
function inline(text,    result, word, before)
{
    gsub(/\n/, " ", text)
    while (match(text, /`[^`]+`|(torch|numpy)\.[A-Za-z_0-9.]*[A-Za-z_0-9]|docs\/[a-z-]+\.md/)) {
        word = substr(text, RSTART, RLENGTH)
        before = substr(text, 1, RSTART - 1)
        text = substr(text, RSTART + RLENGTH)
        gsub(/`/, "", word)
        result = result link_names(before)
        result = result "<code>" (word ~ /^(torch|numpy|docs)/ ? escape(word) : link_names(word)) "</code>"
    }
    return result link_names(text)
}

# Code, with comments and strings marked.
function highlight(text,    result, mark, before, length_of)
{
    while (match(text, /\/\*|\/\/|"/)) {
        mark = substr(text, RSTART, RLENGTH)
        before = substr(text, 1, RSTART - 1)
        text = substr(text, RSTART)
        if (mark == "/*") length_of = index(text, "*/") ? index(text, "*/") + 1 : length(text)
        else if (match(text, mark == "\"" ? "^\"([^\"\\\\]|\\\\.)*\"?" : "^[^\n]*")) length_of = RLENGTH
        result = result link_names(before) "<span class=\"" (mark == "\"" ? "s" : "c") "\">" \
            link_names(substr(text, 1, length_of)) "</span>"
        text = substr(text, length_of + 1)
    }
    return result link_names(text)
}

function put(line)
{
    print line > file
}

function put_code(text)
{
    put("<pre tabindex=\"0\"><code>" highlight(text) "</code></pre>")
}

function put_blocks(text,    n, i, words, in_list)
{
    n = split_blocks(text)
    for (i = 1; i <= n; i++) {
        if (in_list && block_kind[i] != "item") put("</dl>")
        if (!in_list && block_kind[i] == "item") put("<dl class=\"members\">")
        in_list = block_kind[i] == "item"
        words = block[i]
        if (block_kind[i] == "code") {
            put_code(words)
        } else if (block_kind[i] == "example") {
            sub(/\.c$/, "", words)
            read_example(words)
            put_code(example_code)
        } else if (in_list) {
            sub(/^`/, "", words)
            put("<dt><code>" escape(substr(words, 1, index(words, "`: ") - 1)) "</code></dt><dd>" \
                inline(substr(words, index(words, "`: ") + 3)) "</dd>")
        } else {
            put("<p>" inline(words) "</p>")
        }
    }
    if (in_list) put("</dl>")
}

# ---- declarations --------------------------------------------------------------------------------------

# One declaration, under its name. A line breaks between arguments alone.
function put_declaration(d,    words, part, n, i, id)
{
    current = name[d]
    n = split(member_first[d] ? kind[d] " " name[d] : code[d], part, /, /)
    for (i = 1; i <= n; i++)
        words = words "<span>" highlight(part[i]) (i < n ? ",</span> " : "</span>")
    id = anchored[name[d]]++ ? "" : " id=\"" name[d] "\""
    put("<div class=\"decl\"" id "><code>" words "</code>" \
        (note[d] == "" ? "" : "<span class=\"note\">" inline(note[d]) "</span>") \
        "<a class=\"here\" href=\"#" name[d] "\" aria-label=\"link to " name[d] "\">#</a></div>")
    current = ""
}

function put_members(d,    m, id)
{
    if (!member_first[d]) return
    put("<dl class=\"members\">")
    for (m = member_first[d]; m <= member_last[d]; m++) {
        id = kind[d] == "enum" ? constant[m] : ""
        current = id
        put("<dt" (id == "" ? "" : " id=\"" id "\"") "><code>" highlight(member[m]) "</code></dt><dd>" \
            inline(member_note[m]) "</dd>")
        current = ""
    }
    put("</dl>")
}

function put_unit(u,    d, n, i, list)
{
    if (!first[u]) {
        put_blocks(prose[u])
        return
    }
    put("<section class=\"unit\">")
    for (d = first[u]; d <= last[u]; d++)
        put_declaration(d)
    put("<div class=\"about\">")
    put_blocks(prose[u])
    for (d = first[u]; d <= last[u]; d++) {
        put_members(d)
        list = ""
        n = split(users(d), users_of, " ")
        for (i = 1; i <= n; i++)
            list = list (i > 1 ? ", " : "") "<code>" link_word(users_of[i]) "</code>"
        if (list != "") put("<p class=\"used\">Used by " list ".</p>")
    }
    put("</div></section>")
}

function put_example(page)
{
    if (!read_example(page)) return
    put("<section class=\"example\"><h3>Example</h3><p>" inline(example_about) "</p>")
    put_code(example_code)
    if (example_output != "") put("<p>It prints:</p><pre tabindex=\"0\"><samp>" escape(example_output) "</samp></pre>")
    put("</section>")
}

# ---- pages ---------------------------------------------------------------------------------------------

function slug(text)
{
    text = tolower(text)
    gsub(/[^a-z0-9]+/, "-", text)
    gsub(/^-|-$/, "", text)
    return text
}

# The headers in the order in which a reader wants them, this one's groups below it.
function put_contents(here,    i, h, g, d)
{
    put("<nav class=\"contents\" aria-label=\"Contents\"><details open><summary>Contents</summary><ul>")
    put("<li" (here ? "" : " class=\"on\"") "><a href=\"index.html\">Overview</a></li>")
    for (i = 1; i <= headers; i++) {
        h = in_order[i]
        put("<li" (h == here ? " class=\"on\"" : "") "><a href=\"" page_of_header(h) "\">" header[h] "</a>")
        if (h == here && filled[h] > 1) {
            put("<ul>")
            for (g = 1; g <= groups; g++)
                if (of_header[g] == h && first_of[g])
                    put("<li><a href=\"#" slug(title[g]) "\">" escape(title[g]) "</a></li>")
            put("</ul>")
        }
        put("</li>")
    }
    put("</ul></details></nav>")
}

function open_page(n, heading, here)
{
    file = out "/" n
    put("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")
    put("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
    put("<meta name=\"color-scheme\" content=\"light dark\">")
    put("<title>" escape(heading) " - libtensor " version "</title>")
    put("<link rel=\"stylesheet\" href=\"style.css\">\n<script src=\"index.js\" defer></script>")
    put("<script src=\"search.js\" defer></script>\n</head>\n<body>")
    put("<header class=\"top\"><a class=\"home\" href=\"index.html\">libtensor <span>" version "</span></a>")
    put("<form role=\"search\" action=\"index.html\"><input id=\"search\" name=\"q\" type=\"search\" " \
        "autocomplete=\"off\" spellcheck=\"false\" placeholder=\"Search  ( / )\" " \
        "aria-label=\"Search names and what they do\" aria-controls=\"found\"><ol id=\"found\" hidden></ol></form></header>")
    put("<div class=\"page\">")
    put_contents(here)
    put("<main>")
}

function close_page()
{
    put("</main></div>\n</body>\n</html>")
    close(file)
}

# What a group declares: links in a line.
function put_names(g,    d, seen)
{
    put("<p class=\"names\">")
    for (d = first_of[g]; d <= last_of[g]; d++)
        if (!(name[d] in seen)) {
            seen[name[d]] = 1
            put("<a class=\"" kind[d] "\" href=\"" address(name[d]) "\">" name[d] "</a>")
        }
    put("</p>")
}

function write_header(h,    g, u)
{
    open_page(page_of_header(h), header[h], h)
    put("<h1>&lt;tn/" header[h] "&gt;</h1>\n<p class=\"lead\">" inline(about[h]) "</p>")
    put_blocks(intro[h])
    for (g = 1; g <= groups; g++) {
        if (of_header[g] != h || !first_of[g]) continue
        if (filled[h] > 1)
            put("<h2 id=\"" slug(title[g]) "\"><a href=\"#" slug(title[g]) "\">" escape(title[g]) "</a></h2>")
        put_names(g)
        put_blocks(lead[g])
        for (u = first_unit[g]; u <= last_unit[g]; u++)
            put_unit(u)
        put_example(page_of[g])
    }
    close_page()
}

function write_overview(    line, text, i, h, g)
{
    open_page("index.html", "Reference", 0)
    put("<h1>libtensor</h1>")
    while ((getline line < overview) > 0) {
        if (line ~ /^---- /) {
            put_blocks(text)
            text = ""
            gsub(/^---- | ----$/, "", line)
            put("<h2 id=\"" slug(line) "\"><a href=\"#" slug(line) "\">" line "</a></h2>")
        } else {
            text = text line "\n"
        }
    }
    close(overview)
    put_blocks(text)
    put("<h2 id=\"headers\"><a href=\"#headers\">everything, by header</a></h2>")
    for (i = 1; i <= headers; i++) {
        h = in_order[i]
        put("<h3><a href=\"" page_of_header(h) "\">" header[h] "</a></h3><p class=\"what\">" inline(about[h]) "</p>")
        for (g = 1; g <= groups; g++)
            if (of_header[g] == h && first_of[g]) {
                if (filled[h] > 1)
                    put("<h4><a href=\"" page_of_header(h) "#" slug(title[g]) "\">" escape(title[g]) "</a></h4>")
                put_names(g)
            }
    }
    close_page()
}

# ---- the index of the search ---------------------------------------------------------------------------

function quoted(text)
{
    gsub(/\n/, " ", text)
    gsub(/\\/, "\\\\", text)
    gsub(/"/, "\\\"", text)
    gsub(/`/, "", text)
    return "\"" text "\""
}

# Names of PyTorch's in the prose, and those of members: they lead here, too.
function other_names(d,    text, words, m)
{
    text = prose[of_unit[d]]
    gsub(/\n/, " ", text)
    while (match(text, /(torch|numpy)\.[A-Za-z_0-9.]*[A-Za-z_0-9]/)) {
        words = words " " substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
    }
    if (member_first[d])
        for (m = member_first[d]; m <= member_last[d]; m++) {
            text = member[m]
            gsub(/[^a-zA-Z_0-9]+/, " ", text)
            words = words " " text
        }
    return substr(words, 2)
}

# The tables of coming-from-pytorch.md have PyTorch's words in the first column, our names and `.members` in the second.
function read_pytorch(    line, column, text, n)
{
    while ((getline line < pytorch) > 0) {
        if (line !~ /^\| / || split(line, column, / \| /) < 2) continue
        for (text = column[2]; match(text, /(tn|TN)_[a-zA-Z0-9_]+|[.][a-z_]+/); text = substr(text, RSTART + RLENGTH)) {
            n = substr(text, RSTART, RLENGTH)
            in_pytorch[n] = in_pytorch[n] " " substr(column[1], 3)
        }
    }
    close(pytorch)
}

# PyTorch's words for the members of a struct, of which one line may declare several.
function words_of_member(text,    part, words, i)
{
    for (i = split(text, part, /[^a-zA-Z_0-9]+/); i > 0; i--)
        words = words in_pytorch["." part[i]]
    return words
}

# What is said of a declaration beside its first sentence.
function all_words(d,    text, m)
{
    text = prose[of_unit[d]] " " note[d] in_pytorch[name[d]]
    for (m = member_first[d]; m && m <= member_last[d]; m++)
        text = text " " member_note[m] words_of_member(member[m])
    return text
}

# What stands below a heading and belongs to no declaration.
function words_of_group(g,    text, u)
{
    text = lead[g]
    for (u = 1; u <= units; u++)
        if (of_group[u] == g && !first[u]) text = text " " prose[u]
    return text
}

# [name, address, kind, what it is, other names, what else is said of it]
function put_entry(n, k, what, others, words)
{
    put("[" quoted(n) "," quoted(n in home ? address(n) : others) "," quoted(k) "," quoted(what) "," \
        quoted(n in home ? others : "") "," quoted(words) "],")
}

function write_index(    d, m, h, g, n, seen)
{
    file = out "/index.js"
    read_pytorch()
    put("const names = [")
    for (h = 1; h <= headers; h++)
        put_entry(header[h], "header", about[h], page_of_header(h), intro[h])
    for (g = 1; g <= groups; g++)
        if (first_of[g] && filled[of_header[g]] > 1)
            put_entry(title[g], "section of " header[of_header[g]], "", \
                page_of_header(of_header[g]) "#" slug(title[g]), words_of_group(g))
    for (d = 1; d <= declarations; d++) {
        if (name[d] in seen) continue
        seen[name[d]] = 1
        put_entry(name[d], kind[d], summary(d), other_names(d), all_words(d))
        n = "tn_" tolower(substr(name[d], 4))
        if ((n "_f32") in behind) {
            put_entry(n "_f32", "function", name[d] " for float", "", "")
            put_entry(n "_f64", "function", name[d] " for double", "", "")
        }
        if (kind[d] == "enum")
            for (m = member_first[d]; m <= member_last[d]; m++)
                put_entry(constant[m], "constant", member_note[m], "", "")
    }
    put("]")
    close(file)
}

END {
    if (failed) exit 1
    name_groups()
    for (h = 1; h <= headers; h++) number_of_header[header[h]] = h
    count = split("context.h tensor.h dict.h autograd.h ops.h nn.h optim.h data.h train.h io.h state.h op.h formula.h", order, " ")
    for (i = 1; i <= count; i++)
        if (order[i] in number_of_header) {
            in_order[++placed] = number_of_header[order[i]]
            ordered[order[i]] = 1
        }
    for (h = 1; h <= headers; h++)
        if (!(header[h] in ordered)) in_order[++placed] = h
    for (h = 1; h <= headers; h++) write_header(h)
    write_overview()
    write_index()
}
