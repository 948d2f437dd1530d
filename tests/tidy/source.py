"""What the tidy checks share: the list of our source files, and one way to report."""

import os
import sys

ROOMS = ("src", "storage", "dataplane", "ctl", "tests", "perf", "deploy")
CXX = (".h", ".cc")


def files(root, rooms=ROOMS, endings=CXX):
    """Paths of our files, relative to root, sorted."""
    found = []
    for room in rooms:
        for directory, folders, names in os.walk(os.path.join(root, room)):
            folders[:] = [f for f in folders if f not in ("__pycache__", "build")]
            for name in names:
                if endings is None or name.endswith(endings):
                    found.append(os.path.relpath(os.path.join(directory, name), root))
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def strip_comments(text):
    """C++ source without comments and without the content of strings; line numbers stay."""
    out = []
    i, n = 0, len(text)
    while i < n:
        two = text[i:i + 2]
        if two == "//":
            while i < n and text[i] != "\n":
                i += 1
        elif two == "/*":
            end = text.find("*/", i + 2)
            end = n if end < 0 else end + 2
            out.append("\n" * text.count("\n", i, end))
            i = end
        elif text.startswith('R"', i):
            fence = text[i + 2:text.index("(", i)]
            end = text.find(")" + fence + '"', i)
            end = n if end < 0 else end + len(fence) + 2
            out.append('""' + "\n" * text.count("\n", i, end))
            i = end
        elif text[i] == "'" and i > 0 and text[i - 1].isalnum() and text[i + 1:i + 2].isalnum():
            out.append("'")  # a digit separator
            i += 1
        elif text[i] in "\"'":
            quote = text[i]
            out.append(quote)
            i += 1
            while i < n and text[i] != quote and text[i] != "\n":
                i += 2 if text[i] == "\\" else 1
            out.append(quote)
            i += 1
        else:
            out.append(text[i])
            i += 1
    return "".join(out)


def root_argument():
    """The first argument, or the root that this file lies in."""
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        return os.path.abspath(sys.argv[1])
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def finish(problems, checked):
    """Prints the problems and ends the program: status 1 if there are any."""
    for problem in problems:
        print(problem)
    if not problems:
        print("%d files in order" % checked)
    sys.exit(1 if problems else 0)
