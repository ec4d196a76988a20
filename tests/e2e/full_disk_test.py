"""nats-server's disk is really full: something else has taken what was left, so that the marks of `queue.capacity` could
not help. Nobody is told 250 for what is not stored; when there is room again and nats-server was restarted, all that was
accepted is delivered, once.

The store lies on a small tmpfs of its own. That needs root; without, the tests say that they were skipped.
"""

import os
import smtplib
import subprocess
import unittest

import system as systems
from smtp_peer import SmtpPeer
from system import http, send, wait_until

MESSAGE = b"From: a@sender.test\r\nTo: b@first.test\r\n\r\n" + b"a line of a mail\r\n" * 200
DISK = 64 << 20


def setUpModule():
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root can mount a tmpfs of its own")


class System(systems.System):
    """A system whose broker has a small disk."""

    def __init__(self, **more):
        super().__init__(**more)
        self.disk = os.path.join(self.folder, "store")
        os.makedirs(self.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "goniec-test", self.disk], check=True)

    def __exit__(self, kind, value, trace):
        if "nats" in self.parts and self.parts["nats"].alive():
            self.parts["nats"].kill()
        subprocess.run(["umount", "--lazy", self.disk], check=False)
        super().__exit__(kind, value, trace)

    def fill(self):
        """To the last page."""
        with open(os.path.join(self.disk, "something else"), "wb", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while file.write(b"x" * size) == size:
                        pass
                except OSError:
                    pass

    def make_room(self):
        os.unlink(os.path.join(self.disk, "something else"))


class FullDiskTest(unittest.TestCase):
    def setUp(self):
        self.system = self.enterContext(System(queue={"ack_wait": "3s"}))
        self.peer = None
        self.addCleanup(lambda: self.peer and self.peer.close())
        self.accepted, self.refused = [], []

    def begin(self, smtp_hook=None):
        self.system.start_nats()
        self.system.provision()
        self.peer = SmtpPeer(smtp_hook, self.system.sink_port)
        self.system.start_inbound()

    def send_one(self):
        """True if it was accepted; a refusal must be a temporary one."""
        try:
            with self.system.smtp() as client:
                client.ehlo()
                self.accepted.append(send(client, "a@sender.test", ["b@first.test"], MESSAGE))
                return True
        except smtplib.SMTPResponseException as error:
            self.assertEqual(error.smtp_code // 100, 4, error)
            self.refused.append(error.smtp_error)
            return False

    def recover(self):
        """What an operator does: room first, then nats-server again."""
        self.system.make_room()
        self.system.parts["nats"].stop()
        self.system.start_nats()
        self.system.wait_ready(self.system.inbound_http, self.system.parts["inbound"], 60)
        wait_until(self.send_one, 60, "accepting again")

    def all_delivered_once(self):
        worker = self.system.workers[0]
        for message_id in self.accepted:
            wait_until(lambda: self.system.api_states(message_id, worker) == ["DELIVERED"], 60, message_id)
        self.assertEqual({each: self.peer.count(each) for each in self.accepted}, dict.fromkeys(self.accepted, 1))
        wait_until(lambda: self.system.stored_now("READY_0") == 0, 30, "all acknowledged")
        self.system.audit()

    def test_what_cannot_be_stored_is_not_accepted(self):
        self.begin()
        for _ in range(20):
            self.assertTrue(self.send_one())
        self.system.fill()
        # Some may still fit into what nats-server had already taken for itself; then no more. The first to be refused
        # waits for an answer that does not come; when the store is known to be silent, nobody does.
        wait_until(lambda: not self.send_one(), 60, "refusing")
        self.assertEqual(http(f"http://127.0.0.1:{self.system.inbound_http}/readyz")[0], 503)
        for _ in range(5):
            self.assertFalse(self.send_one())
        self.recover()
        self.system.start_outbound()
        self.all_delivered_once()

    def test_outcomes_wait_until_they_can_be_recorded(self):
        # The disk fills up while the worker waits for the reply to its final dot.
        def smtp_hook(at, line):
            if at == "dot" and not self.filled:
                self.system.fill()
                self.filled = True
        self.filled = False
        self.begin(smtp_hook)
        for _ in range(20):
            self.assertTrue(self.send_one())
        worker = self.system.start_outbound()
        wait_until(lambda: self.system.metric(worker.http_port, "goniec_outcomes_stalled") == 1, 60, "stalled")
        wait_until(lambda: not self.send_one(), 60, "refusing")
        self.recover()
        self.all_delivered_once()


if __name__ == "__main__":
    unittest.main()
