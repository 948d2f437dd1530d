"""Configuration: files of Redis, options on the command line, bad lines, CONFIG."""

import os
import socket
import tempfile
import unittest

import redis

import harness
from case import Case, ServerCase, only_once, pollux_only

DEBIAN_CONFIG = "/etc/redis/redis.conf"


class ConfigFile(Case):

    def config_file(self, text):
        handle, path = tempfile.mkstemp(suffix=".conf")
        with os.fdopen(handle, "w") as f:
            f.write(text)
        self.addCleanup(os.unlink, path)
        return path

    def refused(self, text=None, **options):
        """Starts a server that is to refuse; its message."""
        path = self.config_file(text) if text is not None else None
        server = self.start(config=path, expect_start=False, **options)
        status = server.wait()
        self.assertIsNotNone(status, "the server started:\n" + server.log())
        self.assertEqual(status, 1, server.log())
        return server.log()

    @only_once
    def test_debian_configuration_starts(self):
        if not os.access(DEBIAN_CONFIG, os.R_OK):
            raise unittest.SkipTest(DEBIAN_CONFIG + " is not readable")
        with open(DEBIAN_CONFIG) as f:
            path = self.config_file(f.read())
        server = self.start(config=path, logfile="", pidfile=os.path.join(
            tempfile.gettempdir(), "pollux-test-%d.pid" % os.getpid()), save=None)
        client = server.redis()
        self.assertTrue(client.set("k", "v"))
        self.assertEqual(client.config_get("tcp-backlog"), {"tcp-backlog": "511"})
        self.assertEqual(server.terminate(), 0)

    @only_once
    def test_save_points_are_those_of_redis(self):
        path = self.config_file("timeout 7\n")
        for options in ({"save": None}, {"save": None, "config": path},
                        {"save": "", "config": path}, {"save": ["900", "1"], "config": path}):
            config = options.pop("config", None)
            theirs = harness.start_redis(options, config=config)
            self.addCleanup(theirs.stop)
            self.assertEqual(self.start(config=config, **options).redis().config_get("save"),
                             theirs.redis().config_get("save"))

    @only_once
    @pollux_only
    def test_a_control_page_deletes_no_foreign_file(self):
        path = self.config_file("timeout 7\n")
        self.assertRegex(self.refused(control_page=path), "no control page.*deletes nothing")
        link = path + ".link"
        os.symlink(path, link)
        self.addCleanup(os.unlink, link)
        self.assertRegex(self.refused(control_page=link), "symbolic link.*deletes nothing")
        with open(path) as f:
            self.assertEqual(f.read(), "timeout 7\n")
        # What a killed server left is taken over, and goes with the next one's end.
        server = self.start()
        page = os.path.join(server.directory, "page")
        self.start(control_page=page).stop()
        self.assertTrue(os.path.exists(page))
        self.assertEqual(self.start(control_page=page).terminate(), 0)
        self.assertFalse(os.path.exists(page))

    @only_once
    def test_unknown_directive(self):
        message = self.refused("timeout 10\n\nnosuchdirective 1\n")
        self.assertIn("at line 3", message)
        self.assertIn("nosuchdirective", message)
        self.assertIn("Bad directive or wrong number of arguments", message)

    @only_once
    def test_bad_value(self):
        message = self.refused("maxclients many\n")
        self.assertIn("at line 1", message)
        self.assertIn("argument couldn't be parsed into an integer", message)

    @only_once
    @pollux_only
    def test_a_mistake_is_placed(self):
        included = self.config_file("timeout 10\nport many\n")
        message = self.refused("timeout 10\n\n\ninclude %s\n" % included)
        self.assertIn("'%s', at line 2" % included, message)
        self.assertIn("options of the command line", self.refused("timeout 10\n", timeout="many"))

    @only_once
    def test_bad_boolean(self):
        self.assertIn("argument must be 'yes' or 'no'", self.refused("daemonize maybe\n"))

    @only_once
    def test_unbalanced_quotes(self):
        self.assertIn("Unbalanced quotes", self.refused('requirepass "abc\n'))

    @only_once
    def test_missing_file(self):
        server = self.start(config="/nonexistent/pollux.conf", expect_start=False)
        self.assertEqual(server.wait(), 1)
        self.assertIn("/nonexistent/pollux.conf", server.log())

    @only_once
    def test_comments_quotes_memory_units_and_override(self):
        path = self.config_file('# a comment\n\n  maxmemory 100mb\nrequirepass "s\\x65cret"\n'
                                "timeout 7\n")
        server = self.start(config=path, timeout="9")
        client = server.redis(password="secret")
        self.assertEqual(client.config_get("maxmemory"), {"maxmemory": str(100 << 20)})
        self.assertEqual(client.config_get("timeout"), {"timeout": "9"})


