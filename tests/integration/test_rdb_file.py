"""Whole RDB files beside redis-server: what it saves is read as the same keys, and what is written
here it loads as the same keys. The server under test has no part in this; rdb_file_tool has."""

import os
import struct
import subprocess

import harness
import payloads
from case import only_once, pollux_only
from rdb_case import RdbCase, file_of

CHECK = "/usr/bin/redis-check-rdb"


def tool():
    """Beside the server that is tested."""
    server = os.environ.get("POLLUX_SERVER") or harness.POLLUX
    return os.path.join(os.path.dirname(server), "tests", "rdb_file", "rdb_file_tool")


def unhex(text):
    return b"" if text == "-" else bytes.fromhex(text)


class RdbFile(RdbCase):

    def run_tool(self, *args):
        result = subprocess.run([tool(), *map(str, args)], capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return [line.split(" ") for line in result.stdout.splitlines()]

    def listed_keys(self, lines):
        keys = [line[1:] for line in lines if line[0] == "key"]
        return {(int(db), unhex(name), -1 if expire == "-" else int(expire),
                 bytes([int(kind)]) + unhex(value))
                for db, name, expire, _, _, kind, value in keys}

    @only_once
    @pollux_only
    def test_reads_what_redis_saves_and_redis_loads_what_we_write(self):
        for compress in ("yes", "no"):
            for policy, place in (("noeviction", None), ("allkeys-lru", 3), ("allkeys-lfu", 4)):
                theirs = self.redis(rdbcompression=compress, maxmemory_policy=policy)
                theirs.redis().flushall()
                theirs.redis().function_flush()
                self.fill(theirs)
                theirs.redis().save()
                keys = self.saved_keys(theirs)
                for window in (1, 4096, 1 << 30):
                    lines = self.run_tool("list", self.path, window)
                    self.assertEqual(self.listed_keys(lines), keys)
                    self.assertEqual(lines[-1], ["end", "right"])
                    self.assertEqual(sum(line[0] == "function" for line in lines), 1)
                    for line in lines:
                        if line[0] == "key":
                            self.assertEqual(line[4] != "-", place == 3, line[:6])
                            self.assertEqual(line[5] != "-", place == 4, line[:6])
                digests = self.digests(theirs)
                theirs.stop()
                self.run_tool("rewrite", self.path, self.path + ".ours")
                os.rename(self.path + ".ours", self.path)
                check = subprocess.run([CHECK, self.path], capture_output=True, text=True,
                                       timeout=60, check=False)
                self.assertEqual(check.returncode, 0, check.stdout)
                self.assertIn("Checksum OK", check.stdout)
                loaded = self.redis(rdbcompression=compress, maxmemory_policy=policy)
                self.assertEqual(self.digests(loaded), digests)
                self.assertEqual({key[:3] for key in self.saved_keys(loaded)},
                                 {key[:3] for key in keys})
                self.assertEqual(len(loaded.redis().function_list()), 1)
                loaded.stop()

    @only_once
    @pollux_only
    def test_old_and_new_types_become_what_redis_makes_of_them(self):
        old = payloads.samples()
        new = {name: body for name, body in payloads.newer_samples().items()
               if not name.startswith("hash")}
        parts = b"".join(body[:1] + payloads.text(name.encode()) + body[1:]
                         for name, body in old.items())
        for magic in (b"REDIS0004", b"REDIS0009", b"REDIS0010"):
            with open(self.path, "wb") as f:
                f.write(file_of(magic, b"\xfe\x00" + parts))
            names = {key[1].decode() for key in
                     self.listed_keys(self.run_tool("list", self.path, 10))}
            self.assertEqual(names, set(old))
            self.run_tool("rewrite", self.path, self.path + ".ours")
            with self.redis() as theirs:
                digest = self.digests(theirs)
            os.rename(self.path + ".ours", self.path)
            with self.redis() as theirs:
                self.assertEqual(self.digests(theirs), digest)
                self.assertEqual(theirs.redis().dbsize(), len(old))
        # 7.0 does not read these, but what they are written as.
        parts = b"".join(body[:1] + payloads.text(name.encode()) + body[1:]
                         for name, body in new.items())
        with open(self.path, "wb") as f:
            f.write(file_of(b"REDIS0011", parts))
        self.run_tool("rewrite", self.path, self.path + ".ours")
        os.rename(self.path + ".ours", self.path)
        with self.redis() as theirs:
            self.assertEqual(theirs.redis().dbsize(), len(new))

    @only_once
    @pollux_only
    def test_hashes_with_ttls_on_fields_stay_what_they_are(self):
        new = {name: body for name, body in payloads.newer_samples().items()
               if name.startswith("hash")}
        with open(self.path, "wb") as f:
            f.write(file_of(b"REDIS0012", b"".join(
                body[:1] + payloads.text(name.encode()) + body[1:]
                for name, body in new.items())))
        before = self.listed_keys(self.run_tool("list", self.path, 10))
        self.assertEqual({key[3] for key in before}, set(new.values()))
        self.run_tool("rewrite", self.path, self.path + ".ours")
        with open(self.path + ".ours", "rb") as f:
            self.assertEqual(f.read(9), b"REDIS0012")
        after = self.listed_keys(self.run_tool("list", self.path + ".ours", 10))
        self.assertEqual({key[1] for key in after}, {key[1] for key in before})
        self.assertEqual({key[3][0] for key in after} - {24, 25}, set())

    @only_once
    @pollux_only
    def test_keys_without_elements_are_passed_over(self):
        pack = payloads.text(b"\x07\0\0\0\0\0\xff")
        ziplist = payloads.text(struct.pack("<IIH", 11, 10, 0) + b"\xff")
        values = [bytes([kind]) + b"\1k\0" for kind in (1, 2, 3, 4, 5, 14, 18)]
        values += [bytes([kind]) + b"\1k" + ziplist for kind in (10, 12, 13)]
        values += [b"\x10\1k" + pack, b"\x11\1k" + pack, b"\x0e\1k\1" + ziplist,
                   b"\x12\1k\1\2" + pack]
        for value in values:
            with self.subTest(value):
                with open(self.path, "wb") as f:
                    f.write(file_of(b"REDIS0010", b"\xfe\0" + value + b"\0\1z\1v"))
                with self.redis() as theirs:
                    self.assertEqual(theirs.redis().keys(), [b"z"])
                listed = self.listed_keys(self.run_tool("list", self.path, 10))
                self.assertEqual([key[1] for key in listed], [b"z"])

    @only_once
    @pollux_only
    def test_reads_a_file_without_a_checksum(self):
        theirs = self.redis(rdbchecksum="no")
        self.fill(theirs)
        theirs.redis().save()
        lines = self.run_tool("list", self.path, 4096)
        self.assertEqual(self.listed_keys(lines), self.saved_keys(theirs))
        self.assertEqual(lines[-1], ["end", "absent"])
