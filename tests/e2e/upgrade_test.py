"""During an upgrade a worker meets records of the next version. What it does not know it carries on, byte for byte,
through every copy; what it must not serve it sets aside (tests/corpus).
"""

import os
import socket
import threading
import unittest
from collections import Counter

from nats_proxy import DROP, NatsProxy
from records import fields
from smtp_peer import SmtpPeer
from system import System, wait_until

CORPUS = os.path.join(os.path.dirname(__file__), "..", "corpus", "queue")
RECORD_MAILS = 2
MAIL_ID, MAIL_RECIPIENTS, MAIL_GENERATION, MAIL_ATTEMPTS, MAIL_INLINE_BODY, MAIL_BODY_REFERENCE = 1, 5, 7, 8, 12, 13


def sample(name, version="next"):
    """(subject, bytes)"""
    folder = os.path.join(CORPUS, version)
    with open(os.path.join(folder, name + ".txtpb"), encoding="utf-8") as text:
        subject = next(line.split(": ", 1)[1].strip() for line in text if line.startswith("# subject: "))
    with open(os.path.join(folder, name + ".binpb"), "rb") as file:
        return subject, file.read()


def publish(port, subject, payload):
    with socket.create_connection(("127.0.0.1", port)) as nats:
        nats.sendall(b'CONNECT {"verbose":false}\r\nPUB %s %d\r\n%s\r\nPING\r\n' %
                     (subject.encode(), len(payload), payload))
        nats.settimeout(10)
        received = b""
        while b"PONG" not in received:
            received += nats.recv(4096)


def beside(message, *numbers):
    """All fields of a message but these, in any order."""
    return Counter((number, bytes(value) if not isinstance(value, int) else value)
                   for number, value in fields(message) if number not in numbers)


def only(message, number):
    return [value for found, value in fields(message) if found == number]


class UpgradeTest(unittest.TestCase):
    def setUp(self):
        self.system = self.enterContext(System(queue={"ack_wait": "3s"}))
        self.proxies = []

    def tearDown(self):
        for each in self.proxies:
            each.close()

    def worker_behind(self, name, hook):
        proxy = NatsProxy(self.system.nats_port, hook)
        self.proxies.append(proxy)
        self.system.outbound_more = {"queue": {"servers": [proxy.url]}}
        return self.system.start_outbound(name)

    def begin(self, name, smtp_hook=None):
        self.system.start_nats()
        self.system.provision()
        self.proxies.append(SmtpPeer(smtp_hook, self.system.sink_port))
        subject, payload = sample(name)
        publish(self.system.nats_port, subject, payload)
        wait_until(lambda: self.system.stored_now("READY_0") == 1, 30, "stored")
        return payload

    def check_copy(self, copy, original, generation):
        """It is the original with a mail of its own, fewer recipients, and a number more."""
        self.assertEqual(beside(copy, RECORD_MAILS), beside(original, RECORD_MAILS))
        [mail] = only(copy, RECORD_MAILS)
        of = next(m for m in only(original, RECORD_MAILS) if only(m, MAIL_ID) == only(mail, MAIL_ID))
        changed = (MAIL_RECIPIENTS, MAIL_GENERATION, MAIL_ATTEMPTS)
        self.assertEqual(beside(mail, *changed), beside(of, *changed))
        self.assertEqual(only(mail, MAIL_GENERATION), [generation])
        recipients = [bytes(r) for r in only(mail, MAIL_RECIPIENTS)]
        self.assertTrue(recipients)
        for recipient in recipients:
            self.assertIn(recipient, [bytes(r) for r in only(of, MAIL_RECIPIENTS)])
            self.assertIn(b"of a later version", recipient, "the sample has something that is unknown")
        return bytes(only(mail, MAIL_ID)[0]).decode()

    def test_unknown_fields_go_through_wait_again_and_again(self):
        """Three mails; each is refused twice, so each lies in WAIT twice, a second time after its schedule fired."""
        lock, copies, refused = threading.Lock(), [], Counter()

        def smtp_hook(step, line):
            # By recipient and mail: a reply to RCPT refuses the one, to DATA the others.
            with lock:
                if step == "dot":
                    refused[line] += 1
                    return "451 later" if refused[line] <= 2 else None
            return None

        def hook(m):
            if m.out and m.subject.startswith("wait."):
                with lock:
                    copies.append(m.payload)

        original = self.begin("ready_several_mails", smtp_hook)
        self.worker_behind("first", hook)
        ids = [bytes(only(m, MAIL_ID)[0]).decode() for m in only(original, RECORD_MAILS)]
        for message_id in ids:
            # The last recipient of the first mail needs SMTPUTF8, which the peer lacks.
            wait_until(lambda i=message_id: set(self.system.api_states(i) or ["none"]) <= {"DELIVERED", "BOUNCED"}, 60,
                       "ended")
        seen = Counter()
        for copy in copies:
            generation = only(only(copy, RECORD_MAILS)[0], MAIL_GENERATION)[0]
            seen[self.check_copy(copy, original, generation), generation] += 1
        for message_id in ids[1:]:
            self.assertEqual((seen[message_id, 1], seen[message_id, 2]), (1, 1))
        self.system.audit()

    def test_a_finished_move_keeps_unknown_fields(self):
        """The first worker dies between event and copy; the second makes the copy, from what the broker gives it."""
        lock, copies, died = threading.Lock(), [], threading.Event()

        def first_hook(m):
            if died.is_set():
                return DROP
            if m.out and m.subject.startswith("wait."):
                died.set()
                self.first.kill()
                return DROP
            return None

        def second_hook(m):
            if m.out and m.subject.startswith("wait."):
                with lock:
                    copies.append(m.payload)

        refuse = threading.Event()
        refuse.set()
        original = self.begin("ready_bulk", lambda step, line: "451 later" if refuse.is_set() and step == "rcpt" else None)
        self.first = self.worker_behind("first", first_hook)
        self.assertTrue(died.wait(30), "nothing was moved")
        refuse.clear()
        second = self.worker_behind("second", second_hook)
        [mail] = only(original, RECORD_MAILS)
        message_id = bytes(only(mail, MAIL_ID)[0]).decode()
        wait_until(lambda: self.system.api_states(message_id, second) == ["DELIVERED"], 60, "delivered")
        self.assertEqual(len(copies), 1)
        self.check_copy(copies[0], original, 1)

    def test_a_later_layout_is_set_aside_and_is_found(self):
        original = self.begin("ready_of_a_later_layout")
        worker = self.worker_behind("first", None)
        wait_until(lambda: self.system.stored_now("QUARANTINE") == 1 and self.system.stored_now("READY_0") == 0, 30,
                   "set aside")
        self.assertIn("a layout of a later version", worker.log())
        for mail in only(original, RECORD_MAILS):
            states = self.system.api_states(bytes(only(mail, MAIL_ID)[0]).decode())
            self.assertEqual(states, ["QUEUED"] * len(only(mail, MAIL_RECIPIENTS)))


if __name__ == "__main__":
    unittest.main()
