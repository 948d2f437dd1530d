"""What the system refuses at the start: one sentence that says what to change, status 1, and
nothing of a crash."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys

import harness
from case import QUICK, Case, not_quick, only_once, pollux_only

DENY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "deny.py")
URING = "seccomp.*profile that allows io_uring_setup, io_uring_enter and io_uring_register"


class Start(Case):

    def assert_says(self, server, pattern):
        status = server.wait()
        log = server.log()
        self.assertEqual(status, 1, log)
        self.assertRegex(log, pattern)
        self.assertNotRegex(log, "(?i)BUG|crash|backtrace|terminate|Ready to accept")
        self.assertRegex(log.splitlines()[-1], pattern)

    def refused(self, call, error, **options):
        wrapper = (sys.executable, DENY, call, str(error))
        server = harness.start_pollux(options, workers=Case.workers, wrapper=wrapper,
                                      expect_start=False)
        self.addCleanup(server.stop)
        return server

    @pollux_only
    def test_io_uring(self):
        for call in ("io_uring_setup", "io_uring_register", "io_uring_enter"):
            for error in (errno.EPERM, errno.EACCES):
                with self.subTest(call, error=error):
                    self.assert_says(self.refused(call, error), URING)
            with self.subTest(call, error=errno.ENOSYS):
                self.assert_says(self.refused(call, errno.ENOSYS), "Linux 6.1 or newer")

    @pollux_only
    def test_descriptors(self):
        for call in ("signalfd4", "eventfd2"):
            for error, what in ((errno.EPERM, "a profile that allows " + call),
                                (errno.ENOSYS, "a profile that allows " + call),
                                (errno.EMFILE, "limit of open files")):
                with self.subTest(call, error=error):
                    self.assert_says(self.refused(call, error), call + ".*" + what)

    @pollux_only
    @not_quick  # a sanitizer has threads of its own
    def test_threads(self):
        server = self.refused("clone3", errno.EAGAIN, **{"control-page": "page", "pidfile": "pid"})
        self.assert_says(server, "can't start a thread.*ulimit -u.*pids-limit")
        left = sorted(os.listdir(server.directory))
        self.assertEqual(left, ["stdout.log"])

    @pollux_only
    @only_once
    def test_killed_while_it_makes_its_page(self):
        page = os.path.join(self.new_directory(), "page")
        for call in ("fallocate", "fdatasync"):
            with self.subTest(call):
                killed = self.refused(call, "kill", **{"control-page": page})
                self.assertEqual(killed.wait(), -signal.SIGSYS, killed.log())
                self.assertTrue(os.path.exists(page))
                self.assertEqual(self.start(control_page=page).terminate(), 0)

    @pollux_only
    @only_once
    def test_some_threads(self):
        # However many may start, the others are missed in time and those that run end.
        if QUICK or os.geteuid() != 0:
            self.skipTest("needs a user of its own, and no sanitizer's threads")
        user = 64_321  # nobody else's
        directory = self.new_directory()
        os.chmod(directory, 0o755)
        binary = shutil.copy(os.environ.get("POLLUX_SERVER") or harness.POLLUX, directory)
        sentences = 0
        for limit in range(1, 12):
            def limited():
                os.setgid(user)
                os.setuid(user)
                resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
            process = subprocess.Popen(
                [binary, "--port", str(harness.free_port()), "--workers", "4",
                 "--save", ""], cwd="/",
                preexec_fn=limited, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                out = process.communicate(timeout=2)[0].decode()
            except subprocess.TimeoutExpired:
                process.terminate()
                out = process.communicate()[0].decode()
                self.assertIn("Ready to accept connections", out)
                continue
            with self.subTest(limit=limit):
                self.assertEqual(process.returncode, 1, out)
                self.assertRegex(out.splitlines()[-1], "can't start a thread.* 11 are needed")
                self.assertNotIn("Ready", out)
                sentences += 1
        # The ninth, beside four workers, the page warmer, the administrator, storage and the
        # allocator's, is the main thread.
        self.assertEqual(sentences, 10)
