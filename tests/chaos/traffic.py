"""The mail of a run: who sends it, how it should end, and what its senders were told."""

import bisect
import collections
import random
import smtplib
import threading
import time

from system import message_id_of

SENDER = "a@sender.test"
LARGE_EVERY = 100
LATER, NEVER = "later.test", "never.test"
# Destinations of their own, which go down, crawl and come back: <name>.test each.
SITES = ["site1", "site2"]

# How the sink departs from taking everything: every address at later.test is deferred once, never.test does not exist,
# and now and then a connection ends between the final dot and its reply.
SINK_SCRIPT = {"rules": [
    {"on": "rcpt", "match": f"*@{LATER}", "first": 1, "per": "address", "reply": "451 4.2.1 later"},
    {"on": "rcpt", "match": f"*@{NEVER}", "reply": "550 5.1.1 nobody here"},
    {"on": "dot", "every": 997, "then": "close"},
]}


class Mail:
    """The number says all about it, so that a mail is known again by its recipients."""

    def __init__(self, number):
        self.number = number
        domain = f"{SITES[number // 5 % len(SITES)]}.test" if number % 5 == 2 else f"d{number % 20}.test"
        domains = [LATER] if number % 10 == 0 else [NEVER] if number % 50 == 7 else [domain]
        if number % 20 == 3:
            domains = [domain, LATER, NEVER]
        self.recipients = [f"r{number}@{each}" for each in domains]

    def content(self):
        text = f"From: {SENDER}\r\nTo: r{self.number}@d.test\r\nSubject: mail {self.number}\r\n\r\n"
        lines = 9_000 if self.number % LARGE_EVERY == 50 else 30
        return (text + f"a line of mail {self.number:09}\r\n" * lines).encode()

    def ends(self):
        """How each recipient must end."""
        return ["BOUNCED" if each.endswith("@" + NEVER) else "DELIVERED" for each in self.recipients]


def number_of(recipient):
    return int(recipient[1:recipient.index("@")])


def site_of(recipient):
    """One of SITES, or another word."""
    return recipient[recipient.index("@") + 1:].split(".")[0]


class Ledger:
    """What the senders were told: the id of every 250 or OK, when; and the attempts whose answer did not come."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accepted = {}  # id → number of the mail
        self.order = []  # ids, as they were accepted
        self.moments = []  # when
        self.unanswered = collections.defaultdict(list)  # number → (begin, end) of the attempt
        self.repeated_ids = []
        self.refused = collections.Counter()  # why an attempt failed for certain

    def accept(self, message_id, number):
        with self.lock:
            if message_id in self.accepted:
                self.repeated_ids.append(message_id)
            self.accepted[message_id] = number
            self.order.append(message_id)
            self.moments.append(time.time())

    def miss(self, number, begin):
        with self.lock:
            self.unanswered[number].append((begin, time.time()))

    def refuse(self, why):
        with self.lock:
            self.refused[why] += 1

    def count(self):
        return len(self.order)

    def longest_pause(self):
        """The longest time in which nobody was told 250, in seconds."""
        return max((b - a for a, b in zip(self.moments, self.moments[1:])), default=0.0)

    def accepted_between(self, begin, end):
        return bisect.bisect(self.moments, end) - bisect.bisect(self.moments, begin)


class Pace:
    """Numbers of mails, one after the other, not faster than the rate; None when the time is over."""

    def __init__(self, rate, seconds):
        self.rate, self.end = rate, time.monotonic() + seconds
        self.lock, self.next, self.start = threading.Lock(), 0, time.monotonic()

    def take(self):
        with self.lock:
            number, at = self.next, self.start + self.next / self.rate
            if at >= self.end:
                return None
            self.next += 1
        # Behind after a pause: no more than what the rate would have brought by now, at once.
        time.sleep(max(0.0, at - time.monotonic()))
        return number


class Sender(threading.Thread):
    """Takes numbers and sends each mail until somebody says that it is accepted."""

    def __init__(self, pace, ledger):
        super().__init__(daemon=True)
        self.pace, self.ledger, self.failure = pace, ledger, None
        self.give_up = threading.Event()

    def run(self):
        try:
            while (number := self.pace.take()) is not None:
                mail, pause = Mail(number), 0.01
                while not self.attempt(mail):
                    if self.give_up.is_set():
                        return
                    time.sleep(pause)
                    pause = min(0.5, pause * 2)
        except Exception as error:
            self.failure = error


class SmtpSender(Sender):
    def __init__(self, system, pace, ledger):
        super().__init__(pace, ledger)
        self.system, self.client = system, None

    def attempt(self, mail):
        dotted = None
        try:
            if self.client is None:
                self.client = smtplib.SMTP("127.0.0.1", self.system.smtp_port, local_hostname="client.test", timeout=45)
                self.client.ehlo()
            if self.client.mail(SENDER)[0] != 250:
                return self.refused("MAIL")
            if any(self.client.rcpt(each)[0] != 250 for each in mail.recipients):
                return self.refused("RCPT")
            if self.client.docmd("DATA")[0] != 354:
                return self.refused("DATA")
            dotted = time.time()
            self.client.send(mail.content() + b".\r\n")
            code, text = self.client.getreply()
            if code == 250:
                self.ledger.accept(message_id_of(text), mail.number)
                return True
            if text.startswith(b"4.3.1"):  # full: not stored
                self.ledger.refuse("451 4.3.1")
            else:  # not stored, or nobody knows (RFC 1047)
                self.ledger.miss(mail.number, dotted)
        except (OSError, smtplib.SMTPException):
            if dotted:
                self.ledger.miss(mail.number, dotted)
            self.client = None
        return False

    def refused(self, command):
        self.ledger.refuse(f"4xx to {command}")
        try:
            self.client.rset()
        except (OSError, smtplib.SMTPException):
            self.client = None
        return False


class ApiSender(Sender):
    """A backend service: SendMessage at any of the workers."""

    def __init__(self, system, pace, ledger, seed):
        super().__init__(pace, ledger)
        self.system, self.dice = system, random.Random(seed)

    def attempt(self, mail):
        import grpc
        from goniec.v1 import mail_service_pb2 as pb
        begin = time.time()
        worker = self.dice.choice(self.system.workers)
        try:
            answer = self.system.api(worker).SendMessage(pb.SendMessageRequest(
                envelope=pb.Envelope(mail_from=SENDER,
                                     to=[pb.EnvelopeRecipient(address=each) for each in mail.recipients]),
                raw=mail.content()), timeout=45)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED:
                self.ledger.refuse("RESOURCE_EXHAUSTED")
            else:  # UNAVAILABLE is also what the library says of a connection that was lost in the middle
                self.ledger.miss(mail.number, begin)
            return False
        self.ledger.accept(answer.message.message_id, mail.number)
        return True
