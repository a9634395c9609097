#!/usr/bin/env python3
"""Mutants of the library's sources: constants off by one, comparisons and signs turned, statements dropped.

    source.py [--count N] [--seed S] [--files PATTERN] [--tests PATTERNS] [--jobs N] [--build DIR] [--list]

Draws a sample of all mutants of the rooms below, compiles each one into a shared library of its own, and
runs the unit tests that pass its line (gcov tells which), the one named after the file first; at the
end, those that no test turned red are tried again under the address sanitizer. What is left is a survivor: they are
listed, beside the reasons that survivors.tsv gives for those that change nothing. Results of mutants that
were killed are kept until their function changes, so that a second run after a change of the tests takes
the survivors alone; and a sample stays the same, but for the lines that change.
"""
import argparse
import concurrent.futures
import filecmp
import fnmatch
import gzip
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROOMS = ["base", "kernels", "tensor", "autograd", "inspect", "ops", "dict", "io", "state", "context"]
EXAMPLES = re.compile(r"test_(digits|faces|alexnet|photo)")  # tests of the examples
SANITIZE = ["-fsanitize=address", "-DTN_DEBUG", "-DTN_EXACT_BLOCKS"]
MEMORY = 12 << 30  # of a test, in bytes

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


def is_length(tokens, i):
    """Of the array in a declaration: one that is longer changes nothing."""
    around = [tokens[j] if 0 <= j < len(tokens) else ("op", ";", 0) for j in (i - 3, i - 2, i - 1, i + 1)]
    before, name, opening, closing = around
    declares = (before[0] == "word" and before[1] not in KEYWORDS) or before[1] in ("*", ",")
    return name[0] == "word" and declares and opening[1] == "[" and closing[1] == "]"


def of_tokens(source, tokens):
    """Mutants (offset, length, replacement) of single tokens."""
    for i, (kind, text, offset) in enumerate(tokens):
        previous = tokens[i - 1] if i else ("op", ";", 0)
        if kind == "number":
            for other in of_number(text)[1 if is_length(tokens, i) else 0:]:
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
        self.line = text.count("\n", 0, offset) + 1
        self.last_line = self.line + text.count("\n", offset, offset + length)
        begin = text.rfind("\n", 0, offset) + 1
        end = text.find("\n", offset + length)
        self.before = " ".join(text[begin:end].split())
        self.after = " ".join((text[begin:offset] + replacement + text[offset + length:end]).split())
        self.text = text[:offset] + replacement + text[offset + length:]
        first = text.rfind("\n}", 0, offset) + 1  # of the function, with what is before it
        last = text.find("\n}", offset)
        function = text[first:offset] + "\0" + replacement + "\0" + text[offset + length:last]
        self.key = hashlib.sha256((path + "\0" + function).encode()).hexdigest()[:20]

    def rank(self, seed):
        """A random number that stays the same when other lines change."""
        words = f"{seed}\0{self.path}\0{self.before}\0{self.after}"
        return hashlib.sha256(words.encode()).hexdigest()

    def __str__(self):
        return f"{self.path}:{self.line}: {self.before}  =>  {self.after}"


def all_mutants(pattern):
    for room in ROOMS:
        folder = os.path.join(ROOT, "libtensor", room)
        if not os.path.isdir(folder):
            continue
        for where, _, names in sorted(os.walk(folder)):
            for name in sorted(n for n in names if n.endswith(".c")):
                path = os.path.relpath(os.path.join(where, name), ROOT)
                if not fnmatch.fnmatch(path, pattern):
                    continue
                text = open(os.path.join(ROOT, path)).read()
                tokens = tokens_of(text)
                for place in sorted(set(of_tokens(text, tokens)) | set(of_statements(tokens))):
                    yield Mutant(path, text, *place)


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
        self.patterns = options.tests.split(",")
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
        lines = [line.replace(" -O3 ", " -O1 ") for line in printed.splitlines()]
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
        run(words + (self.flags if source.startswith("libtensor") or self.flags == SANITIZE else []),
            cwd=self.tree)

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

    def objects_of(self, source, isa):
        jobs = [j for j in self.compiles if j[0] == source]
        chosen = [j for j in jobs if f".{isa}." in j[1]]
        return chosen or jobs


class Once:
    """What is made when it is first called for, by whichever thread."""

    def __init__(self, make):
        self.make, self.lock, self.value = make, threading.Lock(), None

    def __call__(self):
        with self.lock:
            self.value = self.value or self.make()
        return self.value


