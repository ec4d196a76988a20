"""What tests of the crash table share (common/queue/README.md): each forces one thing to die at one exact step of a mail.
Between the service and nats-server stands a proxy that sees each message (nats_proxy.py); the peer is one whose every
step is ours (smtp_peer.py).
"""

import threading
import unittest

from nats_proxy import DROP, NatsProxy
from smtp_peer import SmtpPeer
from system import System, send, wait_until

MESSAGE = b"From: a@sender.test\r\nTo: b@first.test\r\nSubject: hello\r\n\r\nhello\r\n"


class Once:
    """True the first time that a message fits."""

    def __init__(self, fits):
        self.fits, self.lock, self.done = fits, threading.Lock(), threading.Event()

    def __call__(self, message):
        with self.lock:
            if self.done.is_set() or not self.fits(message):
                return False
            self.done.set()
            return True


def publishes(prefix):
    return lambda m: m.out and m.subject.startswith(prefix)


def answered(prefix):
    return lambda m: not m.out and m.answers.startswith(prefix)


class Crashes(unittest.TestCase):
    """A mail is accepted; the first worker, behind the proxy, meets `hook`; a second one, behind nothing, takes over."""

    def setUp(self):
        # The workers' leases are short, so that who takes over does not wait for a minute.
        self.system = self.enterContext(System(queue={"ack_wait": "3s"}))
        self.proxies, self.peer = [], None

    def tearDown(self):
        for each in self.proxies + ([self.peer] if self.peer else []):
            each.close()

    def proxy(self, hook):
        proxy = NatsProxy(self.system.nats_port, hook)
        self.proxies.append(proxy)
        return proxy

    def begin(self, smtp_hook=None):
        self.system.start_nats()
        self.system.provision()
        self.peer = SmtpPeer(smtp_hook, self.system.sink_port)
        self.system.start_inbound()

    def worker_behind(self, hook):
        proxy = self.proxy(hook)
        self.system.outbound_more = {"queue": {"servers": [proxy.url]}}
        worker = self.system.start_outbound("first")
        self.system.outbound_more = {}
        return worker, proxy

    def accept(self, message=MESSAGE, recipients=("b@first.test",)):
        with self.system.smtp() as client:
            client.ehlo()
            return send(client, "a@sender.test", list(recipients), message)

    def ends(self, message_id, times, state="DELIVERED"):
        """Whoever lives ends it; it was taken so often; nothing of it is left anywhere, and the audit agrees."""
        worker = next(w for w in self.system.workers if w.alive())
        wait_until(lambda: self.system.api_states(message_id, worker) == [state], 60, state)
        wait_until(lambda: self.system.stored_now("READY_0") == 0 and self.system.stored_now("WAIT_0") == 0, 30,
                   "all acknowledged")
        self.assertEqual(self.peer.count(message_id), times)
        self.system.audit()

    def dies_at(self, fits, send_on, message=MESSAGE, smtp_hook=None):
        """The first worker is killed at the first message that fits, before or after it has gone on. The mail's id."""
        self.begin(smtp_hook)
        once = Once(fits)
        def hook(m):
            if not once(m):
                return DROP if once.done.is_set() else None
            if send_on:
                return None
            self.first.kill()
            return DROP
        self.first, proxy = self.worker_behind(hook)
        message_id = self.accept(message)
        self.assertTrue(once.done.wait(30), "the step was not reached")
        wait_until(lambda: not self.first.alive(), 30, "killed")
        self.system.start_outbound("second")
        return message_id

    def deferring(self):
        """A peer that takes the second attempt."""
        seen = threading.Event()
        def smtp_hook(step, line):
            if step == "rcpt" and not seen.is_set():
                seen.set()
                return "451 later"
            return None
        return smtp_hook
