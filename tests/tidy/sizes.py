#!/usr/bin/python3
"""What fits in the eye can be judged: sizes of files, functions and lines.

Problems: a source file over 700 lines, a line over 100 columns (tables of text may be wider where
a line carries `// wide`). Long functions are listed, as a hint, without failing.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import source  # noqa: E402

FILE_LINES_MAX = 700
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
FUNCTION = re.compile(r"^[A-Za-z_].*\)\s*(const|noexcept|override|\s)*\{\s*$|^\s{0,2}\S.*\)\s*"
                      r"(const|noexcept|override|\s)*\{\s*$")


def long_functions(path, lines):
    """Blocks that begin like a function in the first columns and end with a } in the same one."""
    hints = []
    start = None
    for number, line in enumerate(lines, 1):
        if start is None and FUNCTION.match(line) and not line.lstrip().startswith(
                ("if", "for", "while", "switch", "}", "namespace")):
            start = (number, len(line) - len(line.lstrip()))
        elif start and line.startswith(" " * start[1] + "}"):
            length = number - start[0] + 1
            if length > FUNCTION_LINES_MAX:
                hints.append("hint: %s:%d: a function of %d lines" % (path, start[0], length))
            start = None
    return hints


def main():
    root = source.root_argument()
    problems = []
    paths = source.files(root) + source.files(root, endings=(".py", "meson.build", "run"))
    for path in paths:
        lines = source.read(root, path).splitlines()
        if len(lines) > FILE_LINES_MAX:
            problems.append("%s: %d lines (at most %d)" % (path, len(lines), FILE_LINES_MAX))
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS_MAX and "// wide" not in line:
                problems.append("%s:%d: %d columns" % (path, number, len(line)))
        if path.endswith(source.CXX):
            for hint in long_functions(path, lines):
                print(hint)
    source.finish(problems, len(paths))


if __name__ == "__main__":
    main()