def limit(memory):
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_test(build, name, library, folder, isa, seconds):
    """True if the test passes in that time."""
    env = dict(os.environ, LD_LIBRARY_PATH=f"{library}:out", CK_FORK="no", OMP_NUM_THREADS="2", TN_ISA=isa,
               OMP_WAIT_POLICY="passive", OPENBLAS_NUM_THREADS="1", TMPDIR=folder)
    memory = resource.RLIM_INFINITY if build.flags == SANITIZE else MEMORY
    process = subprocess.Popen([os.path.join("out", "tests", name)], cwd=build.tree, env=env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, preexec_fn=lambda: limit(memory))
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


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


def lines_passed(build, sources, isa, folder):
    """{test: {source: lines that it passes}}; and under "", the lines that have code."""
    passed = {"": {}}
    library = os.path.join(build.tree, "out")
    gcov(build, ())
    for name in build.tests:
        def measure():
            run_test(build, name, library, library, isa, 600)
            return {f: sorted(lines.items()) for f, lines in gcov(build, sources).items()}
        key = contents(f"tests/unit/{name}.c", words=[isa] + sources)
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
    with gzip.open(path, "wt") as file:
        json.dump(value, file)
    return value


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

class Trial:
    """Runs a mutant. `hunter` is the build with the address sanitizer, made when it is first needed."""

    def __init__(self, build, hunter, covers, seconds, isa, folder):
        self.build, self.hunter, self.seconds, self.isa, self.folder = build, hunter, seconds, isa, folder
        self.lines = {t: {f: set(ls) for f, ls in files.items()} for t, files in covers.items()}
        self.known = self.lines.pop("")
        self.local = threading.local()

    def worker_folder(self):
        if not hasattr(self.local, "folder"):
            self.local.folder = os.path.join(self.folder, f"worker-{threading.get_ident()}")
        return self.local.folder

    def tests_of(self, mutant):
        """Those that pass its line; where a table or a formula has no code of its own, its file."""
        stem = os.path.basename(mutant.path)[:-2]
        lines = set(range(mutant.line, mutant.last_line + 1)) & self.known.get(mutant.path, set())
        tests = [t for t, files in self.lines.items() if t in self.seconds
                 and (lines & files.get(mutant.path, set()) if lines else files.get(mutant.path))]
        return sorted(tests, key=lambda t: (t != "test_" + stem, stem not in t, self.seconds[t]))

    def compile(self, build, mutant, folder):
        """False if it does not compile; otherwise a shared library with the mutant in it."""
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        objects = []
        for source, target, words in build.objects_of(mutant.path, self.isa):
            copy = os.path.join(folder, os.path.basename(source))
            with open(copy, "w") as file:
                file.write(mutant.text)
            object_file = os.path.join(folder, os.path.basename(target))
            words = [copy if w == source else object_file if w == target else w for w in words]
            words = [w for w in words if w not in ("-MMD", "-MP")] + ["-I" + os.path.dirname(source)]
            words += [] if f".{self.isa}." in target else ["-O0"]
            if subprocess.run(words + build.flags, cwd=build.tree, capture_output=True).returncode:
                return False
            objects.append(object_file)
        build.link(os.path.join(folder, "libtensor.so"), objects)
        return True

    def killer(self, build, mutant, tests, folder, patience):
        for test in tests:
            if not run_test(build, test, folder, folder, self.isa, patience * self.seconds[test] + 3):
                return test
        return None

    def __call__(self, mutant):
        tests = self.tests_of(mutant)
        if not tests:
            return mutant, "not passed by any test"
        if not self.compile(self.build, mutant, self.worker_folder()):
            return mutant, "does not compile"
        test = self.killer(self.build, mutant, tests, self.worker_folder(), 4)
        return mutant, f"killed by {test}" if test else "survived"

    def hunt(self, mutant):
        """Tries it under the address sanitizer."""
        tests = self.tests_of(mutant)
        quick = [t for t in tests if self.seconds[t] < 2][:20] or tests[:3]
        self.compile(self.hunter(), mutant, self.worker_folder())
        test = self.killer(self.hunter(), mutant, quick, self.worker_folder(), 30)
        return mutant, f"killed by {test} under the address sanitizer" if test else "survived"


def time_tests(build, isa, folder):
    seconds = {}
    for name in sorted(t for t, words in build.tests.items() if words):
        def measure():
            start = time.monotonic()
            passes = run_test(build, name, os.path.join(build.tree, "out"), build.tree, isa, 600)
            return time.monotonic() - start if passes else None
        key = contents(f"tests/unit/{name}.c", words=[isa])
        took = cached(os.path.join(folder, f"time-{name}-{key}.json.gz"), measure)
        if took is None:
            print(f"left out: {name} fails without a mutant", file=sys.stderr)
        else:
            seconds[name] = took
    return seconds


