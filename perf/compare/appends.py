"""What an append-only history costs: CPU per SET beside none, and SETs that wait for the disk."""

import statistics

import loads

KEYS = 1000000
CPU_GOAL = 1.25  # of the server without a history
# appendfsync always, by pipeline depth: requests of a run, and the least of Redis' rate.
ALWAYS = {1: (100000, 1.3), 16: (1000000, 2)}
OFF, ON, WAITS = ({"appendonly": "no"}, {"appendonly": "yes", "appendfsync": "everysec"},
                  {"appendonly": "yes", "appendfsync": "always"})


def run(start, options, pipeline, requests):
    """Microseconds of CPU per SET, storage threads included, and SETs per second, of a server that
    is started for it."""
    with start({"save": "", "auto-aof-rewrite-percentage": 0, **options}) as server:
        loads.wait_loaded(server.redis())
        loads.benchmark(server.port, "set", pipeline, requests // 10, KEYS)
        before = server.cpu_seconds()
        rate = loads.benchmark(server.port, "set", pipeline, requests, KEYS)["rate"]
        return (server.cpu_seconds() - before) * 1e6 / requests, rate


def measure(starts, rounds, quick):
    """Rows of the table: measure, redis, pollux, unit, goal. `starts`: how each is started with
    options."""
    share = 10 if quick else 1
    seen = {}
    for _ in range(rounds):
        for name, start in starts.items():
            for label, options in (("none", OFF), ("everysec", ON)):
                seen.setdefault((label, name), []).append(run(start, options, 16,
                                                              2000000 // share))
            for depth, (requests, _) in ALWAYS.items():
                seen.setdefault((depth, name), []).append(run(start, WAITS, depth,
                                                              requests // share))

    def of(label, what):
        return [statistics.median(r[what] for r in seen[label, name]) for name in starts]
    for label in ("none", "everysec"):
        yield "SET, pipeline 16, history: %s" % label, *of(label, 0), "us", ""
    yield ("  the one to the other", *(b / a for a, b in zip(of("none", 0), of("everysec", 0))),
           "times", "pollux <= %g" % CPU_GOAL)
    for depth, (_, goal) in ALWAYS.items():
        what = "SET, appendfsync always, pipeline %d" % depth
        yield what, *of(depth, 1), "/s", "ratio >= %g" % goal
        yield "  CPU", *of(depth, 0), "us", ""

