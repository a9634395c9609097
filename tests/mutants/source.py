#!/usr/bin/env python3
"""Mutants of the library's sources: constants off by one, comparisons and signs turned, statements dropped.

    source.py [--count N] [--seed S] [--files PATTERN] [--jobs N] [--build DIR] [--list]

Draws a sample of all mutants of the rooms below, compiles each one into a shared library of its own, and
runs the unit tests that pass its line (gcov tells which), the one named after the file first; those that
no test turns red are tried again under the address sanitizer. What is left is a survivor: they are
listed, beside the reasons that survivors.tsv gives for those that change nothing. Results of mutants that
were killed are kept, so that a second run after a change of the tests takes the survivors alone.
"""
import argparse
import concurrent.futures
import fnmatch
import gzip
import hashlib
import json
import os
import random
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
ROOMS = ["core", "kernels", "ops", "io"]
EXAMPLES = re.compile(r"test_(digits|faces|alexnet|photo)")  # tests of the examples
SANITIZE = ["-fsanitize=address", "-DTN_DEBUG"]
MEMORY = 12 << 30  # of a test, in bytes

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
        self.key = hashlib.sha256((path + "\0" + self.text).encode()).hexdigest()[:20]

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
    elif not os.path.exists(target) or os.path.getmtime(target) != os.path.getmtime(source):
        shutil.copy2(source, target)


class Build:
    """A copy of the tree whose tests are linked with a shared library that shows every name."""

    def __init__(self, folder, flags, jobs):
        self.tree = folder
        self.flags = flags
        os.makedirs(os.path.join(folder, "out"), exist_ok=True)
        for name in ("libtensor", "tests", "examples", "Makefile"):
            copy_newer(os.path.join(ROOT, name), os.path.join(folder, name))
        self.read_commands()
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(self.compile, self.compiles))
        self.link(os.path.join(folder, "out", "libtensor.so"), {})
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
                target = words[words.index("-o") + 1]
                if os.path.basename(target).startswith("test_"):
                    self.tests[os.path.basename(target)] = words
            elif "-shared" in words:
                self.shared = words
        self.objects = [w for w in self.shared if w.endswith(".o")]
        self.libraries = [w for w in self.shared if w.startswith(("-l", "-L")) and w != "-L"]

    def compile(self, job):
        source, target, words = job
        if "/examples/" in target:
            return
        path = os.path.join(self.tree, target)
        if os.path.exists(path) and os.path.getmtime(path) > self.newest(source):
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        run(words + (self.flags if source.startswith("libtensor") or self.flags == SANITIZE else []),
            cwd=self.tree)

    def newest(self, source):
        headers = [os.path.join(w, n) for w, _, ns in os.walk(os.path.join(self.tree, "libtensor"))
                   for n in ns if n.endswith(".h")]
        return max(os.path.getmtime(p) for p in headers + [os.path.join(self.tree, source)])

    def link(self, target, instead):
        objects = [instead.get(o, o) for o in self.objects]
        run(["cc", "-shared", "-fopenmp", "-Wl,-soname,libtensor.so", "-o", target] + self.flags
            + objects + self.libraries, cwd=self.tree)

    def link_test(self, test):
        name, words = test
        words = ["-Lout" if w == "out/libtensor.a" else w for w in words]
        at = words.index("-Lout")
        os.makedirs(os.path.join(self.tree, "out", "tests"), exist_ok=True)
        try:
            run(words[:at] + self.flags + ["-Wl,--no-as-needed", "-Lout", "-ltensor"] + words[at + 1:], cwd=self.tree)
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
    env = dict(os.environ, LD_LIBRARY_PATH=library, CK_FORK="no", OMP_NUM_THREADS="2", TN_ISA=isa,
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

def gcov(build):
    """{source: {line: passed}} of the run whose counts lie in the tree, which it clears."""
    data = [os.path.join(w, n) for w, _, ns in os.walk(os.path.join(build.tree, "out"))
            for n in ns if n.endswith(".gcda")]
    names = [os.path.relpath(path, build.tree) for path in data]
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


def lines_passed(build, isa):
    """{test: {source: lines that it passes}}; and under "", the lines that have code."""
    passed = {"": {}}
    library = os.path.join(build.tree, "out")
    for name in build.tests:
        run_test(build, name, library, library, isa, 600)
        found = gcov(build)
        passed[name] = {f: sorted(n for n in lines if lines[n]) for f, lines in found.items()}
        for file, lines in found.items():
            passed[""][file] = sorted(set(passed[""].get(file, ())) | set(lines))
    return passed


def cached(path, make):
    if os.path.exists(path):
        with gzip.open(path, "rt") as file:
            return json.load(file)
    value = make()
    with gzip.open(path, "wt") as file:
        json.dump(value, file)
    return value


def tree_hash():
    digest = hashlib.sha256()
    for folder in ("libtensor", "tests"):
        for where, _, names in sorted(os.walk(os.path.join(ROOT, folder))):
            for name in sorted(n for n in names if n.endswith((".c", ".h"))):
                digest.update(open(os.path.join(where, name), "rb").read())
    return digest.hexdigest()[:16]


# ---- running ---------------------------------------------------------------------------------------

class Trial:
    """Runs a mutant. `hunter` is the build with the address sanitizer, made when it is first needed."""

    def __init__(self, build, hunter, covers, seconds, isa, folder):
        self.build, self.hunter, self.seconds, self.isa, self.folder = build, hunter, seconds, isa, folder
        self.lines = {t: {f: set(ls) for f, ls in files.items()} for t, files in covers.items()}
        self.known = self.lines.pop("")
        self.local = threading.local()

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
        instead = {}
        for source, target, words in build.objects_of(mutant.path, self.isa):
            copy = os.path.join(folder, os.path.basename(source))
            with open(copy, "w") as file:
                file.write(mutant.text)
            object_file = os.path.join(folder, os.path.basename(target))
            words = [copy if w == source else object_file if w == target else w for w in words]
            words = [w for w in words if w not in ("-MMD", "-MP")] + ["-I" + os.path.dirname(source)]
            if subprocess.run(words + build.flags, cwd=build.tree, capture_output=True).returncode:
                return False
            instead[target] = object_file
        build.link(os.path.join(folder, "libtensor.so"), instead)
        return True

    def killer(self, build, mutant, tests, folder, patience):
        for test in tests:
            if not run_test(build, test, folder, folder, self.isa, patience * self.seconds[test] + 3):
                return test
        return None

    def __call__(self, mutant):
        if not hasattr(self.local, "folder"):
            self.local.folder = os.path.join(self.folder, f"worker-{threading.get_ident()}")
        folder = self.local.folder
        tests = self.tests_of(mutant)
        if not tests:
            return mutant, "not passed by any test"
        if not self.compile(self.build, mutant, folder):
            return mutant, "does not compile"
        test = self.killer(self.build, mutant, tests, folder, 4)
        if test:
            return mutant, "killed by " + test
        hunter = self.hunter()
        quick = [t for t in tests if self.seconds[t] < 2][:20] or tests[:3]
        self.compile(hunter, mutant, folder)
        test = self.killer(hunter, mutant, quick, folder, 30)
        return mutant, f"killed by {test} under the address sanitizer" if test else "survived"


def time_tests(build, isa):
    seconds = {}
    for name in sorted(t for t, words in build.tests.items() if words):
        start = time.monotonic()
        if run_test(build, name, os.path.join(build.tree, "out"), build.tree, isa, 600):
            seconds[name] = time.monotonic() - start
        else:
            print(f"left out: {name} fails without a mutant", file=sys.stderr)
    return seconds


def reasons():
    """{(path, before, after): reason} of survivors that are looked at."""
    path = os.path.join(ROOT, "tests", "mutants", "survivors.tsv")
    rows = [line.rstrip("\n").split("\t") for line in open(path)] if os.path.exists(path) else []
    return {tuple(row[:3]): row[3] for row in rows if len(row) == 4}


def report(results, known):
    survivors = [(m, how) for m, how in results if how in ("survived", "not passed by any test")]
    explained = [m for m, _ in survivors if (m.path, m.before, m.after) in known]
    for mutant, how in sorted(survivors, key=lambda r: (r[0].path, r[0].line)):
        reason = known.get((mutant.path, mutant.before, mutant.after))
        print(f"{how}: {mutant}" + (f"  [{reason}]" if reason else ""))
    tried = sum(how != "does not compile" for _, how in results)
    killed = tried - len(survivors)
    print(f"{tried} mutants of sources, {killed} killed ({100 * killed / max(tried, 1):.1f} %), "
          f"{len(survivors)} survived, {len(explained)} of them explained in survivors.tsv")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="mutants to try (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--files", default="*", help="a pattern of paths, libtensor/io/* for instance")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at a time")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="where to build")
    parser.add_argument("--isa", default="v4", help="the kernels that are tried (v4)")
    parser.add_argument("--list", action="store_true", help="list the sample and end")
    options = parser.parse_args()

    mutants = list(all_mutants(options.files))
    print(f"{len(mutants)} mutants in all", file=sys.stderr)
    random.Random(options.seed).shuffle(mutants)
    if options.list:
        print("\n".join(map(str, mutants[: options.count])))
        return
    folder = os.path.abspath(os.path.join(options.build, "source-mutants"))
    flags = ["-O0", "--coverage"]
    cover = cached_cover(folder, flags, options)
    build = Build(os.path.join(folder, "plain"), [], options.jobs)
    seconds = time_tests(build, options.isa)
    hunter = Once(lambda: Build(os.path.join(folder, "asan"), SANITIZE, options.jobs))
    run_sample(mutants, Trial(build, hunter, cover, seconds, options.isa, folder), options, folder)


