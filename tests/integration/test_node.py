"""ioredis and node-redis from npm: each use of node/uses.mjs with both. What they need is installed
by npm into build/node when it is not there yet."""

import os
import re
import shutil
import subprocess

import harness
from case import ServerCase, pollux_only

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")
PLACE = os.path.join(harness.ROOT, "build", "node")

# Uses that ask for what redis-server 7.0 does not have.
BEYOND = ("locks_that_end",)


def uses():
    """The names of the uses, from their source."""
    with open(os.path.join(SOURCE, "uses.mjs"), encoding="utf-8") as f:
        return re.findall(r"^  async (\w+)\(open\)", f.read(), re.M)


def install():
    """The scripts beside their modules; None, or why that can't be."""
    if shutil.which("npm") is None:
        return "npm is missing: deploy/install-packages clients"
    os.makedirs(PLACE, exist_ok=True)
    for name in os.listdir(SOURCE):
        shutil.copy(os.path.join(SOURCE, name), PLACE)
    if all(os.path.isdir(os.path.join(PLACE, "node_modules", name))
           for name in ("ioredis", "redis")):
        return None
    result = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"],
                            cwd=PLACE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            timeout=300, check=False)
    return None if result.returncode == 0 else result.stdout.decode("utf-8", "replace")


class Node(ServerCase):

    @classmethod
    def setUpClass(cls):
        trouble = install()
        if trouble:
            raise RuntimeError(trouble)
        super().setUpClass()

    def check(self, library, use):
        result = subprocess.run(
            ["node", os.path.join(PLACE, "uses.mjs"), library, use, str(self.server.port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90, check=False)
        self.assertEqual(result.returncode, 0, result.stdout.decode("utf-8", "replace"))


def add_tests():
    def test(library, use):
        def run(self):
            self.check(library, use)
        return pollux_only(run) if use in BEYOND else run
    for library in ("ioredis", "node-redis"):
        for use in uses():
            setattr(Node, "test_%s_%s" % (library.replace("-", "_"), use), test(library, use))


add_tests()
