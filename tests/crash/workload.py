"""What clients do to a server that will be killed, and what must be there when it is back.

Each client has keys of its own and changes them in an order that it remembers. A crash may only
leave a beginning of that order: state_after() finds which, and it must be long enough to hold all
that was promised. What all clients change has a sum that stays."""

import socket
import threading
import time

import harness

DATABASES = 3
TEXTS = 8  # strings of a client
ACCOUNTS = 6
BALANCE = 1000
RING = 7  # tokens that go around two lists
FILLER_DATABASE = 5


class Died(Exception):
    """The server has closed the connection."""


def end_of_reply(data, at):
    """Where the reply that begins at `at` ends; None if it is not all there."""
    line_end = data.find(b"\r\n", at)
    if line_end < 0:
        return None
    kind = data[at:at + 1]
    if kind in b"+-:":
        return line_end + 2
    count = int(data[at + 1:line_end])
    at = line_end + 2
    if kind == b"$":
        if count < 0:
            return at
        return at + count + 2 if len(data) >= at + count + 2 else None
    for _ in range(max(count, 0)):
        at = end_of_reply(data, at)
        if at is None:
            return None
    return at


class Link:
    """A connection on which replies are counted, not understood."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Died() from error

    def replies(self):
        """Those that are there; waits for the first."""
        found = []
        while not found:
            try:
                piece = self.socket.recv(1 << 18)
            except socket.timeout:
                raise AssertionError("no reply within 30 s") from None
            except OSError as error:
                raise Died() from error
            if not piece:
                raise Died()
            self.buffer += piece
            at = 0
            while at < len(self.buffer):
                end = end_of_reply(self.buffer, at)
                if end is None:
                    break
                found.append(self.buffer[at:end])
                at = end
            self.buffer = self.buffer[at:]
        return found


def wait_serving(server):
    """Until it has loaded what there is."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not server.alive():
            raise AssertionError("the server does not start: " + server.log(1500))
        try:
            link = Link(server.port)
            link.send(harness.encode("PING"))
            reply = link.replies()[0]
            link.close()
            if reply == b"+PONG\r\n":
                return
        except (OSError, Died):
            pass
        time.sleep(0.002)
    raise AssertionError("the server is not ready within 60 s: " + server.log(1500))


class Step:
    """One change of a client's keys: requests, and what they do to its state."""

    def __init__(self, requests, change, multi=False):
        self.bytes = b"".join(harness.encode(*request) for request in requests)
        self.replies = len(requests)
        self.change = change
        if multi:
            self.bytes = harness.encode("MULTI") + self.bytes + harness.encode("EXEC")
            self.replies += 2


def put(name, value):
    def change(state):
        state[name] = value
    return change


def add(name, value):
    def change(state):
        state[name] = state.get(name, 0) + value
    return change


def drop(name):
    return lambda state: state.pop(name, None)


def all_of(changes):
    def change(state):
        for one in changes:
            one(state)
    return change


