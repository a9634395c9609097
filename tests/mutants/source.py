#!/usr/bin/env python3
"""Mutants of the library's sources: constants off by one, comparisons and signs turned, statements dropped.

    source.py [--count N] [--seed S] [--files PATTERN] [--tests PATTERNS] [--jobs N] [--build DIR]
              [--quick | --most SECONDS] [--again] [--list] [--since COMMIT] [--within SECONDS]

Draws a sample of all mutants of the rooms below, compiles each one into a shared library of its own, and
runs the unit tests of its file until one is red: those first that killed the most mutants of the file in
the least time. A change that leaves the machine code as it is makes no mutant, and another one is drawn.
Those that are left have all tests that pass their lines (gcov tells which), and at the end the same under
the address sanitizer.
tests/mutants/README.md says how the figures are counted, and what survivors.tsv and speed.tsv are.

Results are kept until the function changes, and those of survivors until a test changes as well; a sample
stays the same, but for the lines that change, wherever their files lie.
"""
import argparse
import concurrent.futures
import filecmp
import fnmatch
import functools
import gzip
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import select
import signal
import subprocess
import sys
import threading
import time

BEGIN = time.monotonic()
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OTHERS = {"include", "mpi", "nn", "optim", "data"}  # folders of the library that are not tried
BASELINE = {"blas.c"}  # files that other instruction sets have kernels of the library's own for
EXAMPLES = re.compile(r"test_(digits|faces|alexnet|photo)")  # tests of the examples
BOUNDS = ["-fsanitize=bounds", "-fsanitize-undefined-trap-on-error"]  # of arrays, in mutants
SANITIZE = ["-fsanitize=address", "-DTN_DEBUG", "-DTN_EXACT_BLOCKS"]
QUICK = "-O1 -fexpensive-optimizations"  # in place of -O3: the second lets products and sums be one, as there
MEMORY = 12 << 30  # of a test, in bytes
FEW = 8  # mutants, of which a share says nothing
PATIENCE = 5  # times the processor time of a test, after which it is taken for endless
FIRST = 3  # seconds of tests for every mutant in each of the first rounds, if others follow
QUIET = 10  # seconds in which a test does nothing, after which it is taken for stuck;
LATE = 60  # or that it takes beside ten times the processor time that it may take

# In tests, to end at the first check that fails.
STOP = """#include <unistd.h>
void __wrap__ck_assert_failed(const char *file, int line, const char *expression, const char *message, ...);
void __wrap__ck_assert_failed(const char *file, int line, const char *expression, const char *message, ...)
{
    (void)file, (void)line, (void)expression, (void)message;
    _exit(1);
}
"""

# ---- mutants ---------------------------------------------------------------------------------------

TOKEN = re.compile(r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*)
  | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<number>(?:0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)[a-zA-Z]*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<op>->|\+\+|--|<<=|>>=|<=|>=|==|!=|&&|\|\||<<|>>|[-+*/%&|^]=|.)
