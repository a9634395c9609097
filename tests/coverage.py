"""What of libtensor/ the tests have run, from gcov: coverage.py BUILD [--places]

Prints a line for each file, then by function what no test has run and coverage.tsv gives no reason for,
and the rows of coverage.tsv that are of no place; fails if there are any of these, or if less than 99 %
of the lines or 95 % of the branches have run. --places prints every place that has not run, with its
reason, as rows of coverage.tsv instead. A kernel is compiled once for every type and instruction set, and
a header for every file: a line is covered if one of them has run it. Nothing is left out. tests/coverage.md
says how to read and check this."""

import collections
import fnmatch
import json
import os
import re
import subprocess
import sys

REASONS = os.path.join(os.path.dirname(__file__), "coverage.tsv")
NOT_RUN = "not run"
LEAST = {"lines": 99, "branches": 95}
Place = collections.namedtuple("Place", "file function text")


def reports(build):
    """What gcov says of each object of the library."""
    for folder, _, names in os.walk(os.path.join(build, "obj", "libtensor")):
        for name in names:
            if name.endswith(".gcno"):
                command = ["gcov", "--json-format", "--stdout", "--branch-probabilities", os.path.join(folder, name)]
                text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                for line in text.splitlines():
                    yield json.loads(line)


class Line:
    """How often a line has run, and each of its branches."""

    def __init__(self):
        self.count, self.branches = 0, collections.defaultdict(int)

    def add(self, seen):
        self.count += seen["count"]
        for i, branch in enumerate(seen["branches"]):
            self.branches[i] += branch["count"]

    def taken(self):
        return sum(count > 0 for count in self.branches.values())

    def missing(self):
        """What has not run, in words, or nothing."""
        if not self.count:
            return NOT_RUN
        never = [str(i + 1) for i, count in sorted(self.branches.items()) if not count]
        return f"branch {', '.join(never)} of {len(self.branches)}" if never else ""


def gather(build):
    """The lines of each file, by number."""
    files = collections.defaultdict(lambda: collections.defaultdict(Line))
    for report in reports(build):
        for file in report["files"]:
            name = os.path.relpath(file["file"])
            if name.startswith("libtensor/"):
                for seen in file["lines"]:
                    files[name[len("libtensor/"):]][seen["line_number"]].add(seen)
    return files


def statements(name):
    """For each line of a file, from 1: its place, with the text up to the end of the statement."""
    with open(os.path.join("libtensor", name)) as source:
        lines = source.read().split("\n")
    bare = [line.split("/*")[0].strip() for line in lines]
    found, function = [None], ""
    for i, text in enumerate(bare):
        begun = re.match(r"(?=[A-Za-z]).*?(?:KERNEL\()?(\w+)[()]", lines[i])
        function = begun.group(1) if begun else function
        for more in bare[i + 1:i + 6]:
            if text.endswith((";", "{", "}")):
                break
            text += " " + more
        found.append(Place(name, function, text))
    return found


def places_of(files):
    """(place, number of the line, what has not run, if anything) of all lines."""
    for name in sorted(files):
        places = statements(name)
        for number, line in sorted(files[name].items()):
            yield places[number], number, line.missing()


class Reasons:
    """The rows of coverage.tsv: patterns of the file and the function, and a part of the statement. A pattern
    with a * excuses no line that has not run, only branches. Rows that excuse nothing are left over."""

    def __init__(self):
        with open(REASONS) as file:
            self.rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
        self.unused = list(self.rows)

    def of(self, place, what):
        for row in self.rows:
            if self.are_of(row, place) and not ("*" in row[0] + row[1] and what == NOT_RUN):
                if row in self.unused:
                    self.unused.remove(row)
                return row[3]
        return None

    @staticmethod
    def are_of(row, place):
        return (fnmatch.fnmatchcase(place.file, row[0]) and fnmatch.fnmatchcase(place.function, row[1])
                and row[2] in place.text)


def percent(part, whole):
    return 100 * part / whole if whole else 100


def row(name, counts):
    part, whole, taken, branches = counts
    return (f"{name:34} {part:6}/{whole:<6} {percent(part, whole):6.2f}"
            f" {taken:6}/{branches:<6} {percent(taken, branches):6.2f}")


def show_files(files):
    """A line for each; returns the sums."""
    sums = [0, 0, 0, 0]
    print(f"{'file':34} {'lines':>13} {'%':>6} {'branches':>13} {'%':>6}")
    for name in sorted(files):
        lines = files[name].values()
        counts = [sum(line.count > 0 for line in lines), len(lines),
                  sum(line.taken() for line in lines), sum(len(line.branches) for line in lines)]
        sums = [a + b for a, b in zip(sums, counts)]
        print(row(name, counts))
    print(row("libtensor/", sums))
    return sums


def show_places(places, known):
    """By function, those without a reason; then reasons without a place, or even without a source. Returns
    how many of these there are, but for places that have run: that can be by chance."""
    reasons, last, wrong = Reasons(), None, 0
    for place, number, what in places:
        if reasons.of(place, what):
            continue
        if place[:2] != last:
            print(f"{place.file}: {place.function}: has no reason")
        print(f"    {number:5}  {what:18} {place.text}")
        last, wrong = place[:2], wrong + 1
    for row in reasons.unused:
        gone = not any(reasons.are_of(row, place) for place in known)
        print(": ".join(row[:3]), "is in no source" if gone else "has run")
        wrong += gone
    return wrong


def main():
    files = gather(sys.argv[1])
    lines = list(places_of(files))
    places = [line for line in lines if line[2]]
    if "--places" in sys.argv:
        reasons = Reasons()
        for place, _, what in places:
            print(*place, reasons.of(place, what) or "", what, sep="\t")
        return
    sums = show_files(files)
    wrong = show_places(places, [line[0] for line in lines])
    for what, part, whole in (("lines", *sums[:2]), ("branches", *sums[2:])):
        if percent(part, whole) < LEAST[what]:
            sys.exit(f"coverage: {percent(part, whole):.2f} % of the {what}, less than {LEAST[what]}")
    if wrong:
        sys.exit(f"coverage: {wrong} places or rows of coverage.tsv to look at")


main()
