"""Reads what a JetStream stream holds, by the server's JSON API over a plain connection: no client library."""

import base64
import json
import socket

_AT_ONCE = 200  # requests in flight


class Streams:
    """One connection to a nats-server on the loopback. `with Streams(port) as streams: ...`"""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.lines = self.socket.makefile("rb")
        self.socket.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":false}\r\nSUB answers.* 1\r\n')

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.lines.close()
        self.socket.close()

    def names(self, prefix):
        streams = self._ask("$JS.API.STREAM.NAMES", [{}])[0]["streams"] or []
        return [name for name in streams if name.startswith(prefix)]

    def state(self, stream):
        return self._ask(f"$JS.API.STREAM.INFO.{stream}", [{}])[0]["state"]

    def consumer(self, stream, consumer):
        return self._ask(f"$JS.API.CONSUMER.INFO.{stream}.{consumer}", [{}])[0]

    def purge(self, stream, subject):
        self._ask(f"$JS.API.STREAM.PURGE.{stream}", [{"filter": subject}])

    def reset(self, stream, consumer, sequence):
        """The consumer starts again at that sequence, with no memory of what it delivered."""
        answer = self._ask(f"$JS.API.CONSUMER.RESET.{stream}.{consumer}", [{"seq": sequence}])[0]
        if "error" in answer:
            raise ConnectionError(answer["error"]["description"])

    def pause(self, stream, consumer, until=None):
        """The consumer delivers nothing until then ("2036-01-01T00:00:00Z"); without a time it goes on at once."""
        answer = self._ask(f"$JS.API.CONSUMER.PAUSE.{stream}.{consumer}", [{"pause_until": until} if until else {}])[0]
        if "error" in answer:
            raise ConnectionError(answer["error"]["description"])

    def publish(self, subjects, payload, headers=None):
        """The same payload on each subject, acknowledged; raises if a stream refuses one."""
        head = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"NATS/1.0\r\n{head}\r\n".encode() if headers else b""
        for start in range(0, len(subjects), 8):
            some = subjects[start:start + 8]
            for n, subject in enumerate(some):
                sizes = b"%d %d" % (len(head), len(head) + len(payload)) if headers else b"%d" % len(payload)
                verb = b"HPUB" if headers else b"PUB"
                self.socket.sendall(b"%s %s answers.%d %s\r\n" % (verb, subject.encode(), n, sizes) + head + payload +
                                    b"\r\n")
            for answer in self._answers(len(some)):
                if "error" in answer:
                    raise ConnectionError(answer["error"]["description"])

    def step_down(self, stream, preferred, consumer=None):
        """The leader of the stream, or of its consumer, gives way to that server."""
        what = f"CONSUMER.LEADER.STEPDOWN.{stream}.{consumer}" if consumer else f"STREAM.LEADER.STEPDOWN.{stream}"
        self._ask(f"$JS.API.{what}", [{"placement": {"preferred": preferred}}])

    def message(self, stream, sequence):
        """(subject, payload) of one message."""
        message = self._ask(f"$JS.API.STREAM.MSG.GET.{stream}", [{"seq": sequence}])[0]["message"]
        return message["subject"], base64.b64decode(message["data"])

    def messages(self, stream):
        """(when it was stored, payload) of all messages of the stream, in order."""
        state = self.state(stream)
        numbers = range(state["first_seq"], state["last_seq"] + 1)
        found = []
        for start in range(0, len(numbers), _AT_ONCE):
            answers = self._ask(f"$JS.API.STREAM.MSG.GET.{stream}",
                                [{"seq": number} for number in numbers[start:start + _AT_ONCE]])
            stored = [answer["message"] for answer in answers if "message" in answer]
            found += [(message["time"], base64.b64decode(message["data"])) for message in stored]
        return found

    def _ask(self, subject, requests):
        """The answers in the order of the requests."""
        for n, request in enumerate(requests):
            text = json.dumps(request).encode()
            self.socket.sendall(b"PUB %s answers.%d %d\r\n%s\r\n" % (subject.encode(), n, len(text), text))
        return self._answers(len(requests))

    def _answers(self, count):
        answers = {}
        while len(answers) < count:
            words = self.lines.readline().split()
            if not words:
                raise ConnectionError("nats-server has closed the connection")
            if words[0] == b"MSG":
                answers[int(words[1].split(b".")[1])] = json.loads(self.lines.read(int(words[-1]) + 2))
            elif words[0] == b"PING":
                self.socket.sendall(b"PONG\r\n")
            elif words[0] == b"-ERR":
                raise ConnectionError(b" ".join(words).decode())
        return [answers[n] for n in range(count)]
