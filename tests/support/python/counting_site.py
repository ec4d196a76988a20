"""A mail exchanger on one thread that can be down, silent, slow or unwilling, and counts for itself what comes: mails,
attempts, and the connections that it has at once.

Connections are counted by what the kernel knows of them when another is taken: one whose client has closed it, or died,
does not count, whether or not its end has been read. So the count is exact also while clients are killed.
"""

import collections
import re
import selectors
import socket
import struct
import threading
import time

from system import free_port

_ESTABLISHED = 1  # tcpi_state
_ID = re.compile(rb"\bid ([0-9a-z]{26})\b")
_EHLO = "250-site.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8"

Taken = collections.namedtuple("Taken", "time id recipients connection helo")


class _Client:
    def __init__(self, sock, number):
        self.socket, self.number = sock, number
        self.input = bytearray()
        self.helo = ""
        self.in_content = False
        self.recipients = []
        self.offered = 0  # of the recipients, refused ones included
        self.ready_at = 0.0  # nothing is read before: a reply is due then
        self.reply = b""


class CountingSite:
    """`replies`: what is said instead of the usual, by verb, e.g. {"RCPT": "451 4.2.1 later"}; "greeting" and "dot" are
    verbs too. `pace`: mails a second over all connections; 0: at once. `silent`: connections are taken, and no greeting
    comes. All three may be set at any time. It begins up."""

    def __init__(self, port=None, replies=None, pace=0.0, silent=False, host="127.0.0.1"):
        self.host, self.port = host, port or free_port()
        self.replies, self.pace, self.silent = dict(replies or {}), pace, silent
        self.lock = threading.Lock()
        self.taken = []  # mails, as Taken
        self.connects = []  # when connections came, by time.time
        self.most_at_once = 0
        self.offers = collections.Counter()  # recipient -> RCPT commands
        self._next_dot = 0.0
        self._clients = {}
        self._selector = selectors.DefaultSelector()
        self._listener = None
        self._wake_out, self._wake_in = socket.socketpair()
        self._wanted = True  # to be up
        self._settled = threading.Event()
        self._ended = False
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.up()

    # From other threads.

    def up(self):
        self._set(True)

    def down(self):
        """Connections end without a word, and new ones are refused."""
        self._set(False)

    def close(self):
        self._ended = True
        self._wake_out.send(b"x")
        self._thread.join(10)
        for each in (self._wake_out, self._wake_in):
            each.close()

    def ids(self):
        with self.lock:
            return [each.id for each in self.taken]

    def count(self):
        with self.lock:
            return len(self.taken)

    def connections(self):
        """How many it has now."""
        with self.lock:
            return sum(map(_established, list(self._clients)))

    def _set(self, wanted):
        self._settled.clear()
        self._wanted = wanted
        self._wake_out.send(b"x")
        self._settled.wait(10)

    # On the thread.

    def _run(self):
        while not self._ended:
            now = time.monotonic()
            due = min((each.ready_at for each in self._clients.values() if each.ready_at), default=None)
            for key, _ in self._selector.select(None if due is None else max(0.0, due - now)):
                if key.fileobj is self._wake_in:
                    self._wake_in.recv(4096)
                elif key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(self._clients[key.fileobj])
            now = time.monotonic()
            for client in [each for each in self._clients.values() if 0 < each.ready_at <= now]:
                self._say_late(client)
            self._be_as_wanted()
        self._wanted = False
        self._be_as_wanted()

    def _be_as_wanted(self):
        if self._wanted and self._listener is None:
            self._listener = socket.create_server((self.host, self.port), backlog=1000)
            self._listener.setblocking(False)
            self._selector.register(self._listener, selectors.EVENT_READ)
        elif not self._wanted and self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
            for client in list(self._clients.values()):
                self._end(client)
        self._settled.set()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            with self.lock:
                at_once = 1 + sum(map(_established, self._clients))
                self.most_at_once = max(self.most_at_once, at_once)
                self.connects.append(time.time())
                client = self._clients[sock] = _Client(sock, len(self.connects))
            self._selector.register(sock, selectors.EVENT_READ)
            if not self.silent and not self._say(client, self.replies.get("greeting", "220 site.test")):
                self._end(client)

    def _end(self, client):
        if client.socket in self._clients:
            with self.lock:
                del self._clients[client.socket]
            if not client.ready_at:
                self._selector.unregister(client.socket)
            client.socket.close()

    def _say(self, client, reply):
        try:
            client.socket.sendall(reply.encode() + b"\r\n")
        except OSError:
            return False
        return reply[0] in "23"

    def _read(self, client):
        try:
            data = client.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end(client)
            return
        client.input += data
        self._go_on(client)

    def _go_on(self, client):
        """Works off what has come, until a reply has to wait."""
        while client.socket in self._clients and not client.ready_at and not self.silent:
            if client.in_content:
                end = client.input.find(b"\r\n.\r\n")
                if end < 0:
                    return
                content = bytes(client.input[:end])
                del client.input[:end + 5]
                self._content(client, content)
                continue
            end = client.input.find(b"\r\n")
            if end < 0:
                return
            line = client.input[:end].decode(errors="replace")
            del client.input[:end + 2]
            self._command(client, line)

    def _command(self, client, line):
        verb = line[:4].upper()
        usual = {"EHLO": _EHLO, "HELO": "250 site.test", "DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok")
        if verb in ("EHLO", "HELO"):
            client.helo = line[5:]
        elif verb == "RCPT":
            address = line[line.find("<") + 1:line.find(">")]
            with self.lock:
                self.offers[address] += 1
        elif verb == "DATA" and not client.recipients:
            usual = "554 no valid recipients"
        good = self._say(client, self.replies.get(verb, usual) if usual[0] != "5" else usual)
        if verb == "RCPT" and good:
            client.recipients.append(address)
        elif verb in ("MAIL", "RSET", "EHLO"):
            client.recipients = []
        elif verb == "DATA" and good:
            client.in_content = True
        elif verb == "QUIT":
            self._end(client)

    def _content(self, client, content):
        client.in_content = False
        found = _ID.search(content, 0, 4096)
        reply, message_id = self.replies.get("dot", "250 taken"), found.group(1).decode() if found else ""
        taken = Taken(time.time(), message_id, client.recipients, client.number, client.helo)
        client.recipients = []
        if not self.pace:
            self._conclude(client, taken, reply)
            return
        # A turn for each mail, whatever connection it comes on; until then nothing more is read of this one.
        self._next_dot = max(self._next_dot, time.monotonic()) + 1 / self.pace
        client.ready_at, client.reply = self._next_dot, (taken, reply)
        self._selector.unregister(client.socket)

    def _say_late(self, client):
        taken, reply = client.reply
        client.ready_at = 0.0
        self._selector.register(client.socket, selectors.EVENT_READ)
        if not _established(client.socket):  # it is gone, and nobody hears that its mail is taken
            self._end(client)
            return
        self._conclude(client, taken, reply)
        self._go_on(client)

    def _conclude(self, client, taken, reply):
        if reply[0] == "2":
            with self.lock:
                self.taken.append(taken._replace(time=time.time()))
        self._say(client, reply)


def _established(sock):
    try:
        return struct.unpack("B", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1))[0] == _ESTABLISHED
    except OSError:
        return False
