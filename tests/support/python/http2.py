"""HTTP/2 by hand, for clients that no library would let one write: frames as they are sent, nothing awaited.

Header blocks are literals without indexing, so no table of HPACK has to be kept.
"""

import contextlib
import socket
import struct
import threading

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


NO_WINDOW = struct.pack(">HI", 4, 0)  # SETTINGS_INITIAL_WINDOW_SIZE: no answer has any room


def message_prefix(octets):
    """What stands before a gRPC message that is not compressed."""
    return b"\0" + struct.pack(">I", octets)


class Http2:
    """One connection to a gRPC server. What the server sends is read by a thread of its own, so that nobody waits."""

    def __init__(self, port, token=None, path="/goniec.v1.MailService/SendMessage", source="127.0.0.1",
                 settings=b""):
        self.socket = socket.create_connection(("127.0.0.1", port), 10, (source, 0))
        self.socket.settimeout(30)
        more = {"authorization": f"Bearer {token}"} if token else {}
        fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x", "te": "trailers",
                  "content-type": "application/grpc", **more}
        self.block = b"".join(literal(name, value) for name, value in fields.items())
        self.next_stream = 1
        self.answered = set()   # streams of which the server has said something
        self.ended = set()      # streams that the server has ended
        self.pings = 0          # of ours that it has answered
        self.goodbye = None     # the text of its GOAWAY
        self.windows = {}       # octets that the server grants beyond the first window, by stream
        self.closed = False
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # or the reader would keep it open
        self.socket.close()

    def send(self, octets):
        """False once the server has hung up."""
        try:
            self.socket.sendall(octets)
            return True
        except OSError:
            self.closed = True
            return False

    def headers(self):
        """(stream, its HEADERS frame); not sent."""
        stream = self.next_stream
        self.next_stream += 2
        return stream, frame(HEADERS, END_HEADERS, stream, self.block)

    def call(self, octets=b""):
        """Begins a call and sends `octets` of its request; the stream."""
        stream, begin = self.headers()
        for at in range(0, len(octets), 16384):
            begin += frame(DATA, 0, stream, octets[at:at + 16384])
        self.send(begin)
        return stream

    def _read(self):
        buffer = b""
        while octets := self._receive():
            buffer += octets
            while len(buffer) >= 9:
                length = int.from_bytes(buffer[:3], "big")
                if len(buffer) < 9 + length:
                    break
                self._on_frame(buffer[3], buffer[4], int.from_bytes(buffer[5:9], "big"), buffer[9:9 + length])
                buffer = buffer[9 + length:]
        self.closed = True

    def _receive(self):
        """Nothing once the server has hung up, however long it says nothing before."""
        while True:
            try:
                return self.socket.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return b""

    def _on_frame(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            self.windows[stream] = self.windows.get(stream, 0) + int.from_bytes(payload, "big")
        elif kind == PING:
            self.pings += 1
        elif kind == GOAWAY:
            self.goodbye = payload[8:].decode(errors="replace")
        if kind in (HEADERS, DATA):
            self.answered.add(stream)
        if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
            self.ended.add(stream)