""", re.X | re.S | re.M)

TURNED = {"<": ["<=", ">"], "<=": ["<", ">="], ">": [">=", "<"], ">=": [">", "<="], "==": ["!="],
          "!=": ["=="], "&&": ["||"], "||": ["&&"], "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"],
          "+=": ["-="], "-=": ["+="], "*=": ["/="], "/=": ["*="], "<<": [">>"], ">>": ["<<"],
          "++": ["--"], "--": ["++"]}
KEYWORDS = {"return", "case", "else", "sizeof", "if", "while", "for", "do", "goto", "break", "continue"}
ALLOCATES = {"tn__alloc", "tn__alloc_zeroed", "tn__reserve", "reserve"}  # functions that are given a size
CONTROL = ("if", "for", "while", "switch")


def tokens_of(text):
    """(kind, text, offset) of everything but white space, comments and preprocessor lines."""
    return [(m.lastgroup, m.group(), m.start()) for m in TOKEN.finditer(text) if m.lastgroup != "space"]


def is_value(token):
    kind, text, _ = token
    return kind in ("number", "text") or text in (")", "]") or (kind == "word" and text not in KEYWORDS)


def of_number(text):
    if re.fullmatch(r"\d+", text):
        return [str(int(text) + 1)] + ([str(int(text) - 1)] if int(text) else [])
    if re.fullmatch(r"\d+\.\d*|\d*\.\d+", text):
        return [repr(float(text) + 1)]
    return []


def spaced(source, offset):
    return source[offset - 1] == source[offset + 1] == " "


def is_space(tokens, i):
    """Whether the number is a term of a size, of which more changes nothing: of a block or an array."""
    return is_length(tokens, i) or is_size(tokens, i)


def is_size(tokens, i):
    """Of a block: a term of an argument of a call that allocates."""
    closed = 0  # pairs of parentheses that end before the number
    for j in range(i - 1, 0, -1):
        text = tokens[j][1]
        if text == "(" and not closed and tokens[j - 1][1] in ALLOCATES:
            return tokens[i - 1][1] in ("+", ",")
        if text in (";", "{", "}"):
            break
        closed = max(0, closed + {")": 1, "(": -1}.get(text, 0))
    return False


def is_length(tokens, i):
    """Of the array in a declaration."""
    around = [tokens[j] if 0 <= j < len(tokens) else ("op", ";", 0) for j in (i - 3, i - 2, i - 1, i + 1)]
    before, name, opening, closing = around
    declares = (before[0] == "word" and before[1] not in KEYWORDS) or before[1] in ("*", ",")
    return name[0] == "word" and declares and opening[1] == "[" and closing[1] == "]"


def of_tokens(source, tokens):
    """Mutants (offset, length, replacement) of single tokens."""
    for i, (kind, text, offset) in enumerate(tokens):
        previous = tokens[i - 1] if i else ("op", ";", 0)
        if kind == "number":
            for other in of_number(text)[1 if is_space(tokens, i) else 0:]:
                yield offset, len(text), other
        elif kind == "op" and text in ("-", "!") and not is_value(previous):
            yield offset, len(text), ""
        elif kind == "op" and text in TURNED and (is_value(previous) or text in ("++", "--")):
            if text == "*" and not spaced(source, offset):
                continue  # of a pointer
            for other in TURNED[text]:
                yield offset, len(text), other


def of_statements(tokens):
    """Mutants that drop a statement: an assignment, a call, a step, a jump."""
    depth = parens = braces = 0  # braces: of initialisers
    start = None
    for i, (_, text, offset) in enumerate(tokens):
        if text in ("(", "["):
            parens += 1
        elif text in (")", "]"):
            parens -= 1
            if not parens and not braces and start is not None and tokens[start][1] in CONTROL:
                start = None
                continue
        if parens:
            start = i if start is None else start
        elif braces or (text == "{" and depth and start is not None):
            braces += {"{": 1, "}": -1}.get(text, 0)
        elif text in ("{", "}"):
            depth += 1 if text == "{" else -1
            start = None
        elif text == ";":
            if start is not None and depth and droppable(tokens[start:i]):
                first = tokens[start][2]
                yield first, offset - first, ""
            start = None
        elif text in ("else", "do"):
            start = None
        elif start is None:
            start = i


def droppable(statement):
    words = [t[1] for t in statement]
    if words[0] in CONTROL + ("case", "return", "goto", "typedef", "struct", "static"):
        return False
    if words[0] in ("break", "continue"):
        return True
    if statement[0][0] == "word" and len(statement) > 1 and statement[1][0] == "word":
        return False  # a declaration
    if len(words) > 2 and words[1] == "*" and statement[0][0] == "word":
        return False  # a declaration of a pointer
    return any(w in ("=", "+=", "-=", "*=", "/=", "|=", "&=", "++", "--") for w in words) or "(" in words


class Mutant:
    def __init__(self, path, text, offset, length, replacement):
        self.path, self.offset, self.length, self.replacement = path, offset, length, replacement
        self.name, self.original = os.path.basename(path), text
        self.line = text.count("\n", 0, offset) + 1
        self.last_line = self.line + text.count("\n", offset, offset + length)
        begin = text.rfind("\n", 0, offset) + 1
        self.indented = text[begin:offset]
        end = text.find("\n", offset + length)
        self.before = " ".join(text[begin:end].split())
        self.after = " ".join((text[begin:offset] + replacement + text[offset + length:end]).split())
        first = text.rfind("\n}", 0, offset) + 1  # of the function, with what is before it
        last = text.find("\n}", offset)
        function = text[first:offset] + "\0" + replacement + "\0" + text[offset + length:last]
        self.key = hashlib.sha256((self.name + "\0" + function).encode()).hexdigest()[:20]

    def text(self):
        return self.original[:self.offset] + self.replacement + self.original[self.offset + self.length:]

    def is_within(self, fragment):
        start = self.before.find(fragment)
        changed = len(" ".join((self.indented + "|").split())) - 1
        return start >= 0 and start <= changed < start + len(fragment)

    def room(self):
        return self.path.split(os.sep)[1]

    def rank(self, seed):
        """A random number that stays the same when other lines change, and when the file moves."""
        words = f"{seed}\0{self.name}\0{self.before}\0{self.after}"
        return hashlib.sha256(words.encode()).hexdigest()

    def __str__(self):
        return f"{self.path}:{self.line}: {self.before}  =>  {self.after}"


def all_mutants(pattern):
    """All but those within a fragment of a line that speed.tsv lists."""
    speed = [row[:2] for row in rows_of("mutants/speed.tsv", 3)]
    for mutant in every_mutant(pattern):
        if not any(name == mutant.name and mutant.is_within(fragment) for name, fragment in speed):
            yield mutant


def changed_since(commit):
    """{path: the lines that the sources have and the commit has not}."""
    changed, path = {}, None
    for line in run(["git", "diff", "-U0", "-M", "--no-color", "--no-ext-diff", commit, "--", "libtensor"],
                    cwd=ROOT).splitlines():
        hunk = re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line)
        if line.startswith("+++ "):
            path = line[len("+++ b/"):]
        elif hunk:
            start, count = int(hunk[1]), int(hunk[2] or 1)
            changed.setdefault(path, set()).update(range(start, start + count))
    return changed


def rows_of(name, columns):
    path = os.path.join(ROOT, "tests", name)
    rows = [line.rstrip("\n").split("\t") for line in open(path)] if os.path.exists(path) else []
    return [row for row in rows if len(row) == columns]


def every_mutant(pattern):
    for room in sorted(set(os.listdir(os.path.join(ROOT, "libtensor"))) - OTHERS):
        folder = os.path.join(ROOT, "libtensor", room)
        for where, _, names in sorted(os.walk(folder)):
            for name in sorted(n for n in names if n.endswith(".c")):
                path = os.path.relpath(os.path.join(where, name), ROOT)
                if not fnmatch.fnmatch(path, pattern):
                    continue
                text = open(os.path.join(ROOT, path)).read()
                tokens = tokens_of(text)
                for place in sorted(set(of_tokens(text, tokens)) | set(of_statements(tokens))):
                    yield Mutant(path, text, *place)


def tests_named(path):
    """Patterns of the tests of a file: those with its name, and those that tests/tested.tsv lists for it or
    its folder."""
    stem, place = os.path.basename(path)[:-2], os.path.relpath(path, "libtensor")
    listed = [test for of, tests, _ in rows_of("tested.tsv", 3) for test in tests.split()
              if place == of or place.startswith(of + os.sep)]
    return [stem, stem + "_*"] + listed


# ---- building --------------------------------------------------------------------------------------

def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{command}\n{done.stdout}{done.stderr}")
    return done.stdout


def copy_newer(source, target):
    """Copies what has changed; what is gone from the source goes from the target."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
        names = [n for n in os.listdir(source) if n != "mnist"]
        for name in names:
            copy_newer(os.path.join(source, name), os.path.join(target, name))
        for name in set(os.listdir(target)) - set(names):
            path = os.path.join(target, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    elif not os.path.exists(target) or not filecmp.cmp(source, target, shallow=False):
        shutil.copy(source, target)


class Build:
    """A copy of the tree whose tests are linked with two shared libraries that show every name: an
    empty one, in whose place a mutant comes, and the whole, where all else is found."""

    def __init__(self, folder, flags, options):
        jobs = options.jobs
        self.tree = folder
        self.flags = flags
        self.patterns, self.isa = options.tests.split(","), options.isa
        os.makedirs(os.path.join(folder, "out"), exist_ok=True)
        for name in ("libtensor", "tests", "examples", "Makefile"):
            copy_newer(os.path.join(ROOT, name), os.path.join(folder, name))
        self.read_commands()
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(self.compile, self.compiles))
        self.link(os.path.join(folder, "out", "libwhole.so"), self.objects + self.libraries)
        self.link(os.path.join(folder, "out", "libtensor.so"), [])
        with open(os.path.join(folder, "out", "stop.c"), "w") as file:
            file.write(STOP)
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(self.link_test, self.tests.items()))

    def read_commands(self):
        """What make would run, without optimisation for speed of the library."""
        printed = run(["make", "-nB", "V=1", "BUILD=out", "CFLAGS=-O1 -w -fvisibility=default", "lib",
                       "tests"], cwd=self.tree).replace("\\\n", " ")
        lines = [line.replace(" -O3 ", f" {QUICK} ") for line in printed.splitlines()]
        self.compiles, self.tests = [], {}
        for line in lines:
            words = shlex.split(line)
            if "-c" in words and "-o" in words:
                self.compiles.append((words[words.index("-c") + 1], words[words.index("-o") + 1], words))
            elif "-o" in words and "-shared" not in words and EXAMPLES.search(line) is None:
                name = os.path.basename(words[words.index("-o") + 1])
                if name.startswith("test_") and any(fnmatch.fnmatch(name[5:], p) for p in self.patterns):
                    self.tests[name] = words
            elif "-shared" in words:
                self.shared = words
        self.objects = [w for w in self.shared if w.endswith(".o")]
        self.libraries = [w for w in self.shared if w.startswith(("-l", "-L")) and w != "-L"]
        needed = set(self.objects).union(*self.tests.values())
        self.compiles = [job for job in self.compiles if job[1] in needed]

    def compile(self, job):
        source, target, words = job
        path = os.path.join(self.tree, target)
        if os.path.exists(path) and os.path.getmtime(path) > self.newest(source, path):
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        run(words + (self.flags if self.flags == SANITIZE or self.is_tried(job) else []), cwd=self.tree)

    def is_tried(self, job):
        """Of the library, and not a kernel for another instruction set."""
        return job[0].startswith("libtensor") and job in self.objects_of(job[0])

    def newest(self, source, path):
        """The time of the newest file that the object at `path` is made of."""
        words = open(path[:-2] + ".d").read().replace("\\\n", " ").split("\n")[0].split()[1:]
        paths = [os.path.join(self.tree, w) for w in words + [source]]
        return max(os.path.getmtime(p) if os.path.exists(p) else float("inf") for p in paths)

    def link(self, target, words):
        run(["cc", "-shared", "-fopenmp", "-Wl,-soname," + os.path.basename(target), "-o", target]
            + self.flags + words, cwd=self.tree)

    def link_test(self, test):
        name, words = test
        made = os.path.join(self.tree, words[words.index("-o") + 1])
        objects = [os.path.join(self.tree, w) for w in words if w.endswith(".o")]
        if os.path.exists(made) and all(os.path.getmtime(o) < os.path.getmtime(made) for o in objects):
            return
        words = ["-Lout" if w == "out/libtensor.a" else w for w in words]
        at = words.index("-Lout")
        os.makedirs(os.path.join(self.tree, "out", "tests"), exist_ok=True)
        stop = [] if "--coverage" in self.flags else ["out/stop.c", "-Wl,--wrap=_ck_assert_failed"]
        libraries = ["-Wl,--no-as-needed", "-Lout", "-ltensor", "-lwhole"]
        try:
            run(words[:at] + self.flags + stop + libraries + words[at + 1:], cwd=self.tree)
        except SystemExit as problem:  # a test that needs more than the library
            print(f"left out: {name}: {str(problem).splitlines()[-1]}", file=sys.stderr)
            self.tests[name] = None

    def objects_of(self, source):
        jobs = [j for j in self.compiles if j[0] == source]
        chosen = [j for j in jobs if f".{self.isa}." in j[1]]
        return chosen or jobs

    def compile_as(self, text, job, folder, flags):
        """The bytes of the object of `text` in place of the job's source, or None if it does not compile."""
        source, target, words = job
        copy, made = (os.path.join(folder, os.path.basename(p)) for p in (source, target))
        with open(copy, "w") as file:
            file.write(text)
        words = [copy if w == source else made if w == target else w for w in words]
        words = [w for w in words if w not in ("ccache", "-MMD", "-MP")]
        words += ["-I" + os.path.dirname(source)] + flags
        if subprocess.run(words, cwd=self.tree, capture_output=True).returncode:
            return None
        with open(made, "rb") as file:
            return file.read()


