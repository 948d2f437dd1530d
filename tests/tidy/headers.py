#!/usr/bin/python3
"""Every header compiles alone, and says #pragma once.

X.cc includes X.h first, so a build without precompiled headers compiles most headers alone
(tests/README.md says how it is made); here that order is checked, and headers that neither X.cc nor
X_test.cc has first are compiled. What is there to be precompiled (pch/) compiles alone by its
nature. Again only if one, or a header of ours that it reaches, has changed: good ones are
remembered in build/headers.ok by a hash of all that text.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import source  # noqa: E402

FLAGS = ["-std=c++20", "-march=x86-64-v3", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra",
         "-Werror", "-Wno-missing-field-initializers", "-Wno-interference-size",
         "-Wno-pragma-once-outside-header"]
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def closure_hash(root, path, texts):
    """Hash of the header and of all headers of ours that it reaches."""
    seen = set()
    queue = [path]
    while queue:
        current = queue.pop()
        if current in seen or not os.path.isfile(os.path.join(root, current)):
            continue
        seen.add(current)
        if current not in texts:
            texts[current] = source.read(root, current)
        queue += INCLUDE.findall(texts[current])
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for name in sorted(seen):
        digest.update(name.encode() + b"\0" + texts[name].encode() + b"\0")
    return digest.hexdigest()


def compile_alone(root, path):
    result = subprocess.run(
        ["g++", *FLAGS, "-I", root, "-fsyntax-only", "-x", "c++", "-"], cwd=root, text=True,
        input='#include "%s"\n' % path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return result.returncode == 0, result.stdout


def first_include(root, path):
    """The header of ours that a file includes before all others; None if it begins with another,
    "" if there is no such file."""
    if not os.path.isfile(os.path.join(root, path)):
        return ""
    found = re.search(r'^\s*#\s*include\s*(?:"([^"]+)"|<)', source.read(root, path), re.M)
    return found and found.group(1)


def main():
    root = source.root_argument()
    cache_path = os.path.join(root, "build", "headers.ok")
    try:
        with open(cache_path) as f:
            good = set(json.load(f))
    except (OSError, ValueError):
        good = set()
    headers = [path for path in source.files(root, endings=(".h",)) if "/pch/" not in path]
    texts = {}
    hashes = {path: closure_hash(root, path, texts) for path in headers}
    problems = ["%s: no #pragma once" % path for path in headers
                if "#pragma once" not in texts[path]]
    todo = []
    for path in headers:
        stem = path[:-len(".h")]
        first = first_include(root, stem + ".cc")
        if first not in ("", path):
            problems.append("%s.cc: its first include is not %s" % (stem, path))
        elif path not in (first, first_include(root, stem + "_test.cc")):
            todo += [path] if hashes[path] not in good else []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, (ok, output) in zip(todo, pool.map(lambda p: compile_alone(root, p), todo)):
            if ok:
                good.add(hashes[path])
            else:
                problems.append("%s does not compile alone:\n%s" % (path, output[:2000]))
    os.makedirs(os.path.dirname(cache_path), exist_ok=True)
    with open(cache_path, "w") as f:
        json.dump(sorted(good & set(hashes.values())), f)
    source.finish(problems, len(headers))


if __name__ == "__main__":
    main()
