"""CLIENT TRACKING: who is told what, when and in which order. redis-server answers the same."""

import harness
from case import ServerCase, not_quick, pollux_only
from resp_client import Error, Push, Resp


def invalidate(*keys):
    return Push(["invalidate", list(keys)])


ALL = Push(["invalidate", None])
CHANNEL = "__redis__:invalidate"


class TrackingCase(ServerCase):

    def resp(self, protocol=2):
        client = Resp(self.server, protocol)
        self.addCleanup(client.close)
        return client

    def tracking(self, *args):
        client = self.resp(3)
        self.assertEqual(client("CLIENT", "TRACKING", "ON", *args), "OK")
        return client

    def setUp(self):
        super().setUp()
        self.writer = self.resp()

    def stat(self, name):
        return self.client.info("everything").get(name)


class Default(TrackingCase):

    def test_a_change_is_told_once_for_a_read(self):
        one = self.tracking()
        self.writer("SET", "k", "1")
        self.assertEqual(one.pushes(), [])
        one("GET", "k")
        self.writer("SET", "k", "2")
        self.writer("SET", "k", "3")
        self.assertEqual(one.pushes(), [invalidate("k")])

    def test_every_reader_is_told(self):
        readers = [self.tracking() for _ in range(9)]
        for reader in readers:
            reader("MGET", "a", "b", "c")
        self.writer("MSET", "c", "1", "d", "1", "a", "1")
        for reader in readers:
            self.assertEqual(sorted(reader.pushes()), [invalidate("a"), invalidate("c")])

    def test_own_changes_are_told_behind_the_reply(self):
        one = self.tracking()
        one("GET", "k")
        one.send("SET", "k", "1")
        self.assertEqual([one.message(), one.message()], ["OK", invalidate("k")])
        one("GET", "k")
        one("MULTI")
        one("GET", "k")
        one("SET", "k", "2")
        one("GET", "k")
        one.send("EXEC")
        self.assertEqual(one.message(), ["1", "OK", "2"])
        self.assertEqual(one.pushes(), [invalidate("k")])
        self.writer("SET", "k", "3")
        self.assertEqual(one.pushes(), [invalidate("k")])

    def test_a_pipeline_of_ones_own(self):
        one = self.tracking()
        for args in (["GET", "b"], ["SET", "b", "2"], ["GET", "b"], ["SET", "b", "3"],
                     ["GET", "c"]):
            one.send(*args)
        self.assertEqual([one.message() for _ in range(7)],
                         [None, "OK", invalidate("b"), "2", "OK", invalidate("b"), None])

    def test_noloop_spares_one_ones_own(self):
        one = self.tracking("NOLOOP")
        one("GET", "k")
        one("SET", "k", "1")
        self.writer("SET", "k", "2")  # forgotten with the first change
        self.assertEqual(one.pushes(), [])
        one("GET", "k")
        self.writer("SET", "k", "3")
        self.assertEqual(one.pushes(), [invalidate("k")])
        one("FLUSHALL")
        self.assertEqual(one.pushes(), [ALL])

    @pollux_only  # redis-server counts evictions as changes by whoever wrote, and tells nothing
    def test_noloop_does_not_spare_what_ones_own_writes_evict(self):
        one = self.tracking("NOLOOP")
        marks = ["mark%d" % i for i in range(200)]
        for mark in marks:
            self.writer("SET", mark, "v" * 200)
        one("MGET", *marks)
        self.addCleanup(self.client.config_set, "maxmemory", "0")
        self.client.config_set("maxmemory-policy", "allkeys-lru")
        self.addCleanup(self.client.config_set, "maxmemory-policy", "noeviction")
        self.client.config_set("maxmemory", self.client.info("memory")["used_memory"] + (2 << 20))
        for first in range(0, 20000, 500):
            one.socket.sendall(b"".join(harness.encode("SET", "own%d" % i, "v" * 200)
                                        for i in range(first, first + 500)))
            for _ in range(500):
                self.assertEqual(one.reply(), "OK")

        def told():
            one.pushed = one.pushes()
            return {push[1][0] for push in one.pushed}

        self.client.config_set("maxmemory", "0")
        gone = {mark for mark in marks if not self.client.exists(mark)}
        self.assertGreater(len(gone), 100)
        self.eventually(lambda: told() == gone, what="all that was evicted is told")

    def test_commands_that_change(self):
        one = self.tracking()
        for change in (["SET", "k", "1"], ["APPEND", "k", "1"], ["INCR", "k"], ["EXPIRE", "k", "9"],
                       ["PERSIST", "k"], ["GETEX", "k", "EX", "9"], ["SETRANGE", "k", "9", "x"],
                       ["SETBIT", "k", "80", "1"], ["RENAME", "k", "j"], ["COPY", "j", "k"],
                       ["MOVE", "k", "1"], ["GETDEL", "j"]):
            one("MGET", "k", "j")
            self.assertIsNot(type(self.writer(*change)), Error)
            self.assertIn(change[1] if change[0] != "COPY" else "k",
                          [push[1][0] for push in one.pushes()], change)

    def test_commands_that_read(self):
        one = self.tracking()
        self.writer("SET", "k", "1")
        for read in (["GET", "k"], ["EXISTS", "k"], ["TTL", "k"], ["TYPE", "k"], ["STRLEN", "k"],
                     ["GETRANGE", "k", "0", "1"], ["BITCOUNT", "k"], ["TOUCH", "k"],
                     ["OBJECT", "ENCODING", "k"]):
            one(*read)
            self.writer("SET", "k", "2")
            self.assertEqual(one.pushes(), [invalidate("k")], read)
        for other in (["KEYS", "*"], ["SCAN", "0"], ["DBSIZE"], ["RANDOMKEY"], ["GETEX", "k"],
                      ["INCR", "k"]):
            one(*other)
            one.pushes()
            self.writer("SET", "k", "2")
            self.assertEqual(one.pushes(), [], other)

    def test_absent_keys_and_expiry(self):
        one = self.tracking()
        one("GET", "k")
        self.writer("SET", "k", "1", "PX", "50")
        self.assertEqual(one.pushes(), [invalidate("k")])
        self.assertIn(one("TTL", "k"), (0, -2))
        self.eventually(lambda: self.writer("GET", "k") is None)
        self.eventually(lambda: one.pushes() == [invalidate("k")] or
                        one("EXISTS", "k") + 1 == 0, what="the invalidation of an expired key")

    def test_names_not_databases(self):
        one = self.tracking()
        one("GET", "k")
        self.writer("SELECT", "3")
        self.writer("SET", "k", "1")
        self.assertEqual(one.pushes(), [invalidate("k")])

    def test_flush(self):
        one, two = self.tracking(), self.tracking("BCAST")
        one("GET", "k")
        for flush in ("FLUSHALL", "FLUSHDB"):
            self.writer(flush)
            self.assertEqual([one.pushes(), two.pushes()], [[ALL], [ALL]])
        self.writer("SET", "k", "1")
        self.assertEqual(one.pushes(), [])

    def test_replies_off_are_not_pushes_off(self):
        one = self.tracking()
        one("GET", "k")
        one.send("CLIENT", "REPLY", "OFF")
        self.assertTrue(one.nothing_comes())
        self.writer("SET", "k", "1")
        self.assertEqual(one.message(), invalidate("k"))

    def test_resp2_alone_is_told_nothing(self):
        one = self.resp(2)
        self.assertEqual(one("CLIENT", "TRACKING", "ON"), "OK")
        one("GET", "k")
        self.writer("SET", "k", "1")
        self.writer("FLUSHALL")
        self.assertEqual(one("PING"), "PONG")

    def test_an_end_of_it(self):
        for end in (["CLIENT", "TRACKING", "OFF"], ["RESET"]):
            one = self.tracking()
            one("GET", "k")
            one(*end)
            one("HELLO", "3")
            self.writer("SET", "k", "1")
            self.assertEqual(one.pushes(), [], end)

    def test_many_keys_of_many_clients(self):
        readers = [self.tracking() for _ in range(6)]
        keys = ["key:%d" % i for i in range(300)]
        for reader in readers:
            reader("MGET", *keys)
        for key in keys:
            self.writer.send("INCR", key)
        for _ in keys:
            self.writer.reply()
        for reader in readers:
            self.assertEqual(sorted(push[1][0] for push in reader.pushes()), sorted(keys))
        self.eventually(lambda: self.stat("tracking_total_keys") == 0)


