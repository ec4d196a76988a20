"""Fills streams quickly: many publishes in flight over a plain connection, each one acknowledged in the end."""

import json
import socket


class Filling:
    """`with Filling(port) as filling: filling.publish(…)`; all that was published is stored when the block ends."""

    IN_FLIGHT = 500

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.lines = self.socket.makefile("rb")
        self.out = bytearray(b'CONNECT {"verbose":false,"headers":true}\r\nSUB filled 1\r\n')
        self.waiting = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self._flush()
        self.lines.close()
        self.socket.close()

    def publish(self, subject, payload, headers=None):
        if headers:
            block = b"NATS/1.0\r\n" + b"".join(f"{k}: {v}\r\n".encode() for k, v in headers.items()) + b"\r\n"
            self.out += b"HPUB %s filled %d %d\r\n" % (subject.encode(), len(block), len(block) + len(payload))
            self.out += block + payload + b"\r\n"
        else:
            self.out += b"PUB %s filled %d\r\n%s\r\n" % (subject.encode(), len(payload), payload)
        self.waiting += 1
        if self.waiting >= self.IN_FLIGHT:
            self._flush()

    def _flush(self):
        self.socket.sendall(self.out)
        self.out.clear()
        while self.waiting:
            words = self.lines.readline().split()
            if not words:
                raise ConnectionError("nats-server has closed the connection")
            if words[0] in (b"MSG", b"HMSG"):
                answer = self.lines.read(int(words[-1]) + 2)
                if words[0] == b"HMSG" or "error" in json.loads(answer):
                    raise ConnectionError(f"not stored: {answer!r}")
                self.waiting -= 1
            elif words[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")
            elif words[0] == b"-ERR":
                raise ConnectionError(b" ".join(words).decode())