class Client:
    """One of those. A life is from a start of the server to its end."""

    def __init__(self, number, rng):
        self.number = number
        self.rng = rng
        self.database = number % DATABASES
        self.state = {}  # at the beginning of the life
        self.before = None  # the same of the life before, with its steps
        self.written = 0
        self.steps = []
        self.acknowledged = []  # (when sent, when answered, steps until there)
        self.failure = None

    def begin_life(self, port):
        self.port = port
        self.steps = []
        self.acknowledged = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def end_life(self):
        """The server has ended."""
        self.thread.join(60)
        if self.thread.is_alive():
            self.failure = AssertionError("does not notice that the server has ended")

    def name(self, suffix):
        return b"%d:%s" % (self.number, suffix)

    # --- what it does ---

    def value(self):
        self.written += 1
        size = self.rng.choice((0, 0, 0, 10, 100, 1000))
        if self.rng.random() < 0.004:
            size = 150000
        return b"%d-%s" % (self.written, b"v" * size)

    def text(self):
        return self.name(b"s%d" % self.rng.randrange(TEXTS))

    def simple_step(self):
        kind = self.rng.randrange(8)
        if kind <= 1:
            name, value = self.text(), self.value()
            return [("SET", name, value)], put(name, value)
        if kind == 2:
            return [("INCR", self.name(b"n"))], add(self.name(b"n"), 1)
        if kind == 3:
            name = self.text()
            return [("DEL", name)], drop(name)
        if kind == 4:
            values = {self.text(): self.value() for _ in range(4)}
            words = [word for pair in values.items() for word in pair]
            return [("MSET", *words)], lambda state: state.update(values)
        if kind == 5:
            field, value = b"f%d" % self.rng.randrange(6), self.value()
            if self.rng.random() < 0.3:
                return [("HDEL", self.name(b"h"), field)], drop((b"h", field))
            return [("HSET", self.name(b"h"), field, value)], put((b"h", field), value)
        if kind == 6:
            member = b"m%d" % self.rng.randrange(4)
            return [("ZINCRBY", self.name(b"z"), 2, member)], add((b"z", member), 2)
        value = self.value()[:50]

        def push(state):
            state[b"l"] = (state.get(b"l", ()) + (value,))[-5:]
        return [("EVERY", value)], push

    def step(self):
        if self.rng.random() < 0.2:
            source, target = self.rng.sample(range(ACCOUNTS), 2)
            amount = self.rng.randrange(100)
            return Step([("DECRBY", b"account:%d" % source, amount),
                         ("INCRBY", b"account:%d" % target, amount),
                         ("INCR", self.name(b"t"))], add(self.name(b"t"), 1), multi=True)
        if self.rng.random() < 0.1:
            return Step([("SET", b"fleeting:%d" % self.rng.randrange(50), "x", "PX", 15)],
                        lambda state: None)
        if self.rng.random() < 0.1:
            return Step([("LMOVE", "ring:a", "ring:b", "LEFT", "RIGHT")], lambda state: None)
        several = self.rng.random() < 0.2
        requests, changes = [], []
        for _ in range(3 if several else 1):
            more, change = self.simple_step()
            if more[0][0] == "EVERY":  # two commands, so only as one step
                more = [("RPUSH", self.name(b"l"), more[0][1]), ("LTRIM", self.name(b"l"), -5, -1)]
                several = True
            requests += more
            changes.append(change)
        return Step(requests, all_of(changes), multi=several)

    def run(self):
        try:
            self.live()
        except Died:
            pass
        except Exception as error:  # pylint: disable=broad-except  # told by the main thread
            self.failure = error

    def live(self):
        try:
            link = Link(self.port)
        except OSError as error:
            raise Died() from error
        try:
            link.send(harness.encode("SELECT", self.database))
            link.replies()
            while True:
                self.batch(link)
        finally:
            link.close()

    def batch(self, link):
        size = self.rng.choice((1, 1, 2, 5, 20, 60))
        batch = [self.step() for _ in range(size)]
        before = len(self.steps)
        self.steps += batch
        sent = time.monotonic()
        link.send(b"".join(step.bytes for step in batch))
        ends = []
        total = 0
        for step in batch:
            total += step.replies
            ends.append(total)
        have = done = 0
        while have < total:
            for reply in link.replies():
                have += 1
                if reply[:1] == b"-":
                    raise AssertionError("refused: %r" % reply)
            while done < size and ends[done] <= have:
                done += 1
            self.acknowledged.append((sent, time.monotonic(), before + done))

    # --- what must be there ---

    def found(self, ask):
        """Its state as the server has it."""
        state = {}
        ask("SELECT", self.database)
        names = [self.name(b"s%d" % i) for i in range(TEXTS)]
        for name, value in zip(names, ask("MGET", *names)):
            if value is not None:
                state[name] = value
        for name in (self.name(b"n"), self.name(b"t")):
            value = ask("GET", name)
            if value is not None:
                state[name] = int(value)
        values = ask("LRANGE", self.name(b"l"), 0, -1)
        if values:
            state[b"l"] = tuple(values)
        for kind, words in ((b"h", ask("HGETALL", self.name(b"h"))),
                            (b"z", ask("ZRANGE", self.name(b"z"), 0, -1, "WITHSCORES"))):
            for member, value in zip(words[::2], words[1::2]):
                state[(kind, member)] = value if kind == b"h" else int(value)
        return state

    def steps_in(self, found, promised):
        """After how many steps the state was as it was found; None: it never was. Those from
        `promised` on are looked at first."""
        state = dict(self.state)
        earlier = None
        for count in range(len(self.steps) + 1):
            if state == found:
                if count >= promised:
                    return count
                earlier = count
            if count < len(self.steps):
                self.steps[count].change(state)
        return earlier

    def came_back(self, found):
        """Whether this is what the life before left, with more of it than there was when this one
        began. After two power failures a file system may show that: the block at the end of the
        file was written with more than the file had, and this life, of which nothing was synced,
        has made the file longer."""
        if self.before is None:
            return False
        state, steps = dict(self.before[0]), self.before[1]
        for step in steps:
            if state == found:
                return True
            step.change(state)
        return state == found

    def state_after(self, count):
        state = dict(self.state)
        for step in self.steps[:count]:
            step.change(state)
        return state


class Mover:
    """Waits for tokens of the ring, and moves them on."""

    def __init__(self):
        self.failure = None

    def begin_life(self, port):
        self.port = port
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def end_life(self):
        self.thread.join(60)

    def run(self):
        try:
            link = Link(self.port)
            while True:
                link.send(harness.encode("BLMOVE", "ring:b", "ring:a", "LEFT", "RIGHT", 0))
                reply = link.replies()[0]
                if reply[:1] != b"$":
                    raise AssertionError("refused: %r" % reply)
        except (Died, OSError):
            pass
        except Exception as error:  # pylint: disable=broad-except  # told by the main thread
            self.failure = error
