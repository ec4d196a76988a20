"""A mail exchanger whose every step is the test's to decide."""

import re
import socket
import threading

from system import free_port


class SmtpPeer:
    """hook(step, line) is called before each reply, on a thread of the connection; step is connect, ehlo, mail, rcpt,
    data or dot. It returns the reply, or None for the usual one; False closes the connection without one."""

    USUAL = {"connect": "220 peer.test", "ehlo": "250 peer.test", "mail": "250 ok", "rcpt": "250 ok",
             "data": "354 go on", "dot": "250 taken"}

    def __init__(self, hook=None, port=None):
        self.hook = hook or (lambda step, line: None)
        self.port = port or free_port()
        self.lock = threading.Lock()
        self.taken = []  # message ids, in the order of the replies 2yz to the dot
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def count(self, message_id):
        with self.lock:
            return self.taken.count(message_id)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client, client.makefile("rwb") as stream:
                if not self._reply(stream, "connect", ""):
                    return
                for line in iter(stream.readline, b""):
                    verb = line.split()[0].upper() if line.split() else b""
                    if verb == b"QUIT":
                        stream.write(b"221 bye\r\n")
                        stream.flush()
                        return
                    step = {b"EHLO": "ehlo", b"MAIL": "mail", b"RCPT": "rcpt", b"DATA": "data"}.get(verb)
                    if step is None:
                        stream.write(b"250 ok\r\n")
                        stream.flush()
                        continue
                    code = self._reply(stream, step, line.decode(errors="replace"))
                    if not code:
                        return
                    if step == "data" and code == "354" and not self._body(stream):
                        return
        except OSError:
            pass

    def _body(self, stream):
        content = b""
        while not content.endswith(b"\r\n.\r\n"):
            line = stream.readline()
            if not line:
                return False
            content += line
        found = re.search(rb"\bid ([0-9a-z]{26})\b", content)
        message_id = found.group(1).decode() if found else ""
        answer = self.hook("dot", message_id)
        reply = self.USUAL["dot"] if answer is None else answer
        if reply is False or reply.startswith("2"):
            # Taken, whether or not the client hears of it.
            with self.lock:
                self.taken.append(message_id)
        if reply is False:
            return False
        stream.write(reply.encode() + b"\r\n")
        stream.flush()
        return True

    def _reply(self, stream, step, line):
        answer = self.hook(step, line)
        reply = self.USUAL[step] if answer is None else answer
        if reply is False:
            return None
        stream.write(reply.encode() + b"\r\n")
        stream.flush()
        return reply[:3]
