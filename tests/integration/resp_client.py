"""A client that shows the protocol as it is: all messages of RESP2 and RESP3, pushes among them."""

import socket

import harness


class Push(list):
    """A push of RESP3: nobody asked for it."""


class Error(str):
    """An error reply's text."""


class Resp:
    """One connection. Calling it sends a command and returns the next message that is no push;
    pushes that came before it are kept in `pushed`."""

    def __init__(self, server, protocol=2, timeout=20):
        self.socket = server.connect(timeout)
        self.file = self.socket.makefile("rb")
        self.pushed = []
        if protocol == 3:
            self("HELLO", "3")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, *args):
        self.socket.sendall(harness.encode(*args))

    def __call__(self, *args):
        self.send(*args)
        return self.reply()

    def reply(self):
        while True:
            message = self.message()
            if not isinstance(message, Push):
                return message
            self.pushed.append(message)

    def pushes(self):
        """All pushes that came before the answer to a PING that is sent now."""
        if self("PING") not in ("PONG", ["pong", ""]):
            raise AssertionError("PING was not answered")
        pushed, self.pushed = self.pushed, []
        return pushed

    def nothing_comes(self, seconds=0.1):
        """True if no message comes for a while."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) == b"never"
        except socket.timeout:
            return True
        finally:
            self.socket.settimeout(20)

    def ended(self):
        """True once the server has closed the connection."""
        try:
            return self.file.read(1) == b""
        except ConnectionError:
            return True

    def message(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("the server closed the connection")
        kind, text = line[:1], line[1:-2].decode()
        if kind in b"+,(#":
            return text
        if kind == b"-":
            return Error(text)
        if kind == b":":
            return int(text)
        if kind == b"_":
            return None
        count = int(text)
        if count < 0:
            return None
        if kind in b"$=":
            data = self.file.read(count + 2)[:-2]
            return data.decode("utf-8", "surrogateescape")[4 if kind == b"=" else 0:]
        if kind == b"%":
            return dict((self.message(), self.message()) for _ in range(count))
        elements = [self.message() for _ in range(count)]
        return Push(elements) if kind == b">" else elements