def reasons():
    """{(path, before, after): reason} of survivors that are looked at."""
    path = os.path.join(ROOT, "tests", "mutants", "survivors.tsv")
    rows = [line.rstrip("\n").split("\t") for line in open(path)] if os.path.exists(path) else []
    return {tuple(row[:3]): row[3] for row in rows if len(row) == 4}


def is_alive(how):
    return how in ("survived", "not passed by any test")


def show(mutant, how, known):
    reason = known.get((mutant.path, mutant.before, mutant.after))
    print(f"{how}: {mutant}" + (f"  [{reason}]" if reason else ""), flush=True)


def report(results, known):
    survivors = [(m, how) for m, how in results if is_alive(how)]
    explained = [m for m, _ in survivors if (m.path, m.before, m.after) in known]
    print("---- survivors")
    for mutant, how in sorted(survivors, key=lambda r: (r[0].path, r[0].line)):
        show(mutant, how, known)
    tried = sum(how != "does not compile" for _, how in results)
    killed = tried - len(survivors)
    print(f"{tried} mutants of sources, {killed} killed ({100 * killed / max(tried, 1):.1f} %), "
          f"{len(survivors)} survived, {len(explained)} of them explained in survivors.tsv")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="mutants to try (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--files", default="*", help="a pattern of paths, libtensor/io/* for instance")
    parser.add_argument("--tests", default="*", help="patterns of tests, npy,npz,zip for instance")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at a time")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="where to build")
    parser.add_argument("--isa", default="v4", help="the kernels that are tried (v4)")
    parser.add_argument("--quick", action="store_true", help="without the address sanitizer")
    parser.add_argument("--list", action="store_true", help="list the sample and end")
    options = parser.parse_args()

    mutants = list(all_mutants(options.files))
    print(f"{len(mutants)} mutants in all", file=sys.stderr)
    mutants.sort(key=lambda m: m.rank(options.seed))
    if options.list:
        print("\n".join(map(str, mutants[: options.count])))
        return
    folder = os.path.abspath(os.path.join(options.build, "source-mutants"))
    os.makedirs(folder, exist_ok=True)
    cover = Build(os.path.join(folder, "cover"), ["-O0", "--coverage"], options)
    passed = lines_passed(cover, sorted({m.path for m in mutants}), options.isa, folder)
    build = Build(os.path.join(folder, "plain"), [], options)
    seconds = time_tests(build, options.isa, folder)
    hunter = Once(lambda: Build(os.path.join(folder, "asan"), SANITIZE, options))
    trial = Trial(build, hunter, passed, seconds, options.isa, folder)
    sample = Sample(folder, options.jobs, reasons())
    sample.run(mutants, trial, options.count)
    if not options.quick:
        sample.hunt(trial)
    report(list(sample.results.values()), sample.known)


class Sample:
    """The mutants that are tried, and what became of them; those that were killed are kept."""

    def __init__(self, folder, jobs, known):
        self.kept, self.jobs, self.known = os.path.join(folder, "killed.json"), jobs, known
        self.killed = json.load(open(self.kept)) if os.path.exists(self.kept) else {}
        self.results, self.start = {}, time.monotonic()

    def add(self, mutant, how):
        self.results[mutant.key] = mutant, how
        if is_alive(how):
            show(mutant, how, self.known)
        else:
            self.killed[mutant.key] = how
            with open(self.kept, "w") as file:
                json.dump(self.killed, file)
        if sys.stderr.isatty() or len(self.results) % 50 == 0:
            alive = sum(is_alive(h) for _, h in self.results.values())
            print(f"{len(self.results)} tried, {alive} alive, {time.monotonic() - self.start:.0f} s",
                  file=sys.stderr)

    def valid(self):
        return sum(how != "does not compile" for _, how in self.results.values())

    def run(self, mutants, trial, count):
        """Tries mutants until there are `count` that compile."""
        todo, pending = iter(mutants), set()
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            while True:
                while len(pending) < 2 * self.jobs and self.valid() + len(pending) < count:
                    mutant = next(todo, None)
                    if mutant is None:
                        break
                    if mutant.key in self.killed:
                        self.results[mutant.key] = mutant, self.killed[mutant.key]
                    else:
                        pending.add(pool.submit(trial, mutant))
                if not pending:
                    return
                done, pending = concurrent.futures.wait(
                    pending, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    self.add(*future.result())

    def hunt(self, trial):
        """Those that survived and have no reason."""
        alive = [m for m, how in self.results.values()
                 if how == "survived" and (m.path, m.before, m.after) not in self.known]
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for mutant, how in pool.map(trial.hunt, alive):
                self.add(mutant, how)


main()
