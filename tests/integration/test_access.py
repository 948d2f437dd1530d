"""Who may connect: protected-mode and allow-from."""

import socket
import subprocess

import redis

from case import Case, only_once, pollux_only


def own_address():
    """An address of this host that is not the loopback's; None if there is none."""
    text = subprocess.run(["hostname", "-I"], stdout=subprocess.PIPE, check=True).stdout.decode()
    v4 = [word for word in text.split() if "." in word]
    return v4[0] if v4 else None


class Access(Case):

    def setUp(self):
        super().setUp()
        self.address = own_address()
        if self.address is None:
            self.skipTest("this host has no address besides its loopback")

    def hear(self, server):
        """What a stranger hears: at once if he is not wanted, else the answer to PING."""
        with socket.create_connection((self.address, server.port), timeout=1) as stranger:
            try:
                return stranger.recv(4096)
            except socket.timeout:
                stranger.settimeout(10)
                stranger.sendall(b"PING\r\n")
                return stranger.recv(4096)

    def test_protected_mode(self):
        server = self.start(bind="0.0.0.0")
        self.assertTrue(self.hear(server).startswith(b"-DENIED"))
        self.assertTrue(server.redis().ping())
        server.redis().config_set("protected-mode", "no")
        self.assertEqual(self.hear(server), b"+PONG\r\n")
        server.redis().config_set("protected-mode", "yes")
        server.redis().config_set("requirepass", "x")
        self.assertTrue(self.hear(server).startswith(b"-NOAUTH"))

    @pollux_only
    def test_allow_from(self):
        server = self.start(bind="0.0.0.0", protected_mode="no",
                            allow_from=["10.255.255.0/24", "fd00::/8"], unixsocket="sock")
        client = server.redis()
        self.assertTrue(client.ping())  # this host may always
        self.assertTrue(redis.Redis(unix_socket_path=server.directory + "/sock").ping())
        for _ in range(5):
            heard = self.hear(server)
            self.assertIn(b"allow-from", heard)
            self.assertTrue(heard.startswith(b"-DENIED"))
        info = client.info("everything")
        self.assertEqual(info["connections_denied"], 5)
        self.assertEqual(info["rejected_connections"], 5)
        log = server.log()
        self.assertIn("allow-from", log)
        self.assertIn(self.address, log)
        self.assertLessEqual(log.count("allow-from does not name"), 4)  # once per worker
        client.config_set("allow-from", "10.255.255.0/24 " + self.address)
        self.assertEqual(self.hear(server), b"+PONG\r\n")
        client.config_set("allow-from", self.address.rsplit(".", 1)[0] + ".0/24")
        self.assertEqual(self.hear(server), b"+PONG\r\n")
        client.config_set("allow-from", "")
        self.assertEqual(self.hear(server), b"+PONG\r\n")

    @only_once
    @pollux_only
    def test_allow_from_refuses_what_is_no_block(self):
        client = self.start().redis()
        for value in ("localhost", "10.0.0.0/33", "10.0.0.0/8 x"):
            with self.assertRaisesRegex(redis.ResponseError, "no address or CIDR block"):
                client.config_set("allow-from", value)
        self.assertEqual(client.config_get("allow-from"), {"allow-from": ""})

    @pollux_only
    def test_who_is_in_stays_in(self):
        server = self.start(bind="0.0.0.0", protected_mode="no")
        with socket.create_connection((self.address, server.port), timeout=10) as stranger:
            stranger.sendall(b"PING\r\n")
            self.assertEqual(stranger.recv(64), b"+PONG\r\n")
            server.redis().config_set("allow-from", "192.0.2.1")
            stranger.sendall(b"PING\r\n")
            self.assertEqual(stranger.recv(64), b"+PONG\r\n")
            self.assertTrue(self.hear(server).startswith(b"-DENIED"))
