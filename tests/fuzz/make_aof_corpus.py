#!/usr/bin/python3
"""Makes the seeds of aof_file_fuzz and aof_manifest_fuzz: what redis-server writes, and forms that
others may have written. Writes tests/fuzz/corpus; to be run again when a form comes in."""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import harness  # noqa: E402
from seeds import write_seeds  # noqa: E402

CHOICES = b"\x27"  # windows of 8 bytes, told how long the file is


def files_of_redis():
    """Every file of the directory by its name, before and after a rewrite."""
    with harness.start_redis({"appendonly": "yes", "aof-timestamp-enabled": "yes",
                              "aof-use-rdb-preamble": "no"}) as server:
        client = server.redis()
        client.set("k", b"\0\r\n*1\r\n$1\r\n")
        with client.pipeline() as pipeline:
            pipeline.rpush("list", "a", "")
            pipeline.incr("n")
            pipeline.execute()
        server.redis(db=3).set("expires", "x", ex=1000)
        directory = os.path.join(server.directory, "appendonlydir")
        for moment in ("before", "after"):
            for name in os.listdir(directory):
                with open(os.path.join(directory, name), "rb") as f:
                    yield moment + "-" + name, f.read()
            if moment == "before":
                client.bgrewriteaof()
                while client.info("persistence")["aof_rewrite_in_progress"] or \
                        client.info("persistence")["aof_rewrite_scheduled"]:
                    time.sleep(0.01)
                client.append("k", "after")


def main():
    files = dict(files_of_redis())
    commands = {name: data for name, data in files.items() if name.endswith(".aof")}
    whole = commands["before-appendonly.aof.1.incr.aof"]
    commands.update({"mixed": b"REDIS0010\xff", "cut": whole[:-9], "zeros": whole[:-9] + bytes(40),
                     "open-multi": whole + b"*1\r\n$5\r\nmulti\r\n",
                     "comment": b"# text\n#TS:1\r\n#TS:x\r\n" + whole,
                     "many": b"*2147483647\r\n$0\r\n\r\n", "long": b"*1\r\n$1048576\r\nx"})
    write_seeds("aof_file_fuzz", commands, CHOICES)
    manifests = {name: data for name, data in files.items() if name.endswith("manifest")}
    manifests.update({
        "quoted": b"file \"a \\x41\\n'\" seq 1 type i\nFILE 'b c\\'' SEQ 2 TYPE i startoffset 1\n",
        "history": b"# x\nfile a seq 2 type b\nfile b seq 1 type h\nfile c seq 1 type i\n"})
    write_seeds("aof_manifest_fuzz", manifests, CHOICES)


if __name__ == "__main__":
    main()
