"""net-capture: frames of chosen peers in a file, which tcpdump could not see."""

import os
import struct
import time

import redis

from case import Case, pollux_only
from dpdk_case import OURS4, OURS6, THEIRS4, NetworkCase, Tap, Veth

PEER = THEIRS4.split("/")[0]
RECEIVED, SENT = 1, 2


def frames_of(path):
    """[(interface, direction, bytes, size)] of a file of pcapng; asserts that it is well formed."""
    with open(path, "rb") as f:
        data = f.read()
    frames, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0 and length >= 12 and at + length <= len(data), (at, length)
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        if kind == 6:
            interface, _, _, captured, size = struct.unpack_from("<IIIII", data, at + 8)
            options = at + 28 + (captured + 3) // 4 * 4
            code, option_bytes, flags = struct.unpack_from("<HHI", data, options)
            assert (code, option_bytes) == (2, 4)
            frames.append((interface, flags & 3, data[at + 28:at + 28 + captured], size))
        at += length
    return frames


class Capture(NetworkCase):

    def files(self, server):
        names = [name for name in os.listdir(server.directory)
                 if name.startswith("net-capture-")]
        paths = {name: os.path.join(server.directory, name) for name in names}
        return sorted(names, key=lambda name: os.stat(paths[name]).st_mtime)

    def captured(self, server, number=0):
        """Behind the end of a capture."""
        admin = server.redis()
        admin.config_set("net-capture", "")
        self.eventually(lambda: "more were lost" in server.log().split("net-capture")[-1],
                        what="the end of the capture in the log")
        return frames_of(os.path.join(server.directory, self.files(server)[number]))

    @pollux_only
    def test_what_peers_say_and_hear(self):
        server = self.serve(Tap())
        admin = server.redis()
        admin.config_set("net-capture", PEER)
        self.eventually(lambda: self.files(server), what="a file")
        self.client(server).set("key", "the value that is looked for")
        self.assertEqual(self.client(server).get("key"), b"the value that is looked for")
        self.client(server, OURS6).set("key6", "of another peer")
        frames = self.captured(server)
        for direction in (RECEIVED, SENT):
            self.assertTrue(any(b"the value that is looked for" in bytes_ and to == direction
                                for _, to, bytes_, _ in frames), direction)
        self.assertFalse(any(b"of another peer" in bytes_ for _, _, bytes_, _ in frames))
        self.assertLess({interface for interface, _, _, _ in frames}, set(range(Case.workers + 1)))
        mode = os.stat(os.path.join(server.directory, self.files(server)[0])).st_mode
        self.assertEqual(mode & 0o077, 0)
        # The next one is a file of its own.
        admin.config_set("net-capture", PEER)
        self.eventually(lambda: len(self.files(server)) == 2, what="another file")
        self.client(server).ping()
        self.assertTrue(self.captured(server, 1))

    @pollux_only
    def test_a_full_file_ends_and_the_server_goes_on(self):
        server = self.serve(Tap(), net_capture="0.0.0.0/0 ::/0", net_capture_max="64kb")
        client = self.client(server)
        for i in range(200):
            self.assertTrue(client.set("key", "x" * 1000))
        self.eventually(lambda: "is full" in server.log(), what="a full file")
        [name] = self.files(server)
        self.assertLessEqual(os.stat(os.path.join(server.directory, name)).st_size, 65536)
        self.assertTrue(client.ping())
        self.assertEqual(self.files(server), [name])
        self.assertGreater(len(frames_of(os.path.join(server.directory, name))), 30)

    @pollux_only
    def test_a_disk_that_blocks_hides_no_link(self):
        image = os.path.join(self.new_directory(), "disk")
        disk = self.new_directory()
        with open(image, "wb") as f:
            f.truncate(16 << 20)
        try:
            self.run_ip("-q", image, tool="mkfs.ext4")
            self.run_ip("-o", "loop", image, disk, tool="mount")
        except (AssertionError, FileNotFoundError) as problem:
            self.skipTest("no disk that can be frozen: %s" % problem)
        self.addCleanup(self.run_ip, disk, tool="umount")
        server = self.serve(Veth(), hosts=(OURS4,), dir=disk, net_capture="0.0.0.0/0")
        self.client(server).ping()
        self.eventually(lambda: os.listdir(disk) != ["lost+found"], what="a file")
        self.addCleanup(server.stop)  # before the disk goes
        self.run_ip("-f", disk, tool="fsfreeze")
        try:
            self.client(server).ping()
            time.sleep(0.5)
            self.run_ip("link", "set", "vkernel", "down")
            self.eventually(lambda: "down: nobody is reached" in server.log(), seconds=5,
                            what="the link's end in the log")
            self.run_ip("link", "set", "vkernel", "up")
            self.eventually(lambda: "dpdk-port is up" in server.log(), seconds=5,
                            what="the link in the log")
        finally:
            self.run_ip("-u", disk, tool="fsfreeze")
        self.eventually(lambda: self.answers(server), seconds=20, what="an answer")

    @pollux_only
    def test_words_that_are_none(self):
        server = self.serve(Tap(), hosts=(OURS4,))
        admin = server.redis()
        for wrong in ("nobody", "10.0.0.0/33"):
            with self.assertRaisesRegex(redis.ResponseError, "no address"):
                admin.config_set("net-capture", wrong)
        self.assertEqual(self.files(server), [])


class OnKernelSockets(Case):

    @pollux_only
    def test_it_says_who_can(self):
        server = self.start()
        with self.assertRaisesRegex(redis.ResponseError, "tcpdump"):
            server.redis().config_set("net-capture", "127.0.0.1")
