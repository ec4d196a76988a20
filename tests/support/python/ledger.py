"""Who sends in a fault test, and what they were told: each mail is sent until it has its 250, and the ledger knows every
id that was given out and every mail whose reply was lost.
"""

import collections
import datetime
import smtplib
import threading
import time

from system import message_id_of


class Ledger:
    """What the clients saw: the id of every 250 and when it came, and the mails whose reply was lost after the dot."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accepted = {}  # id -> sequence number of the mail
        self.moments = []  # when each 250 came, by time.time
        self.lost_replies = collections.Counter()  # sequence number -> attempts that ended without a reply

    def add(self, message_id, number):
        with self.lock:
            assert message_id not in self.accepted, f"the id {message_id} was given out twice"
            self.accepted[message_id] = number
            self.moments.append(time.time())

    def lose(self, number):
        with self.lock:
            self.lost_replies[number] += 1

    def count(self):
        with self.lock:
            return len(self.accepted)

    def longest_pause(self, begin, end):
        """The longest time in which nobody got a 250, of the pauses that reach into [begin, end]; seconds."""
        with self.lock:
            moments = list(self.moments)
        return max((after - before for before, after in zip(moments, moments[1:]) if after >= begin and before <= end),
                   default=0.0)


def timestamp(text):
    """Seconds since the epoch, of RFC 3339 with up to nine digits behind the point."""
    text = text.replace("Z", "+00:00")
    if "." in text:
        head, rest = text.split(".")
        text = f"{head}.{rest[:rest.index('+')][:6]:0<6}{rest[rest.index('+'):]}"
    return datetime.datetime.fromisoformat(text).timestamp()


def recipient(number):
    return f"r{number}@d{number % 20}.test"


def number_of(address):
    """The mail that it is the recipient of."""
    return int(address[1:address.index("@")])


def body(number):
    return (f"From: a@sender.test\r\nTo: {recipient(number)}\r\nSubject: mail {number}\r\n"
            f"X-Number: {number}\r\n\r\n" + f"line of mail {number}\r\n" * 40).encode()


class Sender(threading.Thread):
    """Sends the mails of these numbers, each until it has a 250."""

    def __init__(self, system, ledger, numbers):
        super().__init__(daemon=True)
        self.system, self.ledger, self.numbers = system, ledger, numbers
        self.failure = None
        self.client = None

    def run(self):
        try:
            for number in self.numbers:
                while not self.attempt(number):
                    pass
        except Exception as error:  # shown by the test
            self.failure = error

    def attempt(self, number):
        dotted = False
        try:
            if self.client is None:
                self.client = self.system.smtp()
                self.client.ehlo()
            if self.client.mail("a@sender.test")[0] != 250 or self.client.rcpt(recipient(number))[0] != 250:
                self.client.rset()
                return False
            code, _ = self.client.docmd("DATA")
            if code != 354:
                return False
            dotted = True
            self.client.send(body(number) + b".\r\n")
            code, text = self.client.getreply()
            if code == 250:
                self.ledger.add(message_id_of(text), number)
                return True
            # 451: not stored, or unknown (RFC 1047): either way the client sends it again.
            self.ledger.lose(number)
            return False
        except (OSError, smtplib.SMTPException):
            if dotted:
                self.ledger.lose(number)
            self.client = None
            time.sleep(0.01)  # a client that is refused does not spin
            return False
