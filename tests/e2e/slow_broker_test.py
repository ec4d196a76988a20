"""A broker that answers slowly slows acceptance and loses nothing: more mails share a record, and no 250 comes before its
record's answer.
"""

import threading
import time
import unittest

from nats_proxy import NatsProxy
from records import mails
from system import System, send, wait_until

ANSWER_TAKES = 0.2  # seconds
CLIENTS = 30
MAILS_EACH = 8
MESSAGE = b"From: a@sender.test\r\nTo: b@first.test\r\nSubject: hello\r\n\r\nhello\r\n"


class SlowBroker:
    """Keeps back the answers to publishes under these prefixes; knows which mails have been answered."""

    def __init__(self, port, *prefixes):
        self.prefixes = prefixes
        self.lock = threading.Lock()
        self.on_their_way = {}  # reply subject → message ids
        self.answered = set()
        self.delayed = 0
        self.proxy = NatsProxy(port, self.hook)

    def hook(self, m):
        if m.out and m.subject.startswith("ready."):
            with self.lock:
                self.on_their_way[m.reply] = [message_id for message_id, _ in mails(m.payload)]
        if m.out or not m.answers.startswith(self.prefixes):
            return
        time.sleep(ANSWER_TAKES)  # the fault itself
        with self.lock:
            self.delayed += 1
            self.answered.update(self.on_their_way.pop(m.subject, []))


class SlowBrokerTest(unittest.TestCase):
    def test_acceptance_slows_and_nothing_is_lost(self):
        system = self.enterContext(System())
        system.start_nats()
        system.provision()
        accepting = SlowBroker(system.nats_port, "ready.")
        delivering = SlowBroker(system.nats_port, "event.", "$JS.ACK.")
        self.addCleanup(accepting.proxy.close)
        self.addCleanup(delivering.proxy.close)
        system.start_sink()
        system.inbound_more = {"queue": {"servers": [accepting.proxy.url]}}
        system.start_inbound()
        system.outbound_more = {"queue": {"servers": [delivering.proxy.url]}}
        worker = system.start_outbound()

        accepted, early, lock = [], [], threading.Lock()

        def client():
            with system.smtp() as connection:
                connection.ehlo()
                for _ in range(MAILS_EACH):
                    message_id = send(connection, "a@sender.test", ["b@first.test"], MESSAGE)
                    with accepting.lock:
                        was_answered = message_id in accepting.answered
                    with lock:
                        accepted.append(message_id)
                        if not was_answered:
                            early.append(message_id)

        clients = [threading.Thread(target=client, daemon=True) for _ in range(CLIENTS)]
        for each in clients:
            each.start()
        for each in clients:
            each.join(120)
        self.assertEqual(len(accepted), CLIENTS * MAILS_EACH)
        self.assertEqual(early, [], "250 before the broker's answer")
        records = system.stored_ever("READY_0")
        # Thirty clients that wait together are one record, or two when the next has begun.
        self.assertLessEqual(records * 5, len(accepted), f"{records} records")
        self.assertEqual(records, accepting.delayed)

        wait_until(lambda: system.stored_now("READY_0") == 0 and system.stored_now("WAIT_0") == 0, 120, "all settled")
        self.assertEqual(sorted(entry["id"] for entry in system.received()), sorted(accepted))
        self.assertEqual(system.metric(worker.http_port, 'goniec_recipients_total{result="delivered"}'), len(accepted))
        self.assertGreater(delivering.delayed, 0)
        self.assertEqual(system.audit()["ended"], {"delivered": len(accepted)})


if __name__ == "__main__":
    unittest.main()