class Once:
    """What is made when it is first called for, by whichever thread."""

    def __init__(self, make):
        self.make, self.lock, self.value = make, threading.Lock(), None

    def __call__(self):
        with self.lock:
            self.value = self.value or self.make()
        return self.value


def limit(memory, seconds):
    """Of a test, in the process that becomes it: the timer counts the processor time of all its threads."""
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (memory, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_PROF, seconds)


def run_test(build, name, library, folder, seconds, isa=None):
    """The processor time of the test, which may take `seconds` of it, or None if it does not pass."""
    env = dict(os.environ, LD_LIBRARY_PATH=f"{library}:out", CK_FORK="no", OMP_NUM_THREADS="2",
               TN_ISA=isa or build.isa, OMP_WAIT_POLICY="passive", OPENBLAS_NUM_THREADS="1", TMPDIR=folder)
    memory = resource.RLIM_INFINITY if build.flags == SANITIZE else MEMORY
    process = subprocess.Popen([os.path.join("out", "tests", name)], cwd=build.tree, env=env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, preexec_fn=lambda: limit(memory, seconds))
    RUNNING.add(process.pid)
    ends = wait_for(process.pid, LATE + 10 * seconds)
    kill(process.pid)
    RUNNING.discard(process.pid)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    return used.ru_utime + used.ru_stime if ends and status == 0 else None


