"""Starts and stops servers for tests and measurements: pollux-server and Debian's redis-server.

Every server gets a free port of 127.0.0.1, a temporary directory of its own, and dies with this
process: on stop(), at exit, and by the kernel if the test run is killed. Used by
tests/integration, tests/differential and perf/compare.

A pollux binary whose name is redis-server is a stand-in that checks the tests themselves:
Pollux' own options are then left out.
"""

import atexit
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
POLLUX = os.path.join(ROOT, "build", "release", "pollux-server")
REDIS = "/usr/bin/redis-server"

# Options that redis-server does not know.
POLLUX_OPTIONS = {
    "workers", "worker-cpus", "poll-mode", "poll-spin-us", "pipeline-order", "control-daemon",
    "hugepages",
}

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_running = []


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def encode(*args):
    """One request as RESP bytes."""
    out = [b"*%d\r\n" % len(args)]
    for arg in args:
        if isinstance(arg, str):
            arg = arg.encode()
        elif not isinstance(arg, bytes):
            arg = str(arg).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(out)


class Server:
    """A running server. Use as a context manager, or call stop()."""

    def __init__(self, binary, options=None, config=None, port=None, wrapper=(), env=None,
                 ready_seconds=20, expect_start=True):
        self.binary = binary
        self.is_pollux = os.path.basename(binary) != "redis-server"
        self.directory = tempfile.mkdtemp(prefix="pollux-test-")
        self.port = port or free_port()
        self.log_path = os.path.join(self.directory, "stdout.log")
        settings = {"port": self.port, "bind": "127.0.0.1", "dir": self.directory, "save": "",
                    "daemonize": "no"}
        settings.update(options or {})
        self.port = int(settings["port"])
        command = list(wrapper) + [binary]
        if config:
            command.append(config)
        for name, value in settings.items():
            if value is None or (name in POLLUX_OPTIONS and not self.is_pollux):
                continue
            command.append("--" + name)
            command += [str(v) for v in value] if isinstance(value, (list, tuple)) else [str(value)]
        self.command = command
        try:
            with open(self.log_path, "wb") as log:
                self.process = subprocess.Popen(
                    command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                    cwd=self.directory, preexec_fn=_die_with_parent,
                    env=dict(os.environ, **(env or {})))
        except OSError:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        _running.append(self)
        if expect_start:
            self._wait_ready(ready_seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _wait_ready(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError("server ended with status %s at start\n%s\n%s" % (
                    self.process.returncode, " ".join(self.command), self.log()))
            try:
                with self.connect(timeout=2) as s:
                    s.sendall(b"PING\r\n")
                    if s.recv(64)[:1] in b"+-":
                        return
            except OSError:
                pass
            time.sleep(0.02)
        log = self.log()
        self.stop()
        raise RuntimeError("server does not answer: %s\n%s" % (" ".join(self.command), log))

    @property
    def pid(self):
        """The server's own process: the wrapper's grandchild, if there is a wrapper."""
        pid = self.process.pid
        name = os.path.basename(self.binary)
        for _ in range(4):
            if os.path.basename(os.readlink("/proc/%d/exe" % pid)).startswith(name[:10]):
                return pid
            with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
                children = f.read().split()
            if not children:
                return pid
            pid = int(children[0])
        return pid

    def log(self, limit=4000):
        with open(self.log_path, "rb") as f:
            return f.read().decode("utf-8", "replace")[-limit:]

    def connect(self, timeout=10):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def redis(self, **options):
        """A redis-py client."""
        import redis
        options.setdefault("socket_timeout", 30)
        return redis.Redis(host="127.0.0.1", port=self.port, **options)

    def alive(self):
        return self.process.poll() is None

    def cpu_seconds(self):
        """User and system time that the process has used (utime + stime, in ticks of 10 ms)."""
        with open("/proc/%d/stat" % self.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self):
        with open("/proc/%d/statm" % self.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def wait(self, seconds=20):
        """Exit status of a server that is ending by itself; None if it does not."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self, seconds=20):
        """SIGTERM; the exit status, or None if it had to be killed."""
        if self.alive():
            os.kill(self.pid, signal.SIGTERM)
        status = self.wait(seconds)
        self.stop()
        return status

    def stop(self):
        if self.process.poll() is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except OSError:
                pass
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
        if self in _running:
            _running.remove(self)


def start_redis(options=None, **kw):
    settings = {"appendonly": "no"}
    settings.update(options or {})
    return Server(REDIS, settings, **kw)


def start_pollux(options=None, binary=None, workers=1, **kw):
    settings = {"workers": workers}
    settings.update(options or {})
    return Server(binary or os.environ.get("POLLUX_SERVER") or POLLUX, settings, **kw)


def stop_all():
    for server in list(_running):
        server.stop()


def _on_signal(number, _):
    stop_all()
    os._exit(128 + number)


def stop_servers_on_signals():
    """For the main program of a test run: SIGINT and SIGTERM leave nothing behind."""
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)


atexit.register(stop_all)