class Opting(TrackingCase):

    def test_in(self):
        one = self.tracking("OPTIN")
        one("GET", "k")
        self.writer("SET", "k", "1")
        self.assertEqual(one.pushes(), [])
        self.assertEqual(one("CLIENT", "CACHING", "YES"), "OK")
        one("GET", "k")
        one("GET", "j")
        self.writer("MSET", "k", "2", "j", "2")
        self.assertEqual(one.pushes(), [invalidate("k")])
        self.assertIsInstance(one("CLIENT", "CACHING", "NO"), Error)

    def test_in_for_a_transaction(self):
        one = self.tracking("OPTIN")
        one("CLIENT", "CACHING", "YES")
        one("MULTI")
        one("GET", "m1")
        one("GET", "m2")
        one("EXEC")
        one("GET", "m3")
        self.writer("MSET", "m1", "1", "m2", "2", "m3", "3")
        self.assertEqual(sorted(one.pushes()), [invalidate("m1"), invalidate("m2")])

    def test_out(self):
        one = self.tracking("OPTOUT")
        one("CLIENT", "CACHING", "NO")
        one("GET", "k")
        one("GET", "j")
        self.writer("MSET", "k", "2", "j", "2")
        self.assertEqual(one.pushes(), [invalidate("j")])
        self.assertIsInstance(one("CLIENT", "CACHING", "YES"), Error)