RUNNING = set()  # tests


def kill(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end(*_):
    """Ends the program with its tests, which are in groups of their own."""
    for test in list(RUNNING):
        kill(test)
    os._exit(1)


def wait_for(pid, seconds):
    """False if the process takes longer, or does nothing for a while, nor do its children; on a machine
    that is busy with other work, a process that is ready to run counts as one that does something."""
    descriptor, quiet, before, end = os.pidfd_open(pid), 0, None, time.monotonic() + seconds
    try:
        while quiet < QUIET and time.monotonic() < end:
            if select.select([descriptor], [], [], 1)[0]:
                return True
            now, ready = activity(pid)
            quiet = 0 if ready or now != before else quiet + 1
            before = now
        return False
    finally:
        os.close(descriptor)


def activity(pid):
    """The processor time of a process and its children, and whether a thread of them is ready to run."""
    total, ready = [], False
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            total.append((thread, fields[11], fields[12]))
            ready = ready or fields[0] in "RD"
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                for child in file.read().split():
                    below = activity(child)
                    total += below[0]
                    ready = ready or below[1]
    except OSError:
        ready = True  # it has just ended
    return total, ready


# ---- which tests pass which lines ------------------------------------------------------------------

def gcov(build, sources):
    """{source: {line: passed}} of the run whose counts lie in the tree, which it clears."""
    data = [os.path.join(w, n) for w, _, ns in os.walk(os.path.join(build.tree, "out"))
            for n in ns if n.endswith(".gcda")]
    objects = {target[:-2] for source, target, _ in build.compiles if source in sources}
    names = [os.path.relpath(path, build.tree) for path in data]
    names = [name for name in names if name[:-5] in objects]
    found = {}
    printed = run(["gcov", "--json-format", "--stdout"] + names, cwd=build.tree) if names else ""
    for report in printed.splitlines():
        for file in json.loads(report)["files"] if report.strip() else []:
            lines = found.setdefault(file["file"], {})
            for line in file["lines"]:
                lines[line["line_number"]] = lines.get(line["line_number"], False) or line["count"] > 0
    for path in data:
        os.unlink(path)
    return found


def lines_passed(build, sources, folder):
    """{test: {source: lines that it passes}}; and under "", the lines that have code."""
    passed = {"": {}}
    library = os.path.join(build.tree, "out")
    gcov(build, ())
    for name in sorted(t for t, words in build.tests.items() if words):
        def measure():
            run_test(build, name, library, library, 600)
            return {f: sorted(lines.items()) for f, lines in gcov(build, sources).items()}
        key = contents(f"tests/unit/{name}.c", words=[build.isa] + sources)
        found = cached(os.path.join(folder, f"lines-{name}-{key}.json.gz"), measure)
        passed[name] = {f: [n for n, passes in lines if passes] for f, lines in found.items()}
        for file, lines in found.items():
            passed[""][file] = sorted(set(passed[""].get(file, ())) | {n for n, _ in lines})
    return passed


def cached(path, make):
    if os.path.exists(path):
        with gzip.open(path, "rt") as file:
            return json.load(file)
    value = make()
    keep(path, gzip.compress(json.dumps(value).encode()))
    return value


def keep(path, contents):
    """As a whole or not at all, also when the program is ended meanwhile."""
    with open(path + ".new", "wb") as file:
        file.write(contents)
    os.replace(path + ".new", path)


def contents(test, words):
    """A hash of the library and a test."""
    digest = hashlib.sha256(" ".join(words).encode())
    for path in (os.path.join(ROOT, p) for p in ("libtensor", "tests/common", test)):
        names = [path] if os.path.isfile(path) else sorted(
            os.path.join(w, n) for w, _, ns in os.walk(path) for n in ns if n.endswith((".c", ".h")))
        for name in names:
            with open(name, "rb") as file:
                digest.update(file.read())
    return digest.hexdigest()[:16]


# ---- running ---------------------------------------------------------------------------------------

class Experience:
    """Which tests killed mutants of which files."""

    def __init__(self):
        self.runs, self.kills = {}, {}

    def add(self, mutant, test, is_killer):
        at = mutant.name, test
        self.runs[at] = self.runs.get(at, 0) + 1
        self.kills[at] = self.kills.get(at, 0) + is_killer

    def chance(self, mutant, test):
        """Of a kill: what was seen, and before anything is seen, what the names say."""
        stem = mutant.name[:-2]
        guess = 0.5 if test == "test_" + stem else 0.15 if stem in test else 0.05
        at = mutant.name, test
        return (self.kills.get(at, 0) + 2 * guess) / (self.runs.get(at, 0) + 2)


class Trial:
    """Runs a mutant. `hunter` makes the build with the address sanitizer, and `lines` finds the lines that
    each test passes, when they are first needed."""

    def __init__(self, build, hunter, lines, seconds, folder, options):
        self.build, self.hunter, self.lines, self.seconds, self.folder = build, hunter, lines, seconds, folder
        self.first, self.most = 0 if options.quick else FIRST, options.most
        self.hunted = Once(lambda: Seconds(hunter(), folder))
        self.named = functools.lru_cache(None)(tests_named)
        self.experience, self.originals, self.local = Experience(), {}, threading.local()

    def worker_folder(self):
        if not hasattr(self.local, "folder"):
            self.local.folder = os.path.join(self.folder, f"worker-{threading.get_ident()}")
        shutil.rmtree(self.local.folder, ignore_errors=True)
        os.makedirs(self.local.folder)
        return self.local.folder

    def in_order(self, mutant, tests):
        tests = [t for t in tests if self.seconds(t) is not None]
        return sorted(tests, key=lambda t: -self.experience.chance(mutant, t) / (self.seconds(t) + 0.1))

    def tests_of_file(self, mutant):
        """Those named after the file, and those that tests/tested.tsv lists for it or its folder."""
        return self.in_order(mutant, [t for t, words in self.build.tests.items() if words and
                                      any(fnmatch.fnmatch(t[5:], p) for p in self.named(mutant.path))])

    def tests_of(self, mutant):
        """Those of the file, whose child processes gcov does not see if they end by _exit; and those that
        pass the line or, where a table or a formula has no code of its own, the file."""
        passed, own = self.lines(), self.tests_of_file(mutant)
        lines = set(range(mutant.line, mutant.last_line + 1)) & set(passed[""].get(mutant.path, ()))
        return self.in_order(mutant, [t for t, files in passed.items() if t and
                                      (t in own or (lines & set(files.get(mutant.path, ())) if lines
                                                    else files.get(mutant.path)))])

    def objects(self, build, mutant, jobs, flags, folder):
        """(of the original, of the mutant) for each job; None in place of one that does not compile."""
        for job in jobs:
            key = build.tree, job[1], tuple(flags)
            if key not in self.originals:
                made = build.compile_as(mutant.original, job, folder, flags)
                self.originals[key] = hashlib.sha256(made).digest()
            made = build.compile_as(mutant.text(), job, folder, flags)
            yield self.originals[key], made and hashlib.sha256(made).digest()

    def is_identical(self, mutant, folder):
        """Whether the compiler makes the same machine code of it, and thereby proves it to be the same program:
        for all instruction sets, and in a build that looks for faults, too."""
        jobs = [j for j in self.build.compiles if j[0] == mutant.path]
        ways = [["-O2"], ["-O2", "-DTN_DEBUG"]]
        return all(original == made for flags in ways
                   for original, made in self.objects(self.build, mutant, jobs, flags, folder))

    def link(self, build, mutant, folder):
        targets = [os.path.join(folder, os.path.basename(j[1])) for j in build.objects_of(mutant.path)]
        build.link(os.path.join(folder, "libtensor.so"), targets)

    def killer(self, build, mutant, tests, folder, patience):
        for test in tests:
            took = run_test(build, test, folder, folder, patience * self.seconds(test) + 0.5,
                            "baseline" if mutant.name in BASELINE else None)
            if build is self.build:
                self.experience.add(mutant, test, took is None)
            if took is None:
                return test
        return None

    def __call__(self, mutant):
        folder = self.worker_folder()
        objects = list(self.objects(self.build, mutant, self.build.objects_of(mutant.path), BOUNDS, folder))
        if any(made is None for _, made in objects):
            return mutant, "does not compile"
        if all(original == made for original, made in objects):
            return mutant, "identical" if self.is_identical(mutant, folder) else "survived"
        self.link(self.build, mutant, folder)
        tests = self.first_of(self.tests_of_file(mutant), self.first)
        test = self.killer(self.build, mutant, tests, folder, PATIENCE)
        if test:
            return mutant, f"killed by {test}"
        return mutant, "identical" if self.is_identical(mutant, folder) else OF_FILE

    def first_of(self, tests, most=FIRST):
        """As many as take `most` seconds, or all if it is 0."""
        ends = [sum(self.seconds(t) for t in tests[: i + 1]) for i in range(len(tests))]
        return [t for t, end in zip(tests, ends) if end <= most or not most] or tests[:1]

    def again(self, mutant, tests, left):
        """What becomes of it with these tests; `left`, if nothing does."""
        folder = self.worker_folder()
        list(self.objects(self.build, mutant, self.build.objects_of(mutant.path), BOUNDS, folder))
        self.link(self.build, mutant, folder)
        test = self.killer(self.build, mutant, tests, folder, PATIENCE)
        return mutant, f"killed by {test}" if test else left

    def widen(self, mutant):
        """Tries it with the first tests that pass its line."""
        tests = self.tests_of(mutant)
        return self.again(mutant, self.first_of(tests), FIRST_TESTS if tests else "not passed by any test")

    def finish(self, mutant):
        """Tries it with all tests, or as many as take the seconds that the options allow."""
        tests = self.tests_of(mutant)
        return self.again(mutant, self.first_of(tests, self.most), "survived")

    def hunt(self, mutant):
        """Tries it under the address sanitizer."""
        tests = self.tests_of(mutant)
        hunter, folder, seconds = self.hunter(), self.worker_folder(), self.hunted()
        quick = [t for t in tests if self.seconds(t) < 2 and seconds(t) is not None][:20]
        list(self.objects(hunter, mutant, hunter.objects_of(mutant.path), SANITIZE, folder))
        self.link(hunter, mutant, folder)
        test = self.killer(hunter, mutant, quick, folder, 30)
        return mutant, f"killed by {test} under the address sanitizer" if test else "survived"


class Seconds:
    """Of a processor that each test takes, measured when it is first asked for; None if it does not pass."""

    def __init__(self, build, folder):
        self.build, self.folder, self.known, self.lock = build, folder, {}, threading.Lock()

    def __call__(self, test):
        with self.lock:
            if test not in self.known:
                self.known[test] = self.measure(test)
        return self.known[test]

    def measure(self, test):
        def run_it():
            return run_test(self.build, test, os.path.join(self.build.tree, "out"), self.build.tree, 600)
        key = contents(f"tests/unit/{test}.c", words=[self.build.isa] + self.build.flags)
        took = cached(os.path.join(self.folder, f"time-{test}-{key}.json.gz"), run_it)
        if took is None:
            print(f"left out: {test} fails without a mutant", file=sys.stderr)
        return took


class Reasons:
    """Why survivors change nothing, by the name of the file, the line and what it becomes. Where a line
    has gone from its file, to another file, the reason goes with it."""

    def __init__(self):
        rows = rows_of("mutants/survivors.tsv", 4)
        self.here = {tuple(row[:3]): row[3] for row in rows}
        texts = {}
        for where, _, names in os.walk(os.path.join(ROOT, "libtensor")):
            for name in names:
                with open(os.path.join(where, name)) as file:
                    texts[name] = texts.get(name, "") + " ".join(file.read().split())
        self.moved = {tuple(row[1:3]): row[3] for row in rows if row[1] not in texts.get(row[0], "")}

    def of(self, mutant):
        line = mutant.before, mutant.after
        return self.here.get((mutant.name,) + line) or self.moved.get(line)

    def unused(self, mutants):
        """Rows of the file that are of no mutant any more."""
        lines = {(m.before, m.after) for m in mutants}
        places = {(m.name, m.before, m.after) for m in mutants}
        return [row for row in self.here if row not in places
                and not (row[1:] in self.moved and row[1:] in lines)]


OF_FILE, FIRST_TESTS = "survived the tests of its file", "survived the first tests"


def is_alive(how):
    return how in (OF_FILE, FIRST_TESTS, "survived", "not passed by any test")


def kind(how):
    """killed, identical, explained, survived, ..."""
    return "killed" if how.startswith("killed") else "left" if is_alive(how) else how


KINDS = ["killed", "explained", "left"]
UNTRIED = ["does not compile", "identical"]  # are no mutants


def report(results):
    print("---- survivors")
    for mutant, how in sorted(results, key=lambda r: (r[0].path, r[0].line)):
        if is_alive(how):
            print(f"{how}: {mutant}")
    print(f"{'':<12}{'drawn':>8}{'identical':>11}{'tried':>11}" + "".join(f"{k:>11}" for k in KINDS)
          + "   killed of those drawn, of those tried, of those without an explanation")
    rooms = sorted({m.room() for m, _ in results})
    for room in rooms + ["all"]:
        hows = [kind(how) for m, how in results if room in (m.room(), "all")]
        counts = {k: hows.count(k) for k in KINDS}
        tried, identical = sum(counts.values()), hows.count("identical")
        shares = [100 * counts["killed"] / max(n, 1) for n in (tried + identical, tried, tried - counts["explained"])]
        print(f"{room:<12}{tried + identical:>8}{identical:>11}{tried:>11}"
              + "".join(f"{counts[k]:>11}" for k in KINDS) + "   " + ", ".join(f"{s:.1f} %" for s in shares))


def options_of_program():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="mutants to try (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--files", default="*", help="a pattern of paths, libtensor/io/* for instance")
    parser.add_argument("--tests", default="*", help="patterns of tests, npy,npz,zip for instance")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at a time")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="where to build")
    parser.add_argument("--isa", default="v4", help="the kernels that are tried (v4)")
    parser.add_argument("--quick", action="store_true", help="the tests of its file alone for each")
    parser.add_argument("--most", type=float, default=0, help="seconds of all tests for each, 0: no limit (0)")
    parser.add_argument("--again", action="store_true", help="try those with a reason, too")
    parser.add_argument("--list", action="store_true", help="list the sample and end")
    parser.add_argument("--since", help="of the lines that the commit has not, by the tests of their files\n"
                        "alone; fails if these kill less than half of them")
    parser.add_argument("--within", type=float, default=0, help="seconds, after which no other is begun (0: no limit)")
    return parser.parse_args()


