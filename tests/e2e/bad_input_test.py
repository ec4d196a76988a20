"""What should not be there has one outcome each (common/queue/README.md, "Bad input"), through whole processes: records
that contradict each other, clocks that jump.
"""

import mmap
import os
import struct
import unittest

from smtp_peer import SmtpPeer
from system import BIN, System, http, send, wait_until
from upgrade_test import MAIL_ID, RECORD_MAILS, only, publish, sample

CORPUS = "v1"
MESSAGE = b"From: a@sender.test\r\nTo: b@first.test\r\nSubject: hello\r\n\r\nhello\r\n"
HOURS = 3600


class Clock:
    """The wall clock of one service, which the test sets (tests/support/clock_jump)."""

    def __init__(self, folder, name):
        self.path = os.path.join(folder, f"{name}.clock")
        with open(self.path, "wb") as file:
            file.write(struct.pack("q", 0))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8)

    @property
    def environment(self):
        return {"LD_PRELOAD": os.path.abspath(os.path.join(os.path.dirname(BIN), "lib/clock_jump.so")),
                "GONIEC_CLOCK_FILE": self.path}

    def jump(self, seconds):
        self.map[:] = struct.pack("q", int(seconds * 1e9))


class BadInputTest(unittest.TestCase):
    def setUp(self):
        self.system = self.enterContext(System(queue={"ack_wait": "3s"}))
        self.system.start_nats()
        self.system.provision()
        self.peer = SmtpPeer(None, self.system.sink_port)
        self.addCleanup(self.peer.close)

    def settled(self):
        wait_until(lambda: self.system.stored_now("READY_0") == 0 and self.system.stored_now("WAIT_0") == 0, 60,
                   "settled")

    def accept(self):
        with self.system.smtp() as client:
            client.ehlo()
            return send(client, "a@sender.test", ["b@first.test"], MESSAGE)

    def test_two_records_with_one_id_are_both_served_and_the_second_end_is_counted(self):
        """No publisher of ours makes the second without saying that it may be a repeat. It is not silent: an end after
        the end is counted."""
        subject, payload = sample("ready_bulk", CORPUS)
        message_id = bytes(only(only(payload, RECORD_MAILS)[0], MAIL_ID)[0]).decode()
        publish(self.system.nats_port, subject, payload)
        worker = self.system.start_outbound()
        wait_until(lambda: self.system.api_states(message_id) == ["DELIVERED"], 30, "delivered")
        self.settled()
        publish(self.system.nats_port, subject, payload)
        wait_until(lambda: self.system.stored_ever("READY_0") == 2, 30, "stored")
        self.settled()
        self.assertEqual(self.peer.count(message_id), 2)
        self.assertEqual(self.system.api_states(message_id, worker), ["DELIVERED"])
        report = self.system.audit_report()
        self.assertEqual((report["second_terminals"], report["unaccounted"]), (1, []))

    def test_mails_of_another_record_are_set_aside(self):
        _, payload = sample("ready_bulk", CORPUS)
        subject, other = sample("ready_several_mails", CORPUS)
        # The record id of the one with the mails of the other.
        forged = b"".join(b"\x0a" + bytes([len(value)]) + bytes(value) for value in only(payload, 1))
        for mail in only(other, RECORD_MAILS):
            length = len(mail)
            forged += b"\x12" + bytes([length & 0x7F | 0x80, length >> 7]) + bytes(mail)
        self.assertEqual(len(only(forged, RECORD_MAILS)), 3)
        slot = sample("ready_bulk", CORPUS)[0].rsplit(".", 1)[1]
        publish(self.system.nats_port, subject.rsplit(".", 1)[0] + "." + slot, forged)
        worker = self.system.start_outbound()
        wait_until(lambda: self.system.stored_now("QUARANTINE") == 1 and self.system.stored_now("READY_0") == 0, 30,
                   "set aside")
        self.assertIn("a message id of another record", worker.log())
        self.assertEqual(self.peer.taken, [])

    def test_a_worker_whose_clock_jumps_ahead_expires_nothing(self):
        """A month ahead of the broker: what lives for days is delivered, and what is deferred comes soon again."""
        refused = []

        def smtp_hook(step, line):
            if step == "dot" and line not in refused:
                refused.append(line)
                return "451 later"
            return None
        self.peer.hook = smtp_hook
        self.system.start_inbound()
        clock = Clock(self.system.folder, "worker")
        worker = self.system.start_outbound(env=clock.environment)
        clock.jump(30 * 24 * HOURS)
        message_id = self.accept()
        wait_until(lambda: self.system.api_states(message_id) == ["DELIVERED"], 60, "delivered")
        self.assertEqual(refused, [message_id])
        self.settled()
        self.assertEqual(self.peer.count(message_id), 1)
        wait_until(lambda: http(f"http://127.0.0.1:{worker.http_port}/readyz")[0] == 503, 30, "unready")

    def test_a_service_whose_clock_jumps_is_unready_and_its_mail_stays_in_sight(self):
        clock = Clock(self.system.folder, "inbound")
        self.system.start_inbound(env=clock.environment)
        self.system.start_outbound()
        ready = lambda: http(f"http://127.0.0.1:{self.system.inbound_http}/readyz")  # noqa: E731
        for jump in (3 * HOURS, -3 * HOURS, 11):
            clock.jump(jump)
            message_id = self.accept()
            wait_until(lambda: self.system.api_states(message_id) == ["DELIVERED"], 30, f"delivered ({jump})")
            self.settled()
            self.assertEqual(self.system.api_states(message_id), ["DELIVERED"])
            wait_until(lambda: ready()[0] == 503, 30, f"unready ({jump})")
            self.assertIn("synchronise them", ready()[1])
            clock.jump(0)
            wait_until(lambda: ready()[0] == 200, 30, "ready again")


if __name__ == "__main__":
    unittest.main()