class Password(Case):

    def test_requirepass(self):
        server = self.start(requirepass="pw")
        with self.assertRaises(redis.AuthenticationError):
            server.redis().get("k")
        with self.assertRaises(redis.ResponseError):
            server.redis(password="wrong").ping()
        client = server.redis(password="pw")
        self.assertTrue(client.set("k", "v"))
        self.assertTrue(server.redis(username="default", password="pw").ping())
        client.config_set("requirepass", "other")
        self.assertEqual(client.get("k"), b"v")
        self.assertTrue(server.redis(password="other").ping())
        with self.assertRaises(redis.ResponseError):
            server.redis(password="pw").ping()


class ConfigCommand(ServerCase):

    def test_get_patterns(self):
        found = self.client.config_get("max*")
        self.assertIn("maxmemory", found)
        self.assertIn("maxclients", found)
        self.assertGreater(len(self.client.config_get("*")), 100)

    def test_set_is_seen_by_every_connection(self):
        self.client.config_set("maxmemory", "1gb")
        for _ in range(8):
            self.assertEqual(self.server.redis().config_get("maxmemory"),
                             {"maxmemory": str(1 << 30)})
        self.client.config_set("maxmemory", "0")

    def test_a_changed_server_ends_cleanly(self):
        # The main thread goes by the options of the start; workers have freed that version by then.
        server = self.start(pidfile="pid", unixsocket="sock")
        client = server.redis()
        for i in range(100):
            client.config_set("timeout", i % 7)
        self.assertEqual(server.terminate(), 0)

    def test_port_and_addresses_change_while_running(self):
        server = self.start(unixsocket="sock")
        first = server.redis()
        self.assertTrue(first.ping())
        old = server.port
        for _ in range(3):
            port = harness.free_port()
            first.config_set("port", port)
            self.assertEqual(first.info("server")["tcp_port"], port)
            for _ in range(10):
                self.assertTrue(redis.Redis(port=port).ping())
            self.eventually(lambda: not self.listens(old), what="the old port closed")
            old = port
        first.config_set("bind", "127.0.0.1 -::1 -192.0.2.77")
        self.assertTrue(redis.Redis(port=old).ping())
        self.assertEqual(first.config_get("bind"), {"bind": "127.0.0.1 -::1 -192.0.2.77"})
        first.config_set("port", "0")
        self.eventually(lambda: not self.listens(old), what="no port at all")
        unix = redis.Redis(unix_socket_path=server.directory + "/sock")
        unix.config_set("port", old)
        self.assertTrue(redis.Redis(port=old).ping())
        self.assertTrue(first.ping())
        self.assertEqual(server.terminate(), 0)

    def listens(self, port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def test_a_taken_port_is_refused(self):
        server = self.start()
        client = server.redis()
        for taken in (self.start(), harness.start_redis()):
            self.addCleanup(taken.stop)
            with self.assertRaisesRegex(redis.ResponseError, "argument 'port'.*Unable to listen"):
                client.config_set("port", taken.port)
        with self.assertRaisesRegex(redis.ResponseError, "argument 'bind'.*Failed to bind"):
            client.config_set("bind", "192.0.2.77")
        self.assertEqual(client.config_get("port"), {"port": str(server.port)})
        self.assertTrue(server.redis().ping())

    def test_keepalive_of_new_connections_changes(self):
        server = self.start()
        server.redis().config_set("tcp-keepalive", "77")
        with server.connect() as s:
            s.sendall(b"PING\r\n")
            s.recv(16)
            ends = [":%04X" % server.port, ":%04X" % s.getsockname()[1]]
            with open("/proc/net/tcp") as f:
                rows = [line.split() for line in f]
        [timer] = [row[5] for row in rows
                   if row[1].endswith(ends[0]) and row[2].endswith(ends[1])]
        kind, when = timer.split(":")
        self.assertEqual(kind, "02")  # keepalive
        self.assertIn(int(when, 16) // os.sysconf("SC_CLK_TCK"), range(70, 78))

    @only_once
    def test_spellings_are_those_of_redis(self):
        theirs = harness.start_redis()
        self.addCleanup(theirs.stop)
        for name, value in (("oom-score-adj", "Relative"), ("oom-score-adj", "yes"),
                            ("maxmemory-clients", "0%"), ("maxmemory-clients", "05%"),
                            ("bind", "127.0.0.1 127.0.0.1"), ("bind", "127.0.0.1 -127.0.0.1"),
                            ("bind", "* 127.0.0.1")):
            results = []
            for client in (theirs.redis(), self.client):
                try:
                    client.config_set(name, value)
                    results.append(None)
                except redis.ResponseError as error:
                    results.append(str(error))
                results.append(client.config_get(name)[name])
                client.config_set("oom-score-adj", "no")
            with self.subTest(name, value=value):
                self.assertEqual(results[:2], results[2:])

    def test_set_refuses(self):
        for name, value in (("nosuch", "1"), ("maxmemory", "lots"), ("port", "x")):
            with self.assertRaises(redis.ResponseError):
                self.client.config_set(name, value)

    def test_resetstat(self):
        self.client.get("k")
        self.client.config_resetstat()
        self.assertLess(self.client.info("stats")["total_commands_processed"], 5)