def main():
    options = options_of_program()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    mutants = list(all_mutants(options.files))
    print(f"{len(mutants)} mutants in all", file=sys.stderr)
    if options.since:
        changed = changed_since(options.since)
        mutants = [m for m in mutants if not changed.get(m.path, set()).isdisjoint(range(m.line, m.last_line + 1))]
        print(f"{len(mutants)} of them in lines that {options.since} has not", file=sys.stderr)
        options.quick, options.tests = True, ",".join(
            sorted({p for path in {m.path for m in mutants} for p in tests_named(path)}))
    mutants.sort(key=lambda m: m.rank(options.seed))
    if options.list:
        print("\n".join(map(str, mutants[: options.count])))
        return
    if not mutants:
        return
    reasons = Reasons()
    for row in reasons.unused(mutants) if options.files == "*" and not options.since else []:
        print("a reason without a mutant:", *row, sep="\t", file=sys.stderr)
    folder = os.path.abspath(os.path.join(options.build, "source-mutants"))
    os.makedirs(folder, exist_ok=True)
    build = Build(os.path.join(folder, "plain"), [], options)
    sources = sorted({m.path for m in mutants})
    lines = Once(lambda: lines_passed(Build(os.path.join(folder, "cover"), ["--coverage"], options),
                                      sources, folder))
    hunter = Once(lambda: Build(os.path.join(folder, "asan"), SANITIZE, options))
    trial = Trial(build, hunter, lines, Seconds(build, folder), folder, options)
    sample = Sample(folder, options, reasons)
    sample.run(mutants, trial)
    if not options.quick:
        sample.again(OF_FILE, trial.widen)
        sample.again(FIRST_TESTS, trial.finish)
        sample.again("survived", trial.hunt)
    report(list(sample.results.values()))
    if options.since and sample.is_poor():
        sys.exit("the tests of the files kill less than half of the mutants of what has changed")


