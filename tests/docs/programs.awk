# Makes programs of the C and C++ blocks of a page, as tests/docs/README.md describes:
# awk -v out=DIRECTORY/NAME -f blocks.awk -f programs.awk PAGE
# writes NAME.1.c (or .cpp), NAME.1.expected with what it prints, a line of the page before each line, and so on.

# At file scope: has a line that begins with one of these words or with a brace.
function is_file_scope(text)
{
    return ("\n" text) ~ /\n([{#]|(static|typedef|extern|TN_API|TN_UNARY|TN_BINARY)[^a-z_])/
}

function has_main(text)
{
    return ("\n" text) ~ /\nint main\(/
}

# From the line `from` on, which is line number `line` of `file`.
function marked(line, file, text)
{
    return text == "" ? "" : "#line " line " \"" file "\"\n" text
}

# Cuts a program into what stands before main, main up to where it is gone on with, and its end.
function take_program(line, file, text, count, lines, i, main_line, end_line, frees, freed)
{
    count = split(text, lines, "\n") - 1
    for (i = 1; i <= count; i++) {
        if (lines[i] ~ /^int main\(/)
            main_line = i
        frees = lines[i] ~ /^    tn_ctx_free\(/
        if (main_line && (frees || !freed && lines[i] ~ /^    return /))
            end_line = i
        freed = main_line && (freed || frees)
    }
    if (!end_line) {
        fail(line, "main ends without a return")
        end_line = count
    }
    before = inside = end = ""
    for (i = 1; i <= count; i++)
        if (i < main_line)
            before = before lines[i] "\n"
        else if (i < end_line)
            inside = inside lines[i] "\n"
        else
            end = end lines[i] "\n"
    before = pending marked(line, file, before)
    inside = marked(line + main_line - 1, file, inside)
    end = marked(line + end_line - 1, file, end)
    pending = ""
    program = line
}

function finish_program()
{
    if (!program)
        return
    number++
    printf "%s%s%s", before, inside, end >(out "." number "." language)
    printf "%s", expected >(out "." number ".expected")
    before = inside = end = expected = ""
    program = 0
}

function take_code(line, text)
{
    if (has_main(text)) {
        finish_program()
        language = kind
        take_program(line, FILENAME, text)
    } else if (is_file_scope(text) && program) {
        before = before marked(line, FILENAME, text)
    } else if (is_file_scope(text)) {
        pending = pending marked(line, FILENAME, text)
        pending_line = line
    } else if (!program) {
        fail(line, "these lines go on from no program")
    } else {
        inside = inside marked(line, FILENAME, text)
    }
    if (program && kind != language)
        fail(line, "this block goes on from a program of another language")
}

# The program that the comment names, as though it stood here.
function take_file(line, file, text, row)
{
    finish_program()
    text = ""
    while ((getline row < file) > 0)
        text = text row "\n"
    close(file)
    language = file ~ /\.cpp$/ ? "cpp" : "c"
    if (has_main(text))
        take_program(1, file, text)
    else
        fail(line, "there is no program " file)
}

function take_block(line, text, count, lines, i)
{
    if (kind == "c" || kind == "cpp") {
        take_code(line, text)
    } else if (kind == "text") {
        if (!program) {
            fail(line, "this is printed by no program")
            return
        }
        count = split(text, lines, "\n") - 1
        for (i = 1; i <= count; i++)
            expected = expected (line + i - 1) "\t" lines[i] "\n"
    } else if (kind == "") {
        fail(line - 1, "a block without a language: ```c, ```text for what it prints, ...")
    } else if (kind !~ /^(cmake|console|html|ini|json|make|meson|python|xml|yaml)$/) {
        fail(line - 1, "a block of " kind ", which is none of the languages known here")
    } else if (text ~ /tn_[a-z0-9_]+\([^\n]*[;{]/) {
        fail(line, "C in a block of " kind)
    }
}

/^<!-- c: .* -->$/ {
    if ($3 == "new" && $4 == "program")
        finish_program()
    else
        take_file(FNR, $3)
}

/^    .*tn_[a-z0-9_]+\(.*[;{]/ {
    fail(FNR, "C that no block holds: put it between ```c and ```")
}

END {
    if (pending != "")
        fail(pending_line, "these declarations go before no program")
    finish_program()
    exit failed
}
