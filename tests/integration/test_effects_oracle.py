"""What commands leave in a history, as src/commands/effects_table.h has it, beside redis-server:
its append-only file holds what the table says it holds, and it understands what ours will. (That
ours is what the table says, a unit test of src/commands holds.)"""

import glob
import os
import re
import time

import harness
from case import Case, only_once
from resp_client import Error, Resp

TABLE = os.path.join(harness.ROOT, "src", "commands", "effects_table.h")
# In redis-server, milliseconds between the arrival of a command and its look at the clock.
LATE_MS = 1500
# Fields have had TTLs since Redis 7.4.
NEWER = {"HPEXPIREAT", "HPERSIST"}


def cases():
    with open(TABLE) as f:
        text = f.read().split('R"table(\n')[1].split(')table"')[0]
    return [block.splitlines() for block in text.split("\n\n")]


def commands_of(history):
    """RESP as a line a command, without what only frames others."""
    lines = []
    at = 0
    while at < len(history):
        end = history.index(b"\r\n", at)
        count = int(history[at + 1:end])
        at = end + 2
        words = []
        for _ in range(count):
            end = history.index(b"\r\n", at)
            size = int(history[at + 1:end])
            words.append(history[end + 2:end + 2 + size].decode())
            at = end + 2 + size + 2
        if words[0].upper() not in ("MULTI", "EXEC", "SELECT"):
            lines.append(" ".join(words))
    return lines


def pattern_of(line, now_ms):
    """The line with {now+5} as a number that is near it."""
    times = re.split(r"(\{now[-+0-9]*\})", line)
    wanted = []
    text = ""
    for part in times:
        match = re.fullmatch(r"\{now([-+0-9]*)\}", part)
        if match:
            wanted.append(now_ms + int(match.group(1) or 0))
            text += "([0-9]+)"
        else:
            text += re.escape(part)
    return re.compile(text, re.IGNORECASE), wanted


def is_as(line, expected, now_ms):
    pattern, wanted = pattern_of(expected, now_ms)
    match = pattern.fullmatch(line)
    return match is not None and all(
        abs(int(there) - time_ms) <= LATE_MS for there, time_ms in zip(match.groups(), wanted))


class EffectsOracle(Case):

    @only_once
    def test_redis_keeps_what_the_table_says(self):
        with harness.Server(harness.REDIS, {"appendonly": "yes", "appendfsync": "always",
                                            "enable-debug-command": "yes"}) as redis:
            redis.redis().execute_command("DEBUG SET-ACTIVE-EXPIRE", 0)
            self.otherwise = []
            for lines in cases():
                self.check_case(redis, lines)
            self.assertFalse(self.otherwise, "\n".join(self.otherwise))

    def check_case(self, redis, lines):
        history = glob.glob(os.path.join(redis.directory, "appendonlydir", "*.incr.aof"))[0]
        client = Resp(redis)
        client("FLUSHALL")
        waiting = []
        size = os.path.getsize(history)
        command, expected, sent_ms = None, [], 0

        def finish():
            if command is not None:
                if waiting:
                    time.sleep(0.05)  # those that are served write a little later
                with open(history, "rb") as f:
                    f.seek(size)
                    left = commands_of(f.read())
                same = len(left) == len(expected) and all(
                    is_as(line, wanted, sent_ms) for line, wanted in zip(left, expected))
                if not same:
                    self.otherwise.append("%s\nleaves %s\nnot %s" % (command, left, expected))

        for line in lines + ["-"]:
            kind, rest = line[0], line[2:]
            if kind in "=!":
                expected.append(rest)
                continue
            if kind == ":":
                continue
            finish()
            command, expected = None, []
            if kind == "~":
                time.sleep(int(rest) / 1000)
            elif kind == "&":
                waiting.append(Resp(redis))
                waiting[-1].send(*rest.split(" "))
                time.sleep(0.05)
            elif rest and kind in "->":
                size = os.path.getsize(history)
                sent_ms = int(time.time() * 1000)
                client(*rest.split(" "))
                command = rest if kind == ">" else None
        for other in waiting + [client]:
            other.close()

    @only_once
    def test_redis_understands_ours(self):
        with harness.Server(harness.REDIS) as redis:
            client = Resp(redis)
            for lines in cases():
                client("FLUSHALL")
                for line in lines:
                    words = self.with_times(line[2:]).split(" ")
                    if line[0] in "-=:" and words[0] not in NEWER:
                        reply = client(*words)
                        self.assertFalse(isinstance(reply, Error), "%s: %s" % (line, reply))
                    client("SELECT", "0")

    @staticmethod
    def with_times(line):
        now_ms = int(time.time() * 1000)
        return re.sub(r"\{now([-+0-9]*)\}",
                      lambda match: str(now_ms + int(match.group(1) or 0)), line)
