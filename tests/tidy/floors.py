#!/usr/bin/python3
"""The architecture as a check: who may include whom, and who may use what.

FLOORS is the list of floors from the ground up. A file may include its own room and rooms that its
row names; anything else is a wall walked through.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import source  # noqa: E402

STORE = ["src/base", "src/protocol", "src/data", "src/rdb", "src/commands", "src/snapshot"]
ENGINE = STORE + ["src/abi", "storage", "dataplane/engine"]

# Room -> rooms below that it may include. The longest matching room counts.
FLOORS = {
    "src/base": [],
    "src/abi": ["src/base"],
    # io_uring; of those above only rooms that do I/O.
    "src/uring": ["src/base"],
    "src/protocol": ["src/base", "src/abi"],
    "src/data": ["src/base", "src/abi"],
    "src/rdb": ["src/base", "src/data"],
    "src/commands": ["src/base", "src/abi", "src/protocol", "src/data", "src/rdb"],
    # Of commands, its tests alone.
    "src/snapshot": ["src/base", "src/data", "src/rdb", "src/commands"],
    "storage": STORE + ["src/abi", "src/uring"],
    "dataplane/engine": STORE + ["src/abi", "storage"],
    # Transports: each implements the engine's port; none sees another.
    "dataplane/kernel": ENGINE + ["src/uring"],
    "dataplane/sim": ENGINE,
    "dataplane/tcp/wire": ["src/base"],
    "dataplane/tcp/tables": ["src/base", "dataplane/tcp/wire"],
    "dataplane/tcp/recovery": ["src/base", "dataplane/tcp/wire"],
    "dataplane/tcp/interface": ["src/base", "dataplane/tcp/wire"],
    "dataplane/tcp/capture": ["src/base", "dataplane/tcp/wire", "dataplane/tcp/interface"],
    "dataplane/tcp/steering": ["src/base", "dataplane/tcp/wire", "dataplane/tcp/interface"],
    "dataplane/tcp": ENGINE + ["dataplane/tcp/wire", "dataplane/tcp/tables",
                               "dataplane/tcp/recovery", "dataplane/tcp/interface"],
    # What has it all and knows no wire but a Device.
    "dataplane/tcp/stack": ["src/base", "dataplane/tcp", "dataplane/tcp/wire",
                            "dataplane/tcp/tables", "dataplane/tcp/interface"],
    # The engine's port over it.
    "dataplane/tcp/transport": ENGINE + ["dataplane/tcp", "dataplane/tcp/wire",
                                         "dataplane/tcp/interface", "dataplane/tcp/stack"],
    # The network that stacks are tried on.
    "dataplane/sim/net": ["src/base", "dataplane/tcp/wire", "dataplane/tcp/interface"],
    "dataplane/sim/stack": ["src/base", "dataplane/tcp", "dataplane/tcp/wire",
                            "dataplane/tcp/tables", "dataplane/tcp/interface",
                            "dataplane/tcp/stack", "dataplane/sim/net"],
    "dataplane/sim/whole": ENGINE + ["dataplane/tcp", "dataplane/tcp/wire", "dataplane/tcp/tables",
                                     "dataplane/tcp/interface", "dataplane/tcp/stack",
                                     "dataplane/tcp/steering", "dataplane/tcp/transport",
                                     "dataplane/sim", "dataplane/sim/net", "dataplane/sim/stack"],
    "dataplane/dpdk": ENGINE + ["dataplane/tcp", "dataplane/tcp/wire", "dataplane/tcp/interface",
                                "dataplane/tcp/stack", "dataplane/tcp/capture",
                                "dataplane/tcp/steering", "dataplane/tcp/transport"],
    # The only room that knows everything.
    "dataplane/server": ENGINE + ["src/uring", "dataplane/kernel", "dataplane/sim",
                                  "dataplane/tcp", "dataplane/tcp/wire", "dataplane/tcp/stack",
                                  "dataplane/tcp/interface", "dataplane/tcp/capture",
                                  "dataplane/tcp/steering", "dataplane/tcp/transport",
                                  "dataplane/dpdk"],
    # Processes of their own share layouts with the data plane, nothing else.
    "ctl": ["src/base", "src/abi"],
    "perf/sim_tcp": ["src/base", "dataplane/tcp", "dataplane/tcp/wire", "dataplane/tcp/tables",
                     "dataplane/tcp/interface", "dataplane/tcp/stack", "dataplane/sim/net",
                     "dataplane/sim/stack"],
    "perf/echo": ENGINE + ["src/uring", "dataplane/kernel", "dataplane/dpdk", "dataplane/tcp",
                           "dataplane/tcp/wire", "dataplane/tcp/interface", "dataplane/tcp/stack",
                           "dataplane/tcp/capture", "dataplane/tcp/steering",
                           "dataplane/tcp/transport"],
    "perf/load": ["src/base", "src/protocol", "dataplane/tcp", "dataplane/dpdk"],
    # What its channel is, and what its options are, meet in main alone.
    "perf/load/program": ["src/base", "perf/load", "perf/load/bypass", "dataplane/dpdk"],
    # Its channel over our own TCP: a stack, and who asks it.
    "perf/load/bypass": ["src/base", "perf/load", "dataplane/tcp/wire", "dataplane/tcp/stack",
                         "dataplane/dpdk"],
}
# Outside the house: may look at everything.
FREE = ("tests", "perf/micro")

# Cores meet only in these rooms and files; everything else has one writer. A file with the reason.
ATOMIC_ROOMS = ("src/base/", "src/abi/", "dataplane/server/")
ATOMIC_FILES = {
    "dataplane/engine/cell": "requests between workers",
    "dataplane/engine/mailbox": "requests between workers",
    "dataplane/engine/lease": "the hold of several shards",
    "dataplane/engine/end_under_way": "the first worker moves it, all look at it",
    "dataplane/engine/engine": "what all workers share",
    "dataplane/dpdk/port_device": "whether the link is up, seen by one thread for all workers",
    "dataplane/tcp/capture/capture": "copies of frames to the thread that writes them",
    "dataplane/tcp/steering/steering": "frames that come to the queue of another worker",
    "dataplane/tcp/steering/host_path": "frames to and from this host's kernel",
    "dataplane/engine/command_watch": "numbers of the entries of command logs",
    "dataplane/engine/config": "published versions of the configuration",
    "dataplane/engine/aof_desk": "what the thread of the history is told",
    "dataplane/engine/load_desk": "keys from the storage thread to the workers",
    "dataplane/engine/save_desk": "snapshots from the workers to the storage thread",
    "dataplane/engine/monitors": "every worker asks before each command whether somebody watches",
    "dataplane/engine/payload": "what many clients get goes home from the last worker",
    "dataplane/engine/push": "the queue that any worker adds pushes to",
    "dataplane/engine/waiter": "who answers a command that waits: home or a holder of a shard",
    "dataplane/engine/worker": "the flag of a sleeping worker",
    "dataplane/sim/memory_transport": "wake, and sleep without a kernel",
    "src/uring/ring_wake": "wake",
    "storage/journal": "the one history",
    "storage/journal_lane": "the one history, of one worker",
}

ATOMIC = re.compile(r"\bstd::(atomic\w*|mutex|shared_mutex|condition_variable)\b")
CLOCK_OR_CHANCE = re.compile(
    r"\b(std::chrono::\w+_clock|std::mt19937\w*|std::random_device|clock_gettime|gettimeofday|"
    r"__builtin_ia32_rdtsc|_rdtsc|getrandom|\bs?rand(?=\s*\()|"
    r"\btime(?=\s*\(\s*(?:NULL|nullptr|&)))")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def room_of(path):
    rooms = [r for r in list(FLOORS) + list(FREE) if path.startswith(r + "/")]
    return max(rooms, key=len) if rooms else None


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def is_test(path):
    return path.endswith(("_test.cc", "_test_support.h", "_bench.cc", "_fuzz.cc"))


def check_includes(path, text, problems):
    room = room_of(path)
    if room is None:
        problems.append("%s: in no room of the list of floors" % path)
        return
    for match in INCLUDE.finditer(text):
        where = "%s:%d" % (path, line_of(text, match.start()))
        kind, target = match.groups()
        if kind == "<":
            if target.startswith("rte_") and room != "dataplane/dpdk":
                problems.append("%s: <%s> outside dataplane/dpdk" % (where, target))
            continue
        if room in FREE:
            continue
        if "/" not in target or room_of(target) is None:
            problems.append('%s: "%s" is no path from the root of the project' % (where, target))
            continue
        other = room_of(target)
        if other == room or other in FLOORS[room]:
            continue
        # A unit test may stand on the test transport.
        if is_test(path) and room == "dataplane/engine" and other == "dataplane/sim":
            continue
        problems.append('%s: %s must not include "%s"' % (where, room, target))


def check_use(path, text, problems):
    room = room_of(path)
    if room is None or room in FREE or is_test(path) or room.startswith(("ctl", "perf")):
        return
    code = source.strip_comments(text)
    may_meet = path.startswith(ATOMIC_ROOMS) or os.path.splitext(path)[0] in ATOMIC_FILES
    if not may_meet:
        for match in ATOMIC.finditer(code):
            problems.append("%s:%d: %s outside the rooms where cores meet" % (
                path, line_of(code, match.start()), match.group(0)))
    if room != "src/base":
        for match in CLOCK_OR_CHANCE.finditer(code):
            problems.append("%s:%d: %s: only src/base asks for time or chance" % (
                path, line_of(code, match.start()), match.group(1)))


def main():
    root = source.root_argument()
    problems = []
    paths = [p for p in source.files(root) if not p.startswith("perf/compare")]
    for path in paths:
        text = source.read(root, path)
        check_includes(path, text, problems)
        check_use(path, text, problems)
    source.finish(problems, len(paths))


if __name__ == "__main__":
    main()
