"""What a BGSAVE costs: its time, memory beside the data, and the clients that go on meanwhile."""

import os
import statistics
import threading
import time

import loads


def wait_saved(client):
    while client.info("persistence")["rdb_bgsave_in_progress"]:
        time.sleep(0.003)


def seconds_of_save(server):
    """From the command to the end, with nobody else there."""
    client = server.redis()
    begun = time.monotonic()
    client.bgsave()
    wait_saved(client)
    return time.monotonic() - begun


def own_bytes(pid):
    """Resident bytes of a process and its children, pages that they share counted once."""
    children = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as f:
            children += f.read().split()
    total = 0
    for process in [str(pid)] + children:
        try:
            with open("/proc/%s/smaps_rollup" % process) as f:
                total += sum(int(line.split()[1]) << 10 for line in f if line.startswith("Pss:"))
        except OSError:
            pass  # it has just ended
    return total


class Load:
    """SETs over all keys by redis-benchmark, beside what is measured."""

    def __init__(self, server, keys, requests, pipeline, connections):
        self.result = None

        def run():
            self.result = loads.benchmark(server.port, "set", pipeline, requests, keys,
                                          connections=connections, value_bytes=32)
        self.thread = threading.Thread(target=run)

    def __enter__(self):
        self.thread.start()
        time.sleep(0.3)
        return self

    def __exit__(self, *_):
        self.thread.join()


def extra_bytes(server, keys, requests):
    """The most resident memory beside what there was, while it is saved under SETs."""
    client, pid = server.redis(), server.pid
    with Load(server, keys, requests, 16, 50):  # all pages that the load itself needs
        pass
    before = own_bytes(pid)
    most = before
    with Load(server, keys, requests, 16, 50):
        client.bgsave()
        while client.info("persistence")["rdb_bgsave_in_progress"]:
            most = max(most, own_bytes(pid))
    return most - before


def p99_ms(server, keys, requests, saving):
    """Of few clients without pipelines; with `saving`, one save after the other runs meanwhile."""
    stop = threading.Event()

    def save_on():
        client = server.redis()
        while not stop.is_set():
            client.bgsave()
            wait_saved(client)
    saver = threading.Thread(target=save_on)
    if saving:
        saver.start()
    try:
        result = loads.benchmark(server.port, "set", 1, requests, keys, connections=4,
                                 value_bytes=32)
    finally:
        stop.set()
        if saving:
            saver.join()
    return result["p99"]


def longest_turn_us(server, keys, requests):
    """By the clock of the worker's own CPU time."""
    client = server.redis()
    turns = []
    for _ in range(3):
        client.config_resetstat()
        with Load(server, keys, requests, 16, 50):
            client.bgsave()
            wait_saved(client)
            turns.append(loads.longest_turn_us(client))
    return min(turns), statistics.median(turns)
