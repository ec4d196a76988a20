"""A site that takes mail slowly, or not at all, and many slow sites: the mail of others goes on, nothing spins, and what
was moved arrives.
"""

import os
import socket
import threading
import unittest

from smtp_peer import SmtpPeer
from system import System, send, wait_until

MESSAGE = b"From: a@sender.test\r\nTo: b@first.test\r\nSubject: hello\r\n\r\nhello\r\n"
BACKLOG = int(os.environ.get("GONIEC_TEST_MAILS", "400"))
GOOD = 50
SLOW_SITES = int(os.environ.get("GONIEC_TEST_SITES", "70"))
CLIENTS = 10


class SilentSite:
    """Takes connections and never greets."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clients = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.clients.append(client)

    def count(self):
        with self.lock:
            return len(self.clients)

    def close(self):
        self.listener.close()
        with self.lock:
            for client in self.clients:
                client.close()


class BusySiteTest(unittest.TestCase):
    def begin(self, slow_port, more=None, **routes):
        """The domain slow.test goes to `slow_port`, everything else to the sink. No worker yet."""
        outbound = {
            "delivery": {"routes": {"slow.test": {"smart_host": f"127.0.0.1:{slow_port}"}, **routes}},
            "worker": {"slots": 200}, **(more or {}),
        }
        self.system = self.enterContext(System(outbound=outbound))
        self.system.start_nats()
        self.system.provision()
        self.system.start_sink(contents=False)
        self.system.start_inbound()

    def accept(self, domains):
        """A mail to each domain, in the order of the list as far as several clients keep it."""
        ids, lock, left = [], threading.Lock(), list(reversed(domains))

        def client():
            with self.system.smtp() as connection:
                connection.ehlo()
                while True:
                    with lock:
                        if not left:
                            return
                        domain = left.pop()
                    message_id = send(connection, "a@sender.test", [f"b@{domain}"], MESSAGE)
                    with lock:
                        ids.append(message_id)

        clients = [threading.Thread(target=client, daemon=True) for _ in range(min(CLIENTS, len(domains)))]
        for each in clients:
            each.start()
        for each in clients:
            each.join(300)
        self.assertEqual(len(ids), len(domains))
        return ids

    def arrived(self):
        return {entry["id"] for entry in self.system.received()}

    def moved(self, worker):
        return self.system.metric(worker.http_port, "goniec_delivery_moved_total")

    def assert_quiet(self, worker, mails):
        """Neither handed back to the broker nor told in the log one by one."""
        self.assertEqual(self.system.metric(worker.http_port, 'goniec_recipients_total{result="returned"}'), 0)
        lines = [line for line in worker.log().splitlines() if "SITE_BUSY" in line or "site busy" in line]
        self.assertLess(len(lines), 20, f"of {mails} mails")

    def test_a_site_that_never_greets_holds_no_other(self):
        silent = SilentSite()
        self.addCleanup(silent.close)
        self.begin(silent.port)
        self.accept(["slow.test"] * BACKLOG)
        good = self.accept(["good.test"] * GOOD)
        worker = self.system.start_outbound()
        wait_until(lambda: self.arrived() >= set(good), 120, "the good mail")
        # All but the one that finds out whether the site greets come back later.
        wait_until(lambda: self.system.metric(worker.http_port, "goniec_mails_in_hand") <= 1
                   and self.system.stored_now("READY_0") <= 1, 120, "the rest moved")
        self.assertEqual(silent.count(), 1)
        self.assertLess(self.moved(worker), 3 * BACKLOG)
        self.assert_quiet(worker, BACKLOG)
        report = self.system.audit()
        self.assertEqual(report["ended"], {"delivered": GOOD})

    def test_the_backlog_of_a_slow_site_holds_no_other_and_arrives(self):
        def slowly(step, _):
            if step == "dot":
                threading.Event().wait(0.05)  # twenty mails a second on one connection
        slow = SmtpPeer(slowly)
        self.addCleanup(slow.close)
        self.begin(slow.port, {"delivery": {
            "routes": {"slow.test": {"smart_host": f"127.0.0.1:{slow.port}"}},
            "connections_per_site": 1, "mails_per_site": 40, "follow_limit": "0ms"}})
        ids = self.accept(["slow.test"] * BACKLOG)
        good = self.accept(["good.test"] * GOOD)
        worker = self.system.start_outbound()
        wait_until(lambda: self.arrived() >= set(good), 120, "the good mail")
        with slow.lock:
            taken_by_then = len(slow.taken)
        self.assertLess(taken_by_then, BACKLOG, "the good mail waited for the whole backlog")
        wait_until(lambda: len(slow.taken) >= BACKLOG, 300, "the backlog")
        wait_until(lambda: self.system.stored_now("READY_0") + self.system.stored_now("WAIT_0") == 0, 60, "all settled")
        self.assertEqual(sorted(slow.taken), sorted(ids))
        # Each is moved, looked at and perhaps moved again, but never a few times a second.
        self.assertGreater(self.moved(worker), 0)
        self.assertLess(self.moved(worker), 5 * BACKLOG)
        self.assert_quiet(worker, BACKLOG)
        self.assertEqual(self.system.audit()["ended"], {"delivered": BACKLOG + GOOD})

    def test_sites_with_slow_transactions_hold_no_other(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def slowly(step, _):
            if step == "mail":
                release.wait(240)
        slow = [SmtpPeer(slowly) for _ in range(SLOW_SITES)]
        for each in slow:
            self.addCleanup(each.close)
        routes = {f"slow{n}.test": {"smart_host": f"127.0.0.1:{peer.port}"} for n, peer in enumerate(slow)}
        self.begin(slow[0].port, None, **routes)
        worker = self.system.start_outbound()
        # Mail that comes alone is a record alone.
        ids = [self.accept([domain])[0] for domain in routes]
        wait_until(lambda: self.system.metric(worker.http_port, "goniec_delivery_connections") >= SLOW_SITES, 120,
                   "all in their transactions")
        good = self.accept(["good.test"] * GOOD)
        wait_until(lambda: self.arrived() >= set(good), 120, "the good mail")
        self.assertEqual(sum(len(peer.taken) for peer in slow), 0)
        self.assertEqual(self.system.metric(worker.http_port, "goniec_mails_waiting"), 0)
        release.set()
        wait_until(lambda: sum(len(peer.taken) for peer in slow) >= len(ids), 120, "the slow mail")
        wait_until(lambda: self.system.stored_now("READY_0") + self.system.stored_now("WAIT_0") == 0, 60, "all settled")
        self.assertEqual(self.system.audit()["ended"], {"delivered": len(ids) + GOOD})


if __name__ == "__main__":
    unittest.main()
