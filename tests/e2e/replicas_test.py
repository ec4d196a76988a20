"""Three nats-servers, every stream on all three with fsync, and one thing that goes wrong while mail passes: one node is
restarted after the other, killed, frozen, cut off from the others, or all are killed at once. After each: whatever got a
250 is at the sink, GetMessage says DELIVERED, the audit finds nothing missing, and a copy too many is one that was
between its final dot and its event at the fault, or whose 250 was lost. How long nobody got a 250 is printed, not judged:
it is an election (nats-server waits 4 to 9 s before it begins one), or nothing at all.

GONIEC_TEST_MAILS says how many mails pass (1,000; they are spread over some ten seconds, and go on until the fault is
over); the clients repeat a mail until it has its 250.
"""

import collections
import itertools
import os
import sys
import threading
import time
import unittest

from cluster import Cluster
from jetstream import Streams
from ledger import Ledger, Sender, body, number_of, timestamp
from records import DELIVERED, events
from smtp_peer import SmtpPeer
from system import http, send, wait_until

MAILS = int(os.environ.get("GONIEC_TEST_MAILS", "1000"))
SPREAD = 10.0  # seconds over which the mails come
SENDERS = 8
# Short, so that what a fault leaves in a worker's hands comes back soon; longer than an election.
ACK_WAIT = "12s"
# Between a fault's end and the last of its effects: an election, and the repeats after it.
SETTLED = 15.0


class Paced(Sender):
    """As Sender; its mails are spread over SPREAD, and it goes on until it is told that the fault is over."""

    def __init__(self, system, ledger, first, over):
        super().__init__(system, ledger, self.paced(first, over))

    @staticmethod
    def paced(first, over):
        start = time.monotonic()
        for number in itertools.count(first, SENDERS):
            if number >= MAILS and over.is_set():
                return
            time.sleep(max(0.0, start + number * SPREAD / MAILS - time.monotonic()))
            yield number


class Fault:
    """What was wrong, from when to when."""

    def __init__(self, what):
        self.what, self.begin, self.end = what, time.time(), None


