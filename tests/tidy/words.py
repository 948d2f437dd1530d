#!/usr/bin/python3
"""Words that must not stand in a file of ours, and words that must.

No paths of somebody's machine, no TODO without the consequence of leaving it ("TODO(consequence)"
is not enough: a sentence), no tabs in C++, no blanks at line ends; headers open with a comment.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import source  # noqa: E402

FORBIDDEN = (
    (re.compile(r"/(home|root|Users|work)/\w"), "a path of one machine"),
    (re.compile(r"\b(TODO|FIXME|XXX)\b(?!.{30})"), "a TODO without its consequence"),
    (re.compile(r"\bHACK\b"), "say what is bent and why"),
    (re.compile(r"[ \t]+$"), "blanks at the end"),
)
CXX_FORBIDDEN = (
    (re.compile(r"\t"), "a tab"),
    (re.compile(r"\busing namespace std;"), "using namespace std"),
    (re.compile(r"\b(dynamic_cast|typeid)\b"), "no RTTI"),
    (re.compile(r"\bstd::shared_ptr\b"), "no shared_ptr"),
)
TEXT = source.CXX + (".py", ".md", "meson.build", "run", "packages", "install-packages", ".conf")


def main():
    root = source.root_argument()
    problems = []
    paths = [p for p in source.files(root, endings=None)
             if os.path.basename(p).endswith(TEXT) and p != "tests/tidy/words.py"]
    paths += [p for p in ("README.md", "meson.build", "meson_options.txt", ".ci/run")
              if os.path.exists(os.path.join(root, p))]
    for path in paths:
        text = source.read(root, path)
        rules = FORBIDDEN + (CXX_FORBIDDEN if path.endswith(source.CXX) else ())
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, why in rules:
                if pattern.search(line):
                    problems.append("%s:%d: %s: %s" % (path, number, why, line.strip()[:80]))
        if path.endswith(".h") and not text.startswith(("//", "/*")):
            problems.append("%s: opens without saying what it is for" % path)
        if text and not text.endswith("\n"):
            problems.append("%s: no line end at the end" % path)
    source.finish(problems, len(paths))


if __name__ == "__main__":
    main()
