#!/usr/bin/python3
"""dataplane/tcp/CONFORMANCE.md names tests that there are.

A row of its tables ends with tests, each as `Suite.Name` (file), the file below dataplane/tcp and
without its ending; a status, where a table has one, is met, deviation or out, with a reason behind
the last two. What is met is held by a test.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import source  # noqa: E402

ROOM = "dataplane/tcp"
TABLE = os.path.join(ROOM, "CONFORMANCE.md")
NAMED = re.compile(r"`([^`]+)`( \(([\w/.]+)\))?")
TEST = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)")
STATUS = re.compile(r"met\b|deviation: \S|out: \S")


def tests_of(root, path, known):
    """Names of the tests in a source, below the room; none if there is no such file."""
    if path not in known:
        full = os.path.normpath(os.path.join(ROOM, path + ".cc"))
        known[path] = set()
        if os.path.isfile(os.path.join(root, full)):
            known[path] = {".".join(found) for found in TEST.findall(source.read(root, full))}
    return known[path]


def problems_of(root, row, known):
    """What is wrong with a row: its cells."""
    names = NAMED.findall(row[-1])
    if len(row) == 4:
        if not STATUS.match(row[2]):
            yield "a status is met, deviation or out, with its reason: " + row[2]
        elif row[2].startswith("met") and not names:
            yield "met, and no test holds it: " + row[1]
    for name, _, path in names:
        if name not in tests_of(root, path, known):
            yield "%s has no test %s" % (path or "(no file)", name)


def main():
    root = source.root_argument()
    problems = []
    known = {}
    for number, line in enumerate(source.read(root, TABLE).splitlines(), 1):
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not line.startswith("|---"):
            if row[-1] != "tests":  # the head of a table
                problems += ["%s:%d: %s" % (TABLE, number, problem)
                             for problem in problems_of(root, row, known)]
    if not known:
        problems.append("%s names no test" % TABLE)
    source.finish(problems, len(known))


if __name__ == "__main__":
    main()
