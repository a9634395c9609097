#!/usr/bin/env python3
"""The library as two files, libtensor.c and tn.h: amalgamate.py LIBTENSOR_DIRECTORY OUTPUT_DIRECTORY FLAGS ROOM...

FLAGS are those of the kernels. tn.h has the public headers. libtensor.c has the private ones, each of them once
where it is first included; the files of kernels/, once for each scalar type and instruction set; then the files
of the rooms, those last that include <tn/formula.h>, whose <tgmath.h> changes what sqrt and exp mean.

Files that are compiled alone may each have a `lock` and a `multiply` of their own. Here every name of a file's
own gets the file's in front: tensor_blas_lock, f32_v3_product_multiply. A name after `.` or `->` is a member's
and stays, and so does one that a struct declares. Macros end with their file. What could change the meaning of
a program without a word from the compiler ends this one: a private name that a macro makes a string of, a macro
that reaches a file which does not include it, and a file without a name of its own.
"""
import os
import re
import sys

TOKEN = re.compile(
    r"""(?P<space>\s+|\\\n|/\*.*?\*/|//[^\n]*)|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)|(?P<sign>->|\.\.\.|\#\#|.)""",
    re.DOTALL,
)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)[>"].*\n', re.MULTILINE)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|/\*.*?\*/)*\n", re.MULTILINE | re.DOTALL)
DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)]*\))?((?:[^\n\\]|\\.)*)", re.MULTILINE | re.DOTALL)
GUARD = re.compile(r"#ifndef (\w+)\n#define \1\n")
FEATURE = re.compile(r"^#define (_[A-Z]\w*|ZLIB_CONST)\b *(\w*).*\n", re.MULTILINE)
KEYWORDS = set(
    "auto break case char const continue default do double else enum extern float for goto if inline int long "
    "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile "
    "while _Alignas _Alignof _Atomic _Bool _Complex _Generic _Noreturn _Static_assert _Thread_local bool "
    "__attribute__ _Pragma".split()
)
TGMATH = {"sqrt", "fabs", "exp", "log", "floor", "ceil", "trunc", "round"}  # of one number
INSTRUCTIONS = {
    "v3": "avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe",
    "v4": "avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe,avx512f,avx512bw,avx512cd,avx512dq,avx512vl",
}
TESTED = "defined(__x86_64__) && defined(__GNUC__)"


class Broken(Exception):
    pass


def public(name):
    return name.lower().startswith("tn_")


def tokens(text):
    """(kind, text) of each, without blanks and comments."""
    return [(m.lastgroup, m.group()) for m in TOKEN.finditer(text) if m.lastgroup != "space"]


def names_in(text):
    return {text for kind, text in tokens(text) if kind == "name"}


# ---- what a file declares ------------------------------------------------------------------------


def without_groups(items, opening="([{", closing=")]}"):
    """The items outside of brackets, each pair of which leaves its opening one."""
    kept, depth = [], 0
    for item in items:
        if item[1] in closing and item[0] == "sign":
            depth -= 1
        elif depth == 0:
            kept.append(item)
        if item[1] in opening and item[0] == "sign":
            depth += 1
    return kept


def without_attributes(items):
    kept, i = [], 0
    while i < len(items):
        if items[i][1] == "__attribute__":
            i = closing(items, i + 1) + 1
        else:
            kept.append(items[i])
            i += 1
    return kept


def closing(items, at):
    """Where the bracket at `at` is closed."""
    depth = 0
    for i in range(at, len(items)):
        if items[i][0] == "sign":
            depth += (items[i][1] in "([{") - (items[i][1] in ")]}")
        if depth == 0:
            return i
    raise Broken("a bracket is not closed")


