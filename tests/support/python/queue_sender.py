"""Sends many mails quickly, each to an address of its own, and tells the id and the times of each: by BDAT with all
commands of a mail in one piece, over several connections."""

import collections
import socket
import threading
import time

from system import message_id_of

Accepted = collections.namedtuple("Accepted", "id address begun time")  # time: of its 250


def message(address, size=0):
    """With lines up to about `size` octets."""
    head = f"From: a@sender.test\r\nTo: {address}\r\nSubject: hello\r\n\r\n".encode()
    line = b"x" * 76 + b"\r\n"
    return head + line * max(1, (size - len(head)) // len(line))


class _Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.socket.makefile("rb")
        self._reply()
        self.socket.sendall(b"EHLO client.test\r\n")
        self._reply()

    def _reply(self):
        while True:
            line = self.lines.readline()
            if not line:
                raise ConnectionError("inbound has closed the connection")
            if line[3:4] != b"-":
                return line.decode().strip()

    def send(self, sender, address, content):
        """The last reply, or the first that is no 250."""
        self.socket.sendall(b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nBDAT %d LAST\r\n" %
                            (sender.encode(), address.encode(), len(content)) + content)
        replies = [self._reply() for _ in range(3)]
        return next((each for each in replies if not each.startswith("250")), replies[-1])

    def close(self):
        self.lines.close()
        self.socket.close()


def send_all(port, addresses, size=0, connections=16, rate=0.0, sender="a@sender.test"):
    """Accepted for each mail, in no order; fails at the first that is refused. `rate`: mails a second, at most."""
    addresses, lock, accepted, faults = iter(addresses), threading.Lock(), [], []
    begin, number = time.monotonic(), 0

    def take():
        nonlocal number
        with lock:
            address = next(addresses, None)
            due = begin + number / rate if rate else 0.0
            number += 1
        if address is not None and due:
            time.sleep(max(0.0, due - time.monotonic()))
        return address

    def client():
        own = []
        try:
            connection = _Connection(port)
            while not faults and (address := take()) is not None:
                begun = time.time()
                reply = connection.send(sender, address, message(address, size))
                if not reply.startswith("250"):
                    raise ConnectionError(reply)
                own.append(Accepted(message_id_of(reply), address, begun, time.time()))
            connection.close()
        except OSError as error:
            faults.append(error)
        with lock:
            accepted.extend(own)

    threads = [threading.Thread(target=client, daemon=True) for _ in range(connections)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if faults:
        raise AssertionError(f"a mail was not accepted: {faults[0]}")
    return accepted
