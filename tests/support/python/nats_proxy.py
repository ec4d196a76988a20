"""Between a service and nats-server: a proxy that understands NATS well enough to act at one exact message: drop it, cut
the connection, stand still, or kill the service before or after it has gone on.
"""

import socket
import threading

from system import free_port

PASS, DROP, CUT = "pass", "drop", "cut"


class Message:
    """One protocol message. `out`: from the service. `answers`: the subject of the request that an incoming message
    answers, if it is an answer."""

    def __init__(self, raw, out):
        self.raw, self.out = raw, out
        self.op, self.subject, self.reply, self.payload, self.header, self.answers = "", "", "", b"", b"", ""

    @property
    def is_delivery(self):
        """Of mail; keys of buckets are followed by consumers too."""
        return not self.out and self.reply.startswith("$JS.ACK.") and not self.reply.startswith("$JS.ACK.KV_")

    @property
    def is_acknowledgement(self):
        return self.out and self.subject.startswith("$JS.ACK.") and self.payload.startswith(b"+ACK")

    def __repr__(self):
        return f"{'>' if self.out else '<'} {self.op} {self.subject} {self.payload[:30]!r}"


class NatsProxy:
    """hook(message) → PASS, DROP or CUT, called on a thread of the connection; None is PASS."""

    def __init__(self, server_port, hook=None):
        self.server_port, self.hook = server_port, hook
        self.port = free_port()
        self.flow = threading.Event()  # cleared: nothing goes through, in either direction
        self.flow.set()
        self.lock = threading.Lock()
        self.requests = {}  # reply subject → subject
        self.sockets = set()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def close(self):
        self.listener.close()
        self.flow.set()
        self.cut()

    def cut(self):
        """Ends all connections."""
        with self.lock:
            sockets = list(self.sockets)
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stand_still(self):
        self.flow.clear()

    def go_on(self):
        self.flow.set()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                client.close()  # nobody is there
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.sockets |= {client, server}
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source, target, out):
        try:
            with source.makefile("rb") as stream:
                while True:
                    message = self._read(stream, out)
                    if message is None:
                        break
                    self.flow.wait()
                    verdict = (self.hook(message) if self.hook and message.subject else PASS) or PASS
                    if verdict == CUT:
                        break
                    if verdict == PASS:
                        target.sendall(message.raw)
        except OSError:
            pass
        for each in (source, target):
            with self.lock:
                self.sockets.discard(each)
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def _read(self, stream, out):
        line = stream.readline()
        if not line.endswith(b"\n"):
            return None
        message = Message(line, out)
        words = line.decode(errors="replace").split()
        message.op = words[0].upper() if words else ""
        if message.op not in ("PUB", "HPUB", "MSG", "HMSG"):
            return message
        sizes = 2 if message.op[0] == "H" else 1
        fixed = 1 if message.op.endswith("PUB") else 2  # subject, and the subscription's number
        message.subject = words[1]
        if len(words) - 1 - sizes > fixed:
            message.reply = words[fixed + 1]
        total = int(words[-1])
        body = stream.read(total + 2)
        if len(body) < total + 2:
            return None
        head = int(words[-2]) if sizes == 2 else 0
        message.header, message.payload = body[:head], body[head:total]
        message.raw += body
        with self.lock:
            if out and message.reply:
                self.requests[message.reply] = message.subject
            elif not out:
                message.answers = self.requests.get(message.subject, "")
        return message