class ReplicasTest(unittest.TestCase):
    def start(self, **options):
        self.system = self.enterContext(Cluster(**options))
        self.system.start_nats()
        self.system.provision()
        return self.system

    def run_mail(self, what, fault):
        """Mail passes; after a quarter of it `fault` is called, with a function that waits for a quarter more."""
        system = self.start(queue={"ack_wait": ACK_WAIT})
        system.start_sink(contents=False)
        system.start_inbound()
        for worker in ("outbound", "outbound2"):
            system.start_outbound(worker)
        ledger, over = Ledger(), threading.Event()
        senders = [Paced(system, ledger, n, over) for n in range(SENDERS)]
        for sender in senders:
            sender.start()

        def quarter_more():
            goal = ledger.count() + MAILS // 4
            wait_until(lambda: ledger.count() >= goal, 120, f"{what}: {goal} accepted mails")
        try:
            quarter_more()
            happened = Fault(what)
            fault(quarter_more)
            happened.end = time.time()
        finally:
            over.set()
        for sender in senders:
            sender.join(120)
            self.assertFalse(sender.is_alive(), "a sender does not come to its end")
            self.assertIsNone(sender.failure)
        self.check_end(ledger, happened)
        pause = ledger.longest_pause(happened.begin - 0.5, happened.end + SETTLED)
        print(f"\n{what}: accepting paused {pause:.1f} s ({ledger.count()} mails accepted, "
              f"{sum(ledger.lost_replies.values())} repeated, {self.twice} came twice)", file=sys.stderr)

    def check_end(self, ledger, fault):
        system, accepted = self.system, dict(ledger.accepted)
        for port, part in self.services():
            system.wait_ready(port, part, 60)
        wait_until(lambda: set(accepted) <= {entry["id"] for entry in system.received()}, 120,
                   "every accepted mail at the sink")
        open_ids = set(accepted)

        def all_delivered():
            for message_id in list(open_ids):
                state = system.api_states(message_id)
                self.assertIsNotNone(state, f"{message_id} got a 250 and is not found")
                if state != ["DELIVERED"]:
                    return False
                open_ids.discard(message_id)
            return True
        wait_until(all_delivered, 120, "every accepted mail delivered by its events")
        wait_until(lambda: system.stored_now("READY_0") == 0, 60, "all acknowledged")
        self.check_copies(ledger, fault)
        system.audit(second_ends=self.twice)  # each copy has an end of its own; the first counts

    def check_copies(self, ledger, fault):
        copies, ids = collections.defaultdict(list), collections.defaultdict(set)
        for entry in self.system.received():
            copies[entry["id"]].append(timestamp(entry["time"]))
            ids[number_of(entry["rcpts"][0])].add(entry["id"])
        self.twice = 0
        ends = self.ends_stored()
        for message_id, moments in copies.items():
            if len(moments) == 1:
                continue
            self.twice += 1
            dot, stored = min(moments), ends[message_id]
            self.assertTrue(dot <= fault.end + SETTLED and stored >= fault.begin,
                            f"{message_id} came at {moments}, its end was stored at {stored}, and the fault was from "
                            f"{fault.begin} to {fault.end}\n{self.system.log_lines(message_id)}")
        for number, found in ids.items():
            lost = ledger.lost_replies[number]
            self.assertLessEqual(len(found) - 1, lost, f"mail {number}: {found}, {lost} replies were lost")
            if not found & set(ledger.accepted):
                self.assertGreater(lost, 0, f"{found} delivered and never accepted")

    def ends_stored(self):
        """When the first end of each mail was stored."""
        ends = {}
        with Streams(self.system.leader("EVENTS_0").port) as streams:
            for stored, record in streams.messages("EVENTS_0"):
                for message_id, kind in events(record):
                    if kind == DELIVERED:
                        ends.setdefault(message_id, timestamp(stored))
        return ends

    # The faults.

    def test_a_rolling_restart_loses_nothing(self):
        def fault(quarter_more):
            for node in self.system.nodes:
                node.part.stop()
                self.system.start_node(node.number)
                self.system.wait_healthy()
                quarter_more()
        self.run_mail("rolling restart", fault)

    def test_the_leader_is_killed(self):
        def fault(quarter_more):
            leader = self.system.leader()
            leader.part.kill()
            quarter_more()  # two are enough
            self.assert_ready()
            self.system.start_node(leader.number)
            self.system.wait_healthy()
        self.run_mail("leader killed", fault)

    def test_the_leader_is_frozen(self):
        def fault(quarter_more):
            leader = self.system.leader()
            others = [node for node in self.system.nodes if node is not leader]
            leader.part.freeze()
            wait_until(lambda: self.system.leader(among=others) is not leader, 60, "another leads")
            quarter_more()
            leader.part.thaw()
            self.system.wait_healthy()
            quarter_more()
        self.run_mail("leader frozen", fault)

    def test_the_leader_is_cut_off(self):
        def fault(quarter_more):
            # The worst node: the one where new mail comes in.
            cut = self.system.node_of("goniec-inbound")
            others = [node for node in self.system.nodes if node is not cut]
            self.system.lead(cut)
            self.system.cut_off(cut.number)
            wait_until(lambda: self.system.leader(among=others) is not cut, 60, "another leads")
            wait_until(lambda: not cut.healthy() and not cut.routes(), 60, "the cut node knows it")
            quarter_more()
            self.assertFalse(cut.routes(), "a way around the cut")
            self.system.join(cut.number)
            self.system.wait_healthy()
            quarter_more()
        self.run_mail("leader cut off", fault)

    def test_all_three_are_killed_at_once(self):
        def fault(quarter_more):
            for node in self.system.nodes:
                node.part.kill()
            for node in self.system.nodes:
                self.system.start_node(node.number)
            self.system.wait_healthy()
            quarter_more()
        self.run_mail("all three killed", fault)

    def services(self):
        """(HTTP port, process) of each."""
        return [(self.system.inbound_http, self.system.parts["inbound"])] + [(w.http_port, w) for w in self.system.workers]

    def assert_ready(self):
        """One node less makes nobody unready."""
        for port, part in self.services():
            self.system.wait_ready(port, part, 20)

    # The lease.

    def test_a_worker_at_a_cut_off_node_does_not_send_the_dot(self):
        """Its node leads the consumer and goes on answering its signs of work, for it does not know yet that it is cut
        off; another worker gets the record meanwhile."""
        gate, first_data = threading.Event(), threading.Event()
        def smtp_hook(step, line):
            if step == "data" and not first_data.is_set():
                first_data.set()
                self.system.cut_off(cut.number)
                gate.wait(90)
        system = self.start(queue={"ack_wait": ACK_WAIT})
        peer = SmtpPeer(smtp_hook, system.sink_port)
        self.addCleanup(peer.close)
        first = system.start_outbound("first")
        cut = system.node_of("goniec-outbound deliver out")
        others = [node for node in system.nodes if node is not cut]
        # So that inbound and the second worker are not at the node that is cut off.
        system.queue["servers"] = [f"nats://127.0.0.1:{node.port}" for node in others]
        system.start_inbound()
        system.lead(cut, "READY_0", "transactional")
        with system.smtp() as client:
            client.ehlo()
            message_id = send(client, "a@sender.test", ["b@first.test"], body(1))
        self.assertTrue(first_data.wait(30))
        second = system.start_outbound("second", ready=False)
        wait_until(lambda: peer.count(message_id) == 1, 60, "delivered by the second")
        gate.set()
        wait_until(lambda: system.metric(first.http_port, 'goniec_recipients_total{result="returned"}') == 1, 30,
                   "given up by the first")
        system.join(cut.number)
        system.wait_healthy()
        wait_until(lambda: system.api_states(message_id, second) == ["DELIVERED"], 60, "DELIVERED")
        wait_until(lambda: system.stored_now("READY_0") == 0, 60, "all acknowledged")
        self.assertEqual(peer.count(message_id), 1)
        system.audit()

    # The floor.

    def test_with_one_node_down_a_new_service_becomes_ready(self):
        system = self.start()
        system.nodes[2].part.kill()
        system.start_inbound()
        system.start_outbound()

    def test_a_server_that_lives_and_cannot_be_seen_makes_the_services_unready(self):
        system = self.start()
        system.queue["monitor_urls"] = system.queue["monitor_urls"][:2]
        system.start_inbound(ready=False)
        self.says(system.inbound_http, "durability", "could not be seen")

    def says(self, port, *texts):
        """/readyz says 503, and these words."""
        def said():
            status, text = http(f"http://127.0.0.1:{port}/readyz")
            return status == 503 and all(each in text for each in texts)
        wait_until(said, 30, f"{texts} at /readyz")

    def test_streams_have_three_replicas_and_the_services_are_ready(self):
        system = self.start()
        for node in system.nodes:
            streams = system.nodes[node.number].streams()
            self.assertLessEqual({"READY_0", "WAIT_0", "HELD_0", "BODIES", "EVENTS_0", "QUARANTINE"}, set(streams),
                                 f"{node.name} keeps all streams")
        system.start_inbound()
        system.start_outbound()
        self.assertIn("unchanged", system.provision())

    def test_one_server_without_fsync_makes_the_services_unready(self):
        system = self.start(sync=["always", "always", "lazy"])
        system.start_inbound(ready=False)
        worker = system.start_outbound(ready=False)
        for port in (system.inbound_http, worker.http_port):
            self.says(port, "durability", "sync_interval: always")

    def test_streams_on_one_server_make_the_services_unready(self):
        system = self.start(replicas=1)
        system.start_inbound(ready=False)
        worker = system.start_outbound(ready=False)
        for port in (system.inbound_http, worker.http_port):
            self.says(port, "durability", "1 replica(s)")


if __name__ == "__main__":
    unittest.main()