def declarations(items):
    """The declarations and functions at the level of the file, each as a list of tokens."""
    found, one, i = [], [], 0
    while i < len(items):
        kind, text = items[i]
        if kind == "sign" and text in "({[":
            end = closing(items, i)
            body = text == "{" and one and one[-1][1] == ")"
            one += items[i : end + 1]
            i = end
            if body:
                found.append(one)
                one = []
        elif kind == "sign" and text == ";":
            found.append(one + [items[i]])
            one = []
        else:
            one.append(items[i])
        i += 1
    return found


def declared_names(one):
    """The names that a declaration makes, if they are the file's own: of functions and objects that are
    static, of types, tags and constants."""
    one = without_attributes(one)
    names = set()
    for i, (kind, text) in enumerate(one):
        if text in ("struct", "union", "enum") and i + 1 < len(one) and one[i + 1][0] == "name":
            if i + 2 < len(one) and (one[i + 2][1] == "{" or "typedef" in (one[0][1], one[i - 1][1])):
                names.add(one[i + 1][1])
        if text == "enum":
            names |= constants(one[i:])
    words = [text for _, text in one]
    if "typedef" in words:
        return names | typedef_name(one[words.index("typedef") :])
    if "static" not in words:
        return names
    flat = without_groups(one[words.index("static") :])
    for i in range(1, len(flat)):
        before_value = not any(text == "=" for _, text in flat[after_comma(flat, i) : i])
        if flat[i][1] in ("(", "=", "[", ",", ";") and flat[i - 1][0] == "name" and before_value:
            names.add(flat[i - 1][1])
    return names


def after_comma(flat, end):
    """Where the declarator that ends at `end` begins."""
    return max((j + 1 for j in range(end) if flat[j][1] == ","), default=0)


def constants(one):
    at = next((i for i, (_, text) in enumerate(one) if text in "{;"), None)
    if at is None or one[at][1] == ";":
        return set()
    body = without_groups(one[at + 1 : closing(one, at)])
    return {body[i][1] for i in range(len(body)) if body[i][0] == "name" and (i == 0 or body[i - 1][1] == ",")}


def typedef_name(one):
    for i in range(len(one) - 3):  # a pointer to a function
        if one[i][1] == "(" and one[i + 1][1] == "*" and one[i + 2][0] == "name" and one[i + 3][1] == ")":
            return {one[i + 2][1]}
    flat = without_groups(one)
    before = [i for i, (_, text) in enumerate(flat) if text in "([;" and i > 0 and flat[i - 1][0] == "name"]
    return {flat[before[0] - 1][1]} if before else set()


def with_static(items, text):
    """Macros that stand for `static` and attributes are replaced by what they are."""
    meaning = {n: tokens(body) for n, parameters, body in DEFINE.findall(text) if not parameters}
    meaning = {n: body for n, body in meaning.items() if ("name", "static") in body}
    return [inner for item in items for inner in meaning.get(item[1], [item])]


def pasted(text):
    """What `##` completes: in a macro, the names that begin with it are the file's own."""
    stems = set()
    for _, parameters, body in DEFINE.findall(text):
        taken, items = names_in(parameters), tokens(body)
        for i in range(len(items) - 1):
            first = i == 0 or items[i - 1][1] != "##"
            if items[i + 1][1] == "##" and items[i][0] == "name" and first and items[i][1] not in taken:
                stems.add(items[i][1])
    return stems


