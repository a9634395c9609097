# Makes a shell script that follows a page to the letter, as tests/docs/README.md describes:
# awk -v out=DIRECTORY/NAME -f blocks.awk -f follow.awk PAGE
# writes NAME.sh, which puts what the shell lines print into NAME.1.printed and so on, and NAME.1.expected with
# what the page says that they print, a line of the page before each line.

# A file is written where the reader is at that moment, and is to compile without a warning.
function write_file(line, text, name)
{
    name = text
    sub(/\n.*/, "", name)
    if (name !~ /^\/\* [a-z0-9_]+\.(c|h|cpp)[ :]/) {
        fail(line, "a file begins with its name, as in /* train.c: ...")
        return
    }
    name = substr(name, 4, match(substr(name, 4), /[ :]/) - 1)
    print "at=" line " printed=" >script
    print "cat >" name " <<'END OF THE FILE'\n" text "END OF THE FILE" >script
    print "compiles " name >script
}

function run_lines(line, text)
{
    number++
    print "at=" line " printed=\"$out." number ".printed\"\n{\n" text "} >\"$printed\" 2>&1" >script
    ran = 1
}

function expect(line, text, count, lines, i)
{
    if (!ran)
        fail(line, "this is printed by no shell lines")
    ran = 0
    count = split(text, lines, "\n") - 1
    for (i = 1; i <= count; i++)
        print (line + i - 1) "\t" lines[i] >(out "." number ".expected")
}

function take_block(line, text)
{
    if (kind == "c" || kind == "cpp")
        write_file(line, text)
    else if (kind == "sh")
        run_lines(line, text)
    else if (kind == "text")
        expect(line, text)
    else
        fail(line - 1, "a block of " (kind == "" ? "no language" : kind) " on a page that is followed")
}

BEGIN {
    script = out ".sh"
}

/^    .*(tn_[a-z0-9_]+\(.*[;{]|pkg-config|build\/bin)/ {
    fail(FNR, "lines that no block holds: put them between ```sh or ```c and ```")
}

END {
    exit failed
}
