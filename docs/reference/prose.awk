# What man.awk and html.awk know of prose: paragraphs, code, sentences; and of examples.

# Splits text into blocks 1 .. n: kind[i] is "text", "code", "item" (`term`: text) or "example" (@file).
function split_blocks(text,    line, n, i)
{
    blocks = block_open = 0
    block_kind[0] = ""
    n = split(text, line, /\n/)
    for (i = 1; i <= n; i++) {
        if (line[i] == "") {
            block_open = 0
        } else if (line[i] ~ /^    /) {
            if (block_kind[blocks] != "code") open_block("code")
            else if (!block_open) block[blocks] = block[blocks] "\n"
            add_line(substr(line[i], 5))
            block_open = 1
        } else if (line[i] ~ /^@/) {
            open_block("example")
            add_line(substr(line[i], 2))
        } else {
            if (!block_open || block_kind[blocks] == "code")
                open_block(line[i] ~ /^`[A-Z_]+`: / ? "item" : "text")
            add_line(line[i])
            block_open = 1
        }
    }
    return blocks
}

function open_block(k)
{
    block_kind[++blocks] = k
    block[blocks] = ""
}

function add_line(text)
{
    block[blocks] = block[blocks] (block[blocks] == "" || block[blocks] ~ /\n$/ ? "" : "\n") text
}

# Sentences 1 .. n of a text, the code left out.
function split_sentences(text,    n, i, words)
{
    sentences = 0
    n = split_blocks(text)
    for (i = 1; i <= n; i++) {
        words = block[i]
        if (block_kind[i] == "code") continue
        gsub(/\n/, " ", words)
        while (match(words, /\.\)? +[A-Z(`"\[]/)) {
            sentence[++sentences] = substr(words, 1, RSTART + RLENGTH - 3)
            sub(/ +$/, "", sentence[sentences])
            words = substr(words, RSTART + RLENGTH - 1)
        }
        sentence[++sentences] = words
    }
    return sentences
}

# What a name is, in one sentence.
function summary(d)
{
    if (note[d] != "") return note[d]
    if (split_sentences(prose[of_unit[d]])) return sentence[1]
    return ""
}

# Reads the example of a page: `example_about`, `example_code`, `example_output`; false if there is none.
# It is a comment, a program, and what that prints, as comments in the first column.
function read_example(page,    path, line, begun)
{
    path = examples "/" page ".c"
    example_about = example_code = example_output = ""
    while ((getline line < path) > 0) {
        if (!begun) {
            example_about = example_about (example_about == "" ? "" : " ") bare(line)
            begun = line ~ /\*\//
        } else if (line ~ /^\/\*/ || example_output != "") {
            example_output = example_output bare(line) "\n"
        } else {
            example_code = example_code line "\n"
        }
    }
    close(path)
    example_code = trimmed(example_code)
    example_output = trimmed(example_output)
    return example_code != ""
}

# Types that many take are not listed.
function users(d,    i, m, list, n, pattern)
{
    if (kind[d] !~ /^(struct|enum|callback)$/) return ""
    pattern = "(^|[^a-zA-Z0-9_])" name[d] "([^a-zA-Z0-9_]|$)"
    for (i = 1; i <= declarations; i++) {
        if (i == d) continue
        m = code[i] ~ pattern
        if (kind[i] == "struct")
            for (n = member_first[i]; n <= member_last[i]; n++)
                if (member[n] ~ pattern) m = 1
        if (m && index(" " list, " " name[i] " ") == 0) list = list name[i] " "
    }
    return split(list, users_of, " ") > 8 ? "" : list
}

# ---- pages of groups -----------------------------------------------------------------------------------

# Each group that declares something has a page, of the name of its first function.
function name_groups(    u, g, d)
{
    for (u = 1; u <= units; u++) {
        g = of_group[u]
        if (!first_unit[g]) first_unit[g] = u
        last_unit[g] = u
        if (!first[u]) continue
        if (!first_of[g]) first_of[g] = first[u]
        last_of[g] = last[u]
        for (d = first[u]; d <= last[u]; d++)
            if (kind[d] == "function" && !function_of[g]) function_of[g] = d
    }
    for (g = 1; g <= groups; g++) {
        if (!first_unit[g]) continue
        d = function_of[g] ? function_of[g] : first_of[g]
        page_of[g] = name[d]
        filled[of_header[g]]++
        if (title[g] == "") title[g] = about[of_header[g]]
    }
}
