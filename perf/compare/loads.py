"""Loads and measurements of perf/compare: what is done to a server and what is read from it."""

import itertools
import multiprocessing
import os
import re
import select
import socket
import subprocess
import time

import harness

SERVER_CPU, CLIENT_CPU = 0, 1

# Own session, own scheduling group at the highest weight: nice alone acts only inside the group.
QUIET = ["setsid", "-w", "bash", "-c",
         'echo -20 2>/dev/null > /proc/self/autogroup || true; exec "$@"', "quiet"]


def pinned(cpu):
    """Command prefix: quiet, and on one core."""
    return QUIET + ["taskset", "-c", str(cpu)]


def wait_loaded(client):
    while client.info("persistence")["loading"]:
        time.sleep(0.01)


def benchmark(port, operation, pipeline, requests, keys, connections=50, value_bytes=64):
    """One redis-benchmark run: requests/s and latencies in ms. Keys are 16 bytes."""
    command = pinned(CLIENT_CPU) + [
        "redis-benchmark", "-p", str(port), "-t", operation, "-n", str(requests), "-c",
        str(connections), "-P", str(pipeline), "-d", str(value_bytes), "-r", str(keys),
        "--precision", "3"]
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, timeout=600).stdout
    return parse_benchmark(out)


class Refused(Exception):
    """The server answers the command with an error."""


RAND = "__rand_int__"  # redis-benchmark makes 12 digits of it, below its -r


def benchmark_command(port, words, requests, spread, pipeline=64, connections=50):
    """redis-benchmark with a command of its user's; RAND in it is a number below spread."""
    check_accepted(port, [word.replace(RAND, "0" * 12) for word in words])
    command = pinned(CLIENT_CPU) + [
        "redis-benchmark", "-p", str(port), "-n", str(requests), "-c", str(connections), "-P",
        str(pipeline), "-r", str(spread), "-q", *words]
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=600).stdout
    if "requests per second" not in out:
        raise RuntimeError("redis-benchmark failed:\n" + out[-2000:])


def check_accepted(port, words):
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(harness.encode(*words))
        answer = s.recv(4096)
        if answer.startswith(b"-"):
            raise Refused(answer.decode().strip())


def send_all(port, commands, batch=500):
    """Sends commands in pipelines, each answered by one line; raises Refused at an error."""
    commands = iter(commands)
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = s.makefile("rb")
        while True:
            requests = [harness.encode(*words) for words in itertools.islice(commands, batch)]
            if not requests:
                return
            s.sendall(b"".join(requests))
            for _ in requests:
                line = replies.readline()
                if line.startswith(b"-"):
                    raise Refused(line.decode().strip())
                if line.startswith(b"$"):
                    replies.read(int(line[1:]) + 2)


def parse_benchmark(out):
    """The report of redis-benchmark as a dictionary."""
    rate = re.search(r"throughput summary: ([\d.]+) requests per second", out)
    summary = re.search(r"avg\s+min\s+p50\s+p95\s+p99\s+max\s+([\d. ]+)", out)
    if not rate or not summary:
        raise RuntimeError("redis-benchmark failed:\n" + out[-2000:])
    p50, p99 = (float(summary.group(1).split()[i]) for i in (2, 4))
    tail = [float(ms) for percent, ms in
            re.findall(r"([\d.]+)% <= ([\d.]+) milliseconds", out) if float(percent) >= 99.9]
    return {"rate": float(rate.group(1)), "p50": p50, "p99": p99,
            "p999": tail[0] if tail else p99}


def key(i):
    return b"key:%012d" % i


def fill(port, begin, end, value_bytes, batch=500):
    """SETs keys begin to end-1, pipelined; raises if a reply is not OK."""
    value = b"v" * value_bytes
    rest = b"\r\n$%d\r\n%s\r\n" % (value_bytes, value)
    head = b"*3\r\n$3\r\nSET\r\n$16\r\n"
    ok = b"+OK\r\n"
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for first in range(begin, end, batch):
            last = min(first + batch, end)
            s.sendall(b"".join([head + key(i) + rest for i in range(first, last)]))
            want = len(ok) * (last - first)
            got = b""
            while len(got) < want:
                piece = s.recv(want - len(got))
                if not piece:
                    raise RuntimeError("the server closed the connection")
                got += piece
            if got != ok * (last - first):
                raise RuntimeError("a SET failed: %r" % got[:200])