def cached_cover(folder, flags, options):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"lines-{tree_hash()}-{options.isa}.json.gz")
    return cached(path, lambda: lines_passed(
        Build(os.path.join(folder, "cover"), flags, options.jobs), options.isa))


def run_sample(mutants, trial, options, folder):
    kept = os.path.join(folder, "killed.json")
    killed = json.load(open(kept)) if os.path.exists(kept) else {}
    results, start = [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        todo = (m for m in mutants)
        pending = set()
        while True:
            valid = sum(how != "does not compile" for _, how in results)
            while len(pending) < 2 * options.jobs and valid + len(pending) < options.count:
                mutant = next(todo, None)
                if mutant is None:
                    break
                if mutant.key in killed:
                    results.append((mutant, killed[mutant.key]))
                    valid += killed[mutant.key] != "does not compile"
                else:
                    pending.add(pool.submit(trial, mutant))
            if not pending:
                break
            done, pending = concurrent.futures.wait(
                pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                mutant, how = future.result()
                results.append((mutant, how))
                if how.startswith("killed") or how == "does not compile":
                    killed[mutant.key] = how
            json.dump(killed, open(kept, "w"))
            if sys.stderr.isatty() or len(results) % 50 == 0:
                alive = sum(h in ("survived", "not passed by any test") for _, h in results)
                print(f"{len(results)} tried, {alive} alive, {time.monotonic() - start:.0f} s",
                      file=sys.stderr)
    report(results, reasons())


main()