class Source:
    """A file, its text, and the names that are its own."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8") as file:
            self.text = file.read()
        where = os.path.dirname(path)
        self.includes = [
            (sign, (sign == '"' and name) or ("include/" + name if name.startswith("tn/") else None), name)
            for sign, name in INCLUDE.findall(self.text)
        ]
        self.macros = {name for name, _, _ in DEFINE.findall(self.text)} - set(GUARD.findall(self.text))
        self.guarded = GUARD.search(self.text) is not None
        self.prefix = "%s_%s_" % (os.path.basename(where), os.path.splitext(os.path.basename(path))[0])
        items = with_static(tokens(DIRECTIVE.sub("\n", self.text)), self.text)
        self.names = set().union(*map(declared_names, declarations(items))) | pasted(self.text)
        self.names = {name for name in self.names - KEYWORDS if not public(name)}


class Library:
    def __init__(self, root):
        self.root, self.files = root, {}

    def file(self, path):
        if path not in self.files:
            self.files[path] = Source(self.root, path)
        return self.files[path]

    def reached(self, path):
        """All files of the project that this one includes, by and by."""
        found, left = [], [path]
        while left:
            for _, inner, _ in self.file(left.pop()).includes:
                if inner and inner not in found:
                    found.append(inner)
                    left.append(inner)
        return found

    def brings(self, path, system):
        """Does it include that header, of the system or of the project?"""
        return any(name == system for p in [path] + self.reached(path) for _, _, name in self.file(p).includes)


# ---- names ---------------------------------------------------------------------------------------


def members(items):
    """The places of names that a struct declares as members."""
    places = set()
    for i, (_, text) in enumerate(items):
        if text not in ("struct", "union"):
            continue
        at = i + 1 + (i + 1 < len(items) and items[i + 1][0] == "name")
        if at >= len(items) or items[at][1] != "{":
            continue
        for j in range(at + 1, closing(items, at)):
            if items[j][0] == "name" and items[j + 1][1] in (",", ";", "[", ":", ")"):
                places.add(j)
    return places


def renamed(text, names):
    """The text with the names of the dictionary replaced, but for those of members."""
    if not names:
        return text
    plain = [m for m in TOKEN.finditer(text)]
    solid = [m for m in plain if m.lastgroup != "space"]
    items = [(m.lastgroup, m.group()) for m in solid]
    kept = {solid[j].start() for j in members(items)}
    before, out = "", []
    for m in plain:
        word = m.group()
        if m.lastgroup == "name" and before not in (".", "->") and m.start() not in kept:
            word = names.get(word, word)
        out.append(word)
        if m.lastgroup != "space":
            before = m.group()
    return "".join(out)


def stringizing(library):
    """Macros that make a string of an argument, or hand it to one that does."""
    bodies = {}
    for source in library.files.values():
        for name, parameters, body in DEFINE.findall(source.text):
            if parameters:
                bodies.setdefault(name, []).append((names_in(parameters) | {"__VA_ARGS__"}, tokens(body)))
    found = set()
    for name, definitions in bodies.items():
        for parameters, items in definitions:
            for i in range(len(items) - 1):
                if items[i][1] == "#" and items[i + 1][1] in parameters:
                    found.add(name)
    while True:
        more = {n for n, ds in bodies.items() for _, items in ds if found & {text for _, text in items}} - found
        if not more:
            return found
        found |= more


def spoken(text, macros):
    """The names among the arguments of these macros."""
    items, found = tokens(DIRECTIVE.sub("\n", text)), set()
    for i in range(len(items) - 1):
        if items[i][1] in macros and items[i + 1][1] == "(":
            found |= {word for kind, word in items[i + 1 : closing(items, i + 1)] if kind == "name"}
    return found


# ---- the text ------------------------------------------------------------------------------------


def heading(path):
    return "\n/* ---- %s %s */\n\n" % (path, "-" * max(0, 90 - len(path)))


class Writer:
    def __init__(self, library):
        self.library, self.system = library, []
        self.features = {"_POSIX_C_SOURCE": "200809L"}
        self.loud = stringizing(library)

    def expand(self, path, names_of, done):
        """The text of a file with the project's headers in place and the system's taken out."""
        source, at, out = self.library.file(path), 0, []
        text = FEATURE.sub(self.feature, source.text)
        names = names_of(path)
        # A name that becomes a string cannot be another one.
        wrong = set(names) & spoken(source.text, self.loud)
        if wrong:
            raise Broken("%s: a macro makes a string of %s" % (path, ", ".join(sorted(wrong))))
        for match in INCLUDE.finditer(text):
            out.append(renamed(text[at : match.start()], names))
            at = match.end()
            inner = self.inner(match)
            if inner is None:
                out.append(self.of_system(text, match))
            elif inner not in done:
                if self.library.file(inner).guarded:
                    done.add(inner)
                out.append(self.expand(inner, names_of, done))
        out.append(renamed(text[at:], names))
        return "".join(out)

    def feature(self, match):
        self.features[match.group(1)] = match.group(2)
        return ""

    def inner(self, match):
        if match.group(1) == '"':
            return match.group(2)
        return "include/" + match.group(2) if match.group(2).startswith("tn/") else None

    def of_system(self, text, match):
        """A header of the system goes to the top, if nothing asks whether it is there."""
        before = DIRECTIVE.findall(text[: match.start()])
        depth = sum(bool(re.match(r"\s*#\s*if", d)) - bool(re.match(r"\s*#\s*endif", d)) for d in before)
        if depth > bool(GUARD.search(text)):
            return SYSTEM_HEADER % match.group(2)
        if match.group(2) not in self.system + ["tgmath.h"]:
            self.system.append(match.group(2))
        return ""


# What stands in the middle of the file is hidden, but for what others export.
SYSTEM_HEADER = """#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif
#include <%s>
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
"""


def undefine(macros):
    return "".join("#undef %s\n" % name for name in sorted(macros))


def type_generic(library, path):
    """What <tgmath.h> is to a file that uses it for numbers of the type `real`."""
    source = library.file(path)
    if not any(name == "tgmath.h" for _, _, name in source.includes):
        return "", ""
    used = names_in(source.text) & TGMATH
    define = "#define %s(x) _Generic((x), float : %sf, default : %s)(x)\n"
    return "".join(define % (n, n, n) for n in sorted(used)), undefine(used)


# ---- kernels -------------------------------------------------------------------------------------


class Kernels:
    """The files of kernels/ for one scalar type and one instruction set."""

    def __init__(self, writer, files, real, isa):
        self.writer, self.library, self.files = writer, writer.library, files
        self.prefix = "%s_%s_" % (real, isa)
        self.real, self.isa = real, isa
        reached = {p for f in files for p in self.library.reached(f)}
        self.headers = {p for p in reached if self.is_inner(p)}
        owners = [name for p in self.headers for name in self.library.file(p).names]
        if len(owners) != len(set(owners)):
            raise Broken("kernels: two headers have the same name of their own")
        self.macros = {n: p for p in self.headers for n in self.library.file(p).macros}

    def is_inner(self, path):
        """A header that depends on the type or the instruction set."""
        return path == "kernels/real.h" or "kernels/real.h" in self.library.reached(path)

    def names_of(self, path):
        names, source = {}, self.library.file(path)
        if not self.is_inner(path):
            return names
        for header in [p for p in self.library.reached(path) if p in self.headers] + [path]:
            if header in self.headers:
                names.update({n: self.prefix + n for n in self.library.file(header).names})
        if path in self.headers:
            return names
        own = source.names | (source.macros & set(self.macros))
        both = own & set(re.findall(r"KERNEL\((\w+)\)", source.text))
        if both:
            raise Broken("%s: %s is the name of a kernel and of a static function" % (path, ", ".join(sorted(both))))
        self.see(path, own)
        stem = self.prefix + os.path.splitext(os.path.basename(path))[0] + "_"
        names.update({name: stem + name for name in own})
        return names

    def see(self, path, own):
        """Macros of headers that this file does not include are there all the same."""
        seen = set(self.library.reached(path))
        strange = {n for n, p in self.macros.items() if p not in seen} & names_in(self.library.file(path).text)
        if strange - own:
            raise Broken("%s: %s is a macro of another file" % (path, ", ".join(sorted(strange - own))))

    def text(self, done):
        out, inner = [], set(done)
        for path in self.files:
            source = self.library.file(path)
            names = self.names_of(path)
            before, after = type_generic(self.library, path)
            out += [heading("%s, %s, %s" % (path, self.real, self.isa)), before]
            out += [self.writer.expand(path, self.names_of, inner), after]
            out.append(undefine(names.get(name, name) for name in source.macros))
        done |= {p for p in inner if not self.is_inner(p)}
        macros = "".join("#define TN_%s\n" % name for name in ("REAL_" + self.real, "ISA_" + self.isa))
        guards = {GUARD.search(self.library.file(p).text).group(1) for p in self.headers}
        gone = undefine(set(self.macros) | guards | {"TN_REAL_" + self.real, "TN_ISA_" + self.isa})
        return region_of(self.isa)[0] + macros + "".join(out) + gone + region_of(self.isa)[1]


# What stands around files that are compiled like the kernels, and for an instruction set.
def region_of(isa):
    wanted = INSTRUCTIONS.get(isa)
    if not wanted:
        return "\nTN_FAST_BEGIN_\n", "TN_FAST_END_\n"
    gcc = wanted + (",prefer-vector-width=512" if isa == "v4" else "")
    begin = (
        "\n#if %s\nTN_FAST_BEGIN_\n#if defined(__clang__)\n"
        '#pragma clang attribute push(__attribute__((target("%s"))), apply_to = function)\n'
        '#else\n#pragma GCC target("%s")\n#endif\n'
    )
    end = "#if defined(__clang__)\n#pragma clang attribute pop\n#endif\nTN_FAST_END_\n#endif\n"
    return begin % (TESTED, wanted, gcc), end


# ---- the two files -------------------------------------------------------------------------------

HEADER = """/* tn.h - libtensor %s, its public headers in one file; libtensor.c is the rest. Made by `make amalgamation`.
 *
 * To declare operators by formulas define TN_FORMULAS before this is included, at any time; to have the
 * functions of vector_math.h alone, TN_VECTOR_MATH. */