class Broadcast(TrackingCase):

    def test_all_keys_of_a_command_at_once_in_order(self):
        one = self.tracking("BCAST")
        self.writer("MSET", "z", "1", "a", "2", "m", "3", "a", "4")
        self.assertEqual(one.pushes(), [invalidate("a", "m", "z")])
        one.send("MSET", "c", "1", "b", "2")
        self.assertEqual([one.message(), one.message()], ["OK", invalidate("b", "c")])

    def test_prefixes(self):
        one = self.tracking("BCAST", "PREFIX", "zip:", "PREFIX", "foo:", "PREFIX", "bar:")
        self.writer("MSET", "foo:2", "1", "foo:1", "1", "bar:1", "1", "zip:1", "3", "x", "4",
                    "bar:0", "2")
        self.assertEqual(one.pushes(), [invalidate("bar:0", "bar:1"), invalidate("foo:1", "foo:2"),
                                        invalidate("zip:1")])
        self.assertEqual(one("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "x"), "OK")
        self.writer("SET", "x", "5")
        self.assertEqual(one.pushes(), [invalidate("x")])

    def test_noloop(self):
        one = self.tracking("BCAST", "NOLOOP")
        one("MSET", "a", "1", "b", "2")
        self.assertEqual(one.pushes(), [])
        self.writer("MSET", "a", "1", "b", "2")
        self.assertEqual(one.pushes(), [invalidate("a", "b")])

    def test_prefixes_are_forgotten(self):
        one = self.tracking("BCAST", "PREFIX", "a", "PREFIX", "b")
        two = self.tracking("BCAST", "PREFIX", "b")
        self.eventually(lambda: self.stat("tracking_total_prefixes") == 2)
        one.close()
        self.eventually(lambda: self.stat("tracking_total_prefixes") == 1)
        two("CLIENT", "TRACKING", "OFF")
        self.eventually(lambda: self.stat("tracking_total_prefixes") == 0)

    @pollux_only
    @not_quick  # an instrumented build has no figures of the allocator
    def test_what_prefixes_take_is_the_clients(self):
        given, told = self.stat("allocator_allocated"), self.stat("mem_clients_normal")
        one = self.tracking("BCAST", *[word for number in range(20000)
                                       for word in ("PREFIX", "p%019d" % number)])
        # Other workers hear of it a little later.
        self.eventually(lambda: self.stat("tracking_total_prefixes") == 20000)
        self.eventually(lambda: self.stat("mem_clients_normal") - told > 20000 * 80 + (
            20000 * 200 * self.workers))
        given = self.stat("allocator_allocated") - given
        told = self.stat("mem_clients_normal") - told
        weight = int(one("CLIENT", "INFO").split(" tot-mem=")[1].split()[0])
        for bytes_told in (told, weight):
            self.assertGreater(bytes_told, given * 0.8)
            self.assertLess(bytes_told, given * 1.2)
        self.client.config_set("maxmemory-clients", str(weight // 2))
        self.addCleanup(self.client.config_set, "maxmemory-clients", "0")
        self.eventually(lambda: self.stat("evicted_clients") == 1)


class Redirect(TrackingCase):

    def pair(self, protocol, *args):
        one, target = self.resp(2), self.resp(protocol)
        number = target("CLIENT", "ID")
        if protocol == 2:
            target("SUBSCRIBE", CHANNEL)
        self.assertEqual(one("CLIENT", "TRACKING", "ON", "REDIRECT", number, *args), "OK")
        self.assertEqual(one("CLIENT", "GETREDIR"), number)
        return one, target, number

    def test_to_a_subscriber(self):
        one, target, _ = self.pair(2)
        one("GET", "k")
        self.writer("SET", "k", "1")
        self.assertEqual(target.message(), ["message", CHANNEL, ["k"]])
        one("GET", "k")
        one("SET", "k", "2")
        self.assertEqual(target.message(), ["message", CHANNEL, ["k"]])
        self.writer("FLUSHALL")
        self.assertEqual(target.message(), ["message", CHANNEL, None])

    def test_to_one_that_does_not_listen(self):
        one, target = self.resp(2), self.resp(2)
        one("CLIENT", "TRACKING", "ON", "REDIRECT", target("CLIENT", "ID"))
        one("GET", "k")
        self.writer("SET", "k", "1")
        self.assertTrue(target.nothing_comes())

    def test_to_resp3(self):
        one, target, _ = self.pair(3, "BCAST")
        one("GET", "k")
        self.writer("MSET", "k", "1", "j", "1")
        self.assertEqual(target.message(), invalidate("j", "k"))
        self.writer("FLUSHALL")
        self.assertEqual(target.message(), ALL)

    def test_noloop(self):
        one, target, _ = self.pair(3, "NOLOOP")
        one("GET", "k")
        one("SET", "k", "1")
        one("GET", "j")
        self.writer("SET", "j", "1")
        self.assertEqual(target.message(), invalidate("j"))

    def test_whom_it_goes_to_leaves(self):
        one, target, number = self.pair(3)
        self.assertEqual(one("HELLO", "3")["proto"], 3)
        target.close()
        self.eventually(lambda: str(number) not in
                        [line["id"] for line in self.client.client_list()])
        one("GET", "k")
        self.writer("SET", "k", "1")
        self.assertEqual(one.message(), Push(["tracking-redir-broken", number]))
        info = one("CLIENT", "TRACKINGINFO")
        self.assertEqual(info["flags"], ["on", "broken_redirect"])
        self.assertEqual(info["redirect"], number)
        self.assertIn(" flags=tR ", one("CLIENT", "INFO"))
        one("CLIENT", "TRACKING", "ON")
        self.assertEqual(one("CLIENT", "TRACKINGINFO")["flags"], ["on"])
        one("GET", "k")
        self.writer("SET", "k", "1")
        self.assertEqual(one.message(), invalidate("k"))

    def test_errors(self):
        one, two = self.resp(), self.resp()
        number = two("CLIENT", "ID")
        self.assertEqual(one("CLIENT", "TRACKING", "ON", "REDIRECT", "99999999"),
                         "ERR The client ID you want redirect to does not exist")
        self.assertEqual(one("CLIENT", "TRACKING", "ON", "REDIRECT", number, "REDIRECT", number),
                         "ERR A client can only redirect to a single other client")


class State(TrackingCase):

    def test_info_and_list(self):
        self.eventually(lambda: self.stat("tracking_clients") == 0)
        one, two = self.tracking(), self.tracking("BCAST", "PREFIX", "p")
        one("MGET", "a", "b", "c")
        self.assertEqual(self.stat("tracking_clients"), 2)
        self.assertEqual(self.stat("tracking_total_keys"), 3)
        self.assertEqual(self.stat("tracking_total_items"), 3)
        self.assertEqual(self.stat("tracking_total_prefixes"), 1)
        self.assertRegex(one("CLIENT", "INFO"), r" flags=t .* redir=0 ")
        self.assertRegex(two("CLIENT", "INFO"), r" flags=tB .* redir=0 ")
        self.assertEqual(two("CLIENT", "TRACKINGINFO"),
                         {"flags": ["on", "bcast"], "redirect": 0, "prefixes": ["p"]})
        self.writer("SET", "a", "1")
        self.assertEqual(self.stat("tracking_total_keys"), 2)

    def test_the_table_is_limited(self):
        one = self.tracking()
        self.addCleanup(self.client.config_set, "tracking-table-max-keys", 1000000)
        self.client.config_set("tracking-table-max-keys", 20)
        keys = ["key:%d" % i for i in range(200)]
        one("MGET", *keys)
        self.eventually(lambda: self.stat("tracking_total_keys") <= 20)
        forgotten = {push[1][0] for push in one.pushes()}
        self.assertGreaterEqual(len(forgotten), 180)
        # What was not forgotten is still told.
        self.writer("MSET", *[word for key in keys for word in (key, "1")])
        told = {push[1][0] for push in one.pushes()}
        self.assertEqual(forgotten | told, set(keys))
        self.assertEqual(forgotten & told, set())

    def test_options_that_do_not_fit(self):
        one = self.resp()
        track = ("CLIENT", "TRACKING")
        for args in (["maybe"], ["ON", "foo"], ["ON", "PREFIX", "a"], ["ON", "OPTIN", "OPTOUT"],
                     ["ON", "BCAST", "OPTIN"], ["ON", "REDIRECT"], ["ON", "REDIRECT", "x"],
                     ["ON", "BCAST", "PREFIX", "a", "PREFIX", "ab"], ["OFF", "foo"]):
            self.assertIsInstance(one(*track, *args), Error, args)
        self.assertEqual(one("CLIENT", "TRACKINGINFO")[1], ["off"])
        self.assertEqual(one(*track, "ON", "BCAST", "PREFIX", "foo"), "OK")
        self.assertEqual(one(*track, "ON", "BCAST", "PREFIX", "fo"),
                         "ERR Prefix 'fo' overlaps with an existing prefix 'foo'. Prefixes for a "
                         "single client must not overlap.")
        self.assertIsInstance(one(*track, "ON"), Error)
        self.assertEqual(one(*track, "OFF"), "OK")
        self.assertEqual(one(*track, "ON", "OPTIN"), "OK")
        self.assertIsInstance(one(*track, "ON", "OPTOUT"), Error)
        self.assertEqual(one(*track, "ON", "NOLOOP"), "OK")
        self.assertEqual(one("CLIENT", "TRACKINGINFO")[1], ["on", "noloop"])

    def test_those_who_leave_disturb_nobody(self):
        stays = self.tracking()
        for i in range(30):
            leaves = self.tracking(*(["BCAST"] if i % 3 == 0 else []))
            leaves("GET", "k")
            stays("GET", "k")
            if i % 2 == 0:
                leaves.close()
                self.writer("SET", "k", str(i))
            else:
                self.writer.send("SET", "k", str(i))
                leaves.close()
                self.writer.reply()
            self.assertEqual(stays.pushes(), [invalidate("k")])
        self.eventually(lambda: self.stat("tracking_clients") == 1)