class Sample:
    """The mutants that are tried, and what became of them, which is kept."""

    def __init__(self, folder, options, reasons):
        self.path, self.options, self.reasons = os.path.join(folder, "results.json"), options, reasons
        self.kept = json.load(open(self.path)) if os.path.exists(self.path) else {}
        self.results, self.start, self.tried = {}, (time.monotonic(), sum(os.times()[:4])), 0
        self.tests = contents("tests/unit", words=[options.tests])

    def recall(self, mutant):
        """What is known of a mutant from before."""
        if self.reasons.of(mutant) and not self.options.again:
            return "explained"
        how, tests = self.kept.get(mutant.key, (None, None))
        return how if how and (tests == self.tests or not is_alive(how)) else None

    def add(self, mutant, how):
        self.kept[mutant.key] = how, self.tests
        keep(self.path, json.dumps(self.kept).encode())
        reason = self.reasons.of(mutant)
        self.results[mutant.key] = mutant, "explained" if reason and is_alive(how) else how
        if is_alive(how):
            print(f"{how}: {mutant}" + (f"  [{reason}]" if reason else ""), flush=True)
        elif reason:
            print(f"{how}, though it has a reason: {mutant}", flush=True)
        self.tried += 1
        if sys.stderr.isatty() or self.tried % 20 == 0:
            self.tell()

    def tell(self):
        hows = [kind(how) for _, how in self.results.values()]
        seconds, used = time.monotonic() - self.start[0], sum(os.times()[:4]) - self.start[1]
        print(f"{self.valid()} of {self.options.count}: " + ", ".join(f"{hows.count(k)} {k}" for k in KINDS)
              + f"; {self.tried} tried now, {seconds / self.tried:.2f} s and {used / self.tried:.2f} s of a "
              "processor each", file=sys.stderr)

    def is_poor(self):
        """Whether less than half are killed of those without an explanation, which are more than a few."""
        hows = [kind(how) for _, how in self.results.values()]
        killed, left = hows.count("killed"), hows.count("left")
        return killed < left and killed + left >= FEW

    def is_late(self):
        return 0 < self.options.within < time.monotonic() - BEGIN

    def valid(self):
        return sum(how not in UNTRIED for _, how in self.results.values())

    def run(self, mutants, trial):
        """Tries mutants until there are as many as are wanted that make another program."""
        jobs, count = self.options.jobs, self.options.count
        todo, pending = iter(mutants), set()
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            while True:
                while len(pending) < 2 * jobs and self.valid() + len(pending) < count and not self.is_late():
                    mutant = next(todo, None)
                    if mutant is None:
                        break
                    how = self.recall(mutant)
                    if how:
                        self.results[mutant.key] = mutant, how
                        if how.startswith("killed"):
                            trial.experience.add(mutant, how.split()[2], True)
                    else:
                        pending.add(pool.submit(trial, mutant))
                if not pending:
                    return
                done, pending = concurrent.futures.wait(
                    pending, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    self.add(*future.result())

    def again(self, state, trial):
        """Those that are in this state, and have no reason."""
        alive = [m for m, how in self.results.values() if how == state]
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for mutant, how in pool.map(trial, alive):
                self.add(mutant, how)


if __name__ == "__main__":
    main()
