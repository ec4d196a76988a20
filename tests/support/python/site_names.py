"""A DNS server for tests, in which each domain dN.test is a site of its own: its MX host mxN.test has an address of its own
in 127.0.0.0/8, so one listener on all addresses is all of these sites."""

import re
import socket
import struct
import threading

from system import free_port

_A, _MX = 1, 15
_NAME = re.compile(r"^(d|mx)(\d+)\.test$")


def address_of(number):
    """Of site N, below 16 million. 127.0.0.x is left to others."""
    number += 1 << 16
    return f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class SiteNames:
    """Serves at 127.0.0.1@`port` from a thread of its own."""

    def __init__(self):
        self.port = free_port()
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def server(self):
        """As dns.servers wants it."""
        return f"127.0.0.1@{self.port}"

    def close(self):
        self.socket.close()

    def _serve(self):
        while True:
            try:
                question, client = self.socket.recvfrom(4096)
                self.asked += 1
                self.socket.sendto(_answer(question), client)
            except OSError:
                return
            except (ValueError, IndexError, struct.error):
                pass  # not a question


def _answer(question):
    labels, at = [], 12
    while length := question[at]:
        labels.append(question[at + 1:at + 1 + length].decode())
        at += 1 + length
    kind, = struct.unpack(">H", question[at + 1:at + 3])
    asked = question[12:at + 5]
    found = _NAME.match(".".join(labels).lower())
    records = b""
    if found and found[1] == "d" and kind == _MX:
        host = f"mx{found[2]}".encode()
        exchange = bytes([len(host)]) + host + b"\x04test\x00"
        records = _record(kind, struct.pack(">H", 10) + exchange)
    elif found and found[1] == "mx" and kind == _A:
        records = _record(kind, socket.inet_aton(address_of(int(found[2]))))
    # NXDOMAIN for other names; no record of another kind for these.
    flags = 0x8580 if found else 0x8583
    return question[:2] + struct.pack(">HHHHH", flags, 1, 1 if records else 0, 0, 0) + asked + records


def _record(kind, data):
    return struct.pack(">HHHIH", 0xC00C, kind, 1, 3600, len(data)) + data