"""

SOURCE = """/* libtensor.c - libtensor %(version)s in one file, to be compiled with a program. Made by `make amalgamation`.
 *
 *     cc -O2 -fno-math-errno -fopenmp -c libtensor.c
 *     cc -O2 -fopenmp -o program program.c libtensor.o -lopenblas -lz -lm
 *
 * Next to it lies tn.h, which the program includes; CBLAS and zlib are all it wants. It has the kernels of
 * every instruction set, which the compiler is told here, and the context picks. -O2 is enough: what needs
 * other options says so below. But for -fno-math-errno: no compiler heeds it there, and without it square
 * roots are taken one by one. The processor of the program decides at run time, so no -march is wanted. */
#if defined(__cplusplus)
#error "libtensor.c is C: compile it by a C compiler, and include tn.h in C++"
#elif __STDC_VERSION__ < 201112L
#error "libtensor.c is C11: compile it with -std=c11 or a later standard"
#endif
"""

REGIONS = """
/* The flags of the library's own build, for what is below and for regions of it: GCC has options for functions,
 * clang has pragmas for the products and sums that it may fuse. What
 * only a compiler says that sees all files at once is no fault of one: each of them is without warnings. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wunused-function"
#pragma clang diagnostic ignored "-Wunknown-pragmas"
#pragma clang diagnostic ignored "-Wpass-failed"
#define TN_FAST_BEGIN_ _Pragma("clang fp contract(fast)")
#define TN_FAST_END_ _Pragma("clang fp contract(off)")
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#if !defined(_OPENMP)
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#endif
#define TN_FAST_BEGIN_ _Pragma("GCC push_options") _Pragma("GCC optimize(%(flags)s)")
#define TN_FAST_END_ _Pragma("GCC pop_options")
#pragma GCC optimize("no-math-errno", "fp-contract=off")
#else
#define TN_FAST_BEGIN_
#define TN_FAST_END_
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif
"""

FORMULAS = "include/tn/formula.h"
MATH = "include/tn/vector_math.h"


def header_text(library, version):
    writer, done = Writer(library), set()
    writer.of_system = lambda text, match: match.group()
    everything = writer.expand("include/tn/tn.h", lambda _: {}, done)
    if FORMULAS in done or MATH in done:
        raise Broken("tn.h: <tgmath.h> would be in every program")
    parts = [HEADER % version, everything, "\n#if defined(TN_VECTOR_MATH) || defined(TN_FORMULAS)\n"]
    parts += [writer.expand(MATH, lambda _: {}, done | {MATH}), "#endif\n\n#if defined(TN_FORMULAS)\n"]
    done.add(MATH)
    parts += [writer.expand(FORMULAS, lambda _: {}, done | {FORMULAS}), "#endif\n"]
    return "".join(parts), done | {MATH, FORMULAS}


def sources_of(root, rooms):
    """Each room's files, the rooms in the order of the Makefile."""
    found = []
    for room in rooms:
        folder = os.path.join(root, room)
        found += [room + "/" + name for name in sorted(os.listdir(folder)) if name.endswith(".c")]
    return found


def general(writer, paths, done):
    out = []
    for path in paths:
        source = writer.library.file(path)
        names = {name: source.prefix + name for name in source.names}
        out.append(heading(path))
        before, after = ("", "") if writer.library.brings(path, "tn/formula.h") else type_generic(writer.library, path)
        out.append(before + writer.expand(path, lambda p: names if p == path else {}, done) + after)
        out.append(undefine(source.macros))
    return "".join(out)


def source_text(library, rooms, version, flags, done):
    writer = Writer(library)
    paths = sources_of(library.root, rooms)
    for path in paths:
        library.reached(path)
    writer.loud = stringizing(library)
    kernels = sources_of(library.root, ["kernels"])
    prefixes = [library.file(path).prefix for path in paths]
    if len(set(prefixes)) != len(paths):
        raise Broken("two files have one name: %s" % ", ".join(p for p in prefixes if prefixes.count(p) > 1))
    parts = []
    for isa in ("baseline", "v3", "v4"):
        for real in ("f32", "f64"):
            parts.append(Kernels(writer, kernels, real, isa).text(done))
    late = [p for p in paths if library.brings(p, "tn/formula.h")]
    fast = [p for p in paths if p.startswith("ops/")]
    if set(late) - set(fast):
        raise Broken("%s: a formula outside of ops/" % ", ".join(sorted(set(late) - set(fast))))
    parts.append(general(writer, [p for p in paths if p not in fast], done))
    parts.append("\nTN_FAST_BEGIN_\n" + general(writer, [p for p in fast if p not in late], done))
    parts.append('\n#define TN_FORMULAS\n#include "tn.h"\n' + general(writer, late, done) + "\nTN_FAST_END_\n")
    return SOURCE % {"version": version} + top(writer) + REGIONS % {"flags": flags} + OWN_HEADER + "".join(parts)


OWN_HEADER = """
TN_FAST_BEGIN_
#define TN_VECTOR_MATH
#include "tn.h"
TN_FAST_END_
"""


def top(writer):
    """What files ask of the system's headers, and these."""
    define = "#if !defined(%s)\n#define %s\n#endif\n"
    text = "".join(define % (name, (name + " " + value).strip()) for name, value in sorted(writer.features.items()))
    return text + "".join("#include <%s>\n" % name for name in sorted(writer.system))


def main():
    root, output, flags, rooms = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    library = Library(root)
    context = library.file("include/tn/context.h").text
    version = re.search(r'#define TN_VERSION "(.*)"', context).group(1)
    wanted = ", ".join('\\"%s\\"' % re.sub("^-f?", "", flag) for flag in flags.split())
    header, done = header_text(library, version)
    source = source_text(library, rooms, version, wanted, done)
    os.makedirs(output, exist_ok=True)
    for name, text in (("tn.h", header), ("libtensor.c", source)):
        with open(os.path.join(output, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    try:
        main()
    except Broken as what:
        sys.exit("amalgamate: %s" % what)