def _fan_out(port, subscribers, pipeline, batches, value_bytes, seconds):
    """One publisher, which sends the next batch when every subscriber has got the last one."""
    try:
        os.sched_setaffinity(0, {CLIENT_CPU})
    except OSError:
        pass
    channel = b"news"
    confirmed = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"
    message = b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$%d\r\n%s\r\n" % (
        value_bytes, b"m" * value_bytes)
    listening = []
    for _ in range(subscribers):
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(b"SUBSCRIBE %s\r\n" % channel)
        assert s.recv(len(confirmed), socket.MSG_WAITALL) == confirmed
        listening.append(s)
    publisher = socket.create_connection(("127.0.0.1", port))
    publisher.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    requests = b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$%d\r\n%s\r\n" % (
        value_bytes, b"m" * value_bytes) * pipeline
    answers = (b":%d\r\n" % subscribers) * pipeline
    messages = message * pipeline
    start = time.monotonic()
    for _ in range(batches):
        publisher.sendall(requests)
        assert publisher.recv(len(answers), socket.MSG_WAITALL) == answers
        for s in listening:
            assert s.recv(len(messages), socket.MSG_WAITALL) == messages
    seconds.value = time.monotonic() - start


def fan_out(port, subscribers, pipeline, batches, value_bytes):
    """Seconds that `batches` pipelines of PUBLISH take until all subscribers have all messages."""
    seconds = multiprocessing.Value("d", 0.0)
    load = multiprocessing.Process(target=_fan_out, daemon=True, args=(
        port, subscribers, pipeline, batches, value_bytes, seconds))
    load.start()
    load.join(600)
    if load.exitcode != 0:
        raise RuntimeError("a message was lost, or late by minutes")
    return seconds.value


def exchange(port, batch, reply_bytes, batches, connections=50):
    """Sends the same bytes over and over, each connection its next batch when the last one is
    answered; the answer must be reply_bytes long. For requests that redis-benchmark can't make."""
    cpus_before = os.sched_getaffinity(0)  # what is started later must not inherit ours
    os.sched_setaffinity(0, {CLIENT_CPU})
    poller = select.epoll()
    waiting = {}
    try:
        for _ in range(min(connections, batches)):
            s = socket.create_connection(("127.0.0.1", port))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poller.register(s, select.EPOLLIN)
            waiting[s.fileno()] = [s, 0]
        left = batches
        for s, _ in waiting.values():
            s.sendall(batch)
            left -= 1
        under_way = len(waiting)
        while under_way > 0:
            for fd, _ in poller.poll(30):
                entry = waiting[fd]
                piece = entry[0].recv(262144)
                if not piece:
                    raise RuntimeError("the server closed the connection")
                entry[1] += len(piece)
                if entry[1] < reply_bytes:
                    continue
                if entry[1] > reply_bytes:
                    raise RuntimeError("an answer is too long: %r" % piece[-200:])
                entry[1] = 0
                if left > 0:
                    left -= 1
                    entry[0].sendall(batch)
                else:
                    under_way -= 1
    finally:
        for s, _ in waiting.values():
            s.close()
        poller.close()
        os.sched_setaffinity(0, cpus_before)


def _probe(port, stop, worst):
    """Until stop is set: PING every half millisecond, and the longest wait for an answer."""
    try:
        os.sched_setaffinity(0, {CLIENT_CPU})
    except OSError:
        pass
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not stop.is_set():
            start = time.monotonic()
            s.sendall(b"PING\r\n")
            s.recv(64)
            worst.value = max(worst.value, time.monotonic() - start)
            time.sleep(0.0005)


def grow(server, begin, end, step, value_bytes):
    """Adds keys in small batches. Worst probe latency and, for Pollux, the longest turn, in us:
    of all, and of each step (a step at powers of two would be seen there)."""
    stop = multiprocessing.Event()
    worst = multiprocessing.Value("d", 0.0)
    probe = multiprocessing.Process(target=_probe, args=(server.port, stop, worst), daemon=True)
    probe.start()
    client = server.redis()
    turns = []
    try:
        for first in range(begin, end, step):
            client.config_resetstat()
            fill(server.port, first, min(first + step, end), value_bytes, batch=32)
            turns.append(longest_turn_us(client))
    finally:
        stop.set()
        probe.join(5)
    known = [t for t in turns if t is not None]
    return {"probe_us": worst.value * 1e6, "turn_us": max(known) if known else None,
            "turns_us": known}


def longest_turn_us(client):
    """INFO's longest_turn_cpu_us; None on a server that does not have it."""
    value = client.info("everything").get("longest_turn_cpu_us")
    return None if value is None else float(value)


def used_memory_while_filling(server, begin, count):
    """Adds `count` keys from `begin` on; what INFO calls used_memory, seen time and again."""
    client, seen = server.redis(), []
    for first in range(begin, begin + count, 10000):
        fill(server.port, first, first + 10000, 64)
        seen.append(client.info("memory")["used_memory"])
    return seen


def micro(program, filter_text, min_seconds):
    """Rows of a micro benchmark by name."""
    import json
    command = QUIET + [program, "--benchmark_format=json", "--benchmark_filter=" + filter_text,
                       "--benchmark_min_time=%g" % min_seconds]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                            timeout=300)
    return {row["name"]: row for row in json.loads(result.stdout)["benchmarks"]
            if not row.get("error_occurred")}
