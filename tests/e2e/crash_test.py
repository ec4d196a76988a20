"""The crash table of common/queue/README.md, cell by cell (crashes.py says how)."""

import smtplib
import socket
import threading
import time
import unittest

from crashes import MESSAGE, Crashes, Once, answered, publishes
from jetstream import Streams
from nats_proxy import CUT, DROP
from smtp_peer import SmtpPeer
from system import wait_until

LARGE = MESSAGE + (b"x" * 998 + b"\r\n") * 600  # three chunks


class CrashTest(Crashes):
    # Pulled.

    def test_a_worker_dies_when_it_gets_the_record(self):
        self.ends(self.dies_at(lambda m: m.is_delivery, send_on=False), 1)

    def test_the_server_dies_when_a_worker_gets_the_record(self):
        """It is SIGKILLed with the delivery on its way, and knows nothing of it afterwards. The first worker is in the
        middle of the transaction when a second one is given the record for the first time."""
        delivered, dot, go_on = threading.Event(), threading.Event(), threading.Event()
        def hook(m):
            if m.is_delivery and not delivered.is_set():
                self.system.parts["nats"].kill()
                delivered.set()
        def smtp_hook(step, line):
            if step == "dot" and not dot.is_set():
                dot.set()
                go_on.wait(60)
            return None
        self.begin(smtp_hook)
        first, _ = self.worker_behind(hook)
        message_id = self.accept()
        self.assertTrue(delivered.wait(30))
        self.system.start_nats()
        second = self.system.start_outbound("second")
        put_back = lambda: sum(self.system.metric(w.http_port, "goniec_records_put_back_total")  # noqa: E731
                               for w in (first, second))
        wait_until(put_back, 30, "given to a worker again, who leaves it alone")
        go_on.set()
        self.ends(message_id, 1)

    # Connected.

    def dies_at_step(self, step, before_reply=True):
        reached = threading.Event()
        def smtp_hook(at, line):
            if at == step and not reached.is_set():
                self.first.kill()
                reached.set()
                return False
            return None
        self.begin(smtp_hook)
        self.first, _ = self.worker_behind(None)
        message_id = self.accept()
        self.assertTrue(reached.wait(30), f"{step} was not reached")
        self.system.start_outbound("second")
        return message_id

    def test_a_worker_dies_before_the_dot(self):
        self.ends(self.dies_at_step("data"), 1)

    def test_a_worker_dies_after_the_dot(self):
        # The window that every MTA has: the peer has taken it and nobody knows.
        self.ends(self.dies_at_step("dot"), 2)

    # Outcome known.

    def test_a_worker_dies_with_an_outcome_in_hand(self):
        self.ends(self.dies_at(publishes("event."), send_on=False), 2)

    def test_the_connection_is_cut_when_the_event_is_sent(self):
        self.begin()
        once = Once(publishes("event."))
        self.worker_behind(lambda m: CUT if once(m) else None)
        message_id = self.accept()
        self.ends(message_id, 1)

    def test_the_answer_to_the_event_is_lost(self):
        self.begin()
        once = Once(answered("event."))
        self.worker_behind(lambda m: DROP if once(m) else None)
        message_id = self.accept()
        self.ends(message_id, 1)
        self.assertTrue(once.done.is_set())
        self.assertEqual(self.system.stored_now("EVENTS_0"), 1, "the same bytes under the same id are stored once")

    # Event stored.

    def test_a_worker_dies_before_it_acknowledges(self):
        self.ends(self.dies_at(lambda m: m.is_acknowledgement, send_on=False), 1)

    def test_an_acknowledgement_is_lost(self):
        self.begin()
        once = Once(lambda m: m.is_acknowledgement)
        first, _ = self.worker_behind(lambda m: DROP if once(m) else None)
        message_id = self.accept()
        self.ends(message_id, 1)
        self.assertTrue(once.done.is_set())
        self.assertEqual(self.system.metric(first.http_port, "goniec_records_looked_total"), 1)

    # Deferred.

    def test_a_worker_dies_before_the_deferral_is_told(self):
        self.ends(self.dies_at(publishes("event."), send_on=False, smtp_hook=self.deferring()), 1)

    def test_a_worker_dies_before_the_copy(self):
        self.ends(self.dies_at(publishes("wait."), send_on=False, smtp_hook=self.deferring()), 1)

    def test_a_worker_dies_between_copy_and_acknowledgement(self):
        self.ends(self.dies_at(lambda m: m.is_acknowledgement, send_on=False, smtp_hook=self.deferring()), 1)

    def test_the_answer_to_the_copy_is_lost(self):
        self.begin(self.deferring())
        once = Once(answered("wait."))
        self.worker_behind(lambda m: DROP if once(m) else None)
        message_id = self.accept()
        self.ends(message_id, 1)
        self.assertTrue(once.done.is_set())

    # The lease.

    def test_a_cut_off_worker_does_not_send_the_dot(self):
        """Its broker stands still while the peer thinks about DATA, until another has the record."""
        gate, first_data = threading.Event(), threading.Event()
        def smtp_hook(step, line):
            if step == "data" and not first_data.is_set():
                proxy.stand_still()
                first_data.set()
                gate.wait(60)
            return None
        self.begin(smtp_hook)
        first, proxy = self.worker_behind(None)
        message_id = self.accept()
        self.assertTrue(first_data.wait(30))
        second = self.system.start_outbound("second")
        wait_until(lambda: self.system.api_states(message_id, second) == ["DELIVERED"], 60, "delivered")
        gate.set()
        wait_until(lambda: self.system.metric(first.http_port, 'goniec_recipients_total{result="returned"}') == 1, 30,
                   "given up")
        proxy.go_on()
        self.system.wait_ready(first.http_port, first, 60)
        self.ends(message_id, 1)

    def test_a_cut_off_worker_does_not_bounce_what_another_holds(self):
        gate, first_data = threading.Event(), threading.Event()
        def smtp_hook(step, line):
            if step == "rcpt" and not first_data.is_set():
                proxy.stand_still()
                first_data.set()
                gate.wait(60)
                return "550 no such user"
            if step == "dot":
                gate.set()
                return None if late.wait(30) else "451 the other one did not end"
            return None
        late = threading.Event()
        self.begin(smtp_hook)
        first, proxy = self.worker_behind(None)
        message_id = self.accept()
        self.assertTrue(first_data.wait(30))
        self.system.start_outbound("second")
        # The first has its 550 while the second waits for the reply to its dot; then the first may write.
        self.assertTrue(gate.wait(60))
        proxy.go_on()
        wait_until(lambda: self.system.metric(first.http_port, "goniec_records_in_hand") == 0, 30, "given up")
        late.set()
        self.ends(message_id, 1)

    def twins(self, stream, headers):
        """The one record of a stream is published twice more, as a schedule that fires again or a lost acknowledgement
        would."""
        with Streams(self.system.nats_port) as streams:
            subject, payload = streams.message(stream, streams.state(stream)["last_seq"])
            if subject.startswith("wait."):
                subject = "due." + subject[len("wait."):]
            streams.publish([subject, subject], payload, headers)

    def test_of_a_record_and_its_resend_one_is_served(self):
        def smtp_hook(step, line):
            if step == "dot":
                wait_until(lambda: self.system.stored_now("READY_0") == 1, 60, "the resends are acknowledged unseen")
        self.begin(smtp_hook)
        message_id = self.accept()
        self.twins("READY_0", {"Goniec-Resend": "1"})
        self.assertEqual(self.system.stored_now("READY_0"), 3)
        self.system.start_outbound("first")
        self.system.start_outbound("second")
        self.ends(message_id, 1)

    def test_of_a_schedule_that_fired_twice_one_is_served(self):
        deferred = threading.Event()
        def smtp_hook(step, line):
            if step == "rcpt" and not deferred.is_set():
                deferred.set()
                return "451 later"
            if step == "dot":
                wait_until(lambda: self.system.stored_now("WAIT_0") == 1, 60, "the twins are acknowledged unseen")
            return None
        self.begin(smtp_hook)
        self.system.outbound_more = {"retry": {"first_delay": "5s", "max_delay": "5s"}}
        first = self.system.start_outbound("first")
        message_id = self.accept()
        wait_until(lambda: self.system.api_states(message_id, first) == ["DEFERRED"] and
                   self.system.stored_now("READY_0") == 0, 30, "moved")
        first.kill()
        self.twins("WAIT_0", None)
        self.system.start_outbound("first")
        self.system.start_outbound("second")
        self.ends(message_id, 1)

    def test_acknowledgements_come_in_any_order(self):
        """The oldest record stays in hand while all behind it are done; only that one comes back when the worker dies."""
        held, gone = threading.Event(), threading.Event()
        def smtp_hook(step, line):
            if step == "data" and not held.is_set():
                held.set()
                gone.wait(60)
            return None
        self.begin(smtp_hook)
        self.first, _ = self.worker_behind(None)
        oldest = self.accept()
        self.assertTrue(held.wait(30))
        others = [self.accept(recipients=(f"b@{name}.test",)) for name in ("second", "third", "fourth")]
        wait_until(lambda: self.system.stored_now("READY_0") == 1, 60, "the others are acknowledged")
        self.first.kill()
        gone.set()
        self.system.start_outbound("second")
        self.ends(oldest, 1)
        self.assertEqual([self.peer.count(each) for each in others], [1, 1, 1])

    def test_a_frozen_worker_gives_up_what_lay_in_its_connection(self):
        """Records reach a worker's socket while it stands still. To the server they were with it; to the worker they
        look as if they had come just now."""
        self.begin()
        first, _ = self.worker_behind(None)
        with Streams(self.system.nats_port) as streams:
            consumer = lambda: streams.consumer("READY_0", "transactional")  # noqa: E731
            wait_until(lambda: consumer()["num_waiting"] > 0, 30, "the first asks")
            first.freeze()
            ids = [self.accept() for _ in range(15)]
            wait_until(lambda: consumer()["num_ack_pending"] > 0, 30, "sent to the frozen one")
        second = self.system.start_outbound("second")
        for each in ids:
            wait_until(lambda: self.system.api_states(each, second) == ["DELIVERED"], 60, "delivered")
        first.thaw()
        wait_until(lambda: "did not run for a while" in first.log(), 30, "the standstill is noticed")
        second.stop()
        self.ends(self.accept(), 1)  # when this one is through, so is all that lay before it
        self.assertEqual({each: self.peer.count(each) for each in ids}, dict.fromkeys(ids, 1))

    def test_a_reset_consumer_does_not_deliver_twice(self):
        """What is announced is heeded: the worker that has a record lets it go before it comes again as new."""
        gate, first_data = threading.Event(), threading.Event()
        def smtp_hook(step, line):
            if step == "data" and not first_data.is_set():
                first_data.set()
                gate.wait(180)  # longer than anything below
            return None
        self.begin(smtp_hook)
        first, _ = self.worker_behind(None)
        message_id = self.accept()
        self.assertTrue(first_data.wait(30))
        second = self.system.start_outbound("second")
        until = time.time() + 6
        with Streams(self.system.nats_port) as streams:
            streams.publish(["$KV.control.reset.READY_0.transactional"], f"1 {until * 1000:.0f}".encode())
            wait_until(lambda: all("about to be reset" in each.log() for each in (first, second)), 10, "heeded")
            wait_until(lambda: time.time() > until - 1, 10, "no lease is left")
            streams.reset("READY_0", "transactional", 1)
        wait_until(lambda: self.system.api_states(message_id, second) == ["DELIVERED"], 60, "delivered")
        gate.set()
        wait_until(lambda: self.system.metric(first.http_port, "goniec_records_in_hand") == 0, 30, "given up")
        self.ends(message_id, 1)

    def test_a_worker_that_cannot_record_starts_nothing_new(self):
        refuse = threading.Event()
        refuse.set()
        self.begin()
        first, _ = self.worker_behind(lambda m: DROP if refuse.is_set() and publishes("event.")(m) else None)
        one = self.accept()
        wait_until(lambda: self.system.metric(first.http_port, "goniec_outcomes_stalled") == 1, 30, "stalled")
        two = self.accept()
        # A round of the connection that is known to work: what was to be pulled would have been.
        wait_until(lambda: self.system.states(two, first) == ["QUEUED"], 30, "queued")
        self.assertEqual(self.peer.taken, [one])
        refuse.clear()
        self.ends(two, 1)
        self.ends(one, 1)

    # Records that are none of ours.

    def test_a_record_that_is_none_of_ours_is_set_aside(self):
        self.begin()
        with socket.create_connection(("127.0.0.1", self.system.nats_port)) as nats:
            nats.sendall(b"CONNECT {\"verbose\":false}\r\n"
                         b"PUB ready.0.transactional.default.7 3\r\n\xff\xff\xff\r\nPING\r\n")
            wait_until(lambda: self.system.stored_now("READY_0") == 1, 30, "stored")
        worker = self.system.start_outbound("first")
        wait_until(lambda: self.system.stored_now("QUARANTINE") == 1 and self.system.stored_now("READY_0") == 0, 30,
                   "set aside")
        self.ends(self.accept(), 1)
        self.assertEqual(self.system.metric(worker.http_port, "goniec_records_unreadable_total"), 1)
        self.assertIn("not a record", worker.log())

    # Accepting.

    def inbound_behind(self, hook):
        self.system.start_nats()
        self.system.provision()
        self.peer = SmtpPeer(None, self.system.sink_port)
        proxy = self.proxy(hook)
        self.system.inbound_more = {"queue": {"servers": [proxy.url]}}
        self.system.start_inbound()
        return proxy

    def inbound_dies_at(self, fits, message=MESSAGE):
        once = Once(fits)
        def hook(m):
            if once(m):
                self.system.parts["inbound"].kill()
                return DROP
            return None
        self.inbound_behind(hook)
        with self.assertRaises((smtplib.SMTPException, OSError)):
            self.accept(message)
        self.assertTrue(once.done.is_set())
        self.system.start_outbound()

    def test_inbound_dies_between_chunks(self):
        chunks = iter(range(100))
        self.inbound_dies_at(lambda m: m.out and m.subject.startswith("body.") and next(chunks) == 1, LARGE)
        self.assertEqual(self.system.stored_ever("READY_0"), 0)
        self.assertEqual(self.system.stored_now("BODIES"), 1, "it goes by its time to live")
        message_id = self.again(LARGE)
        self.ends(message_id, 1)

    def again(self, message=MESSAGE):
        self.system.start_inbound()
        return self.accept(message)

    def test_inbound_dies_before_the_record_is_sent(self):
        self.inbound_dies_at(publishes("ready."))
        self.assertEqual(self.system.stored_ever("READY_0"), 0)
        self.ends(self.again(), 1)

    def test_inbound_dies_before_it_says_250(self):
        # RFC 1047: stored, and nobody told the sender. It sends it again, so it comes twice, under two ids.
        self.inbound_dies_at(answered("ready."))
        second = self.again()
        self.ends(second, 1)
        self.assertEqual(len(self.peer.taken), 2)

    def test_the_answer_to_the_record_is_lost(self):
        once = Once(answered("ready."))
        self.inbound_behind(lambda m: DROP if once(m) else None)
        message_id = self.accept()
        self.assertTrue(once.done.is_set())
        self.system.start_outbound()
        self.ends(message_id, 1)
        self.assertEqual(self.system.stored_ever("READY_0"), 1)

    def test_a_resend_is_stored_twice_and_delivered_once(self):
        """The answer to the record is lost; meanwhile a worker delivers and acknowledges it, and the server, killed and
        started, no longer knows its id: the repeat is a second record."""
        lost, resends = Once(answered("ready.")), threading.Event()
        def hook(m):
            if lost(m):
                return DROP
            # What is repeated before the server has forgotten would be a duplicate to it.
            return DROP if lost.done.is_set() and publishes("ready.")(m) and not resends.is_set() else None
        self.inbound_behind(hook)
        worker = self.system.start_outbound()
        accepted = []
        client = threading.Thread(target=lambda: accepted.append(self.accept()), daemon=True)
        client.start()
        wait_until(lambda: len(self.peer.taken) == 1 and self.system.stored_now("READY_0") == 0, 30,
                   "delivered and acknowledged")
        self.assertEqual(accepted, [])
        self.system.parts["nats"].kill()
        resends.set()
        self.system.start_nats()
        client.join(60)
        self.assertEqual(accepted, self.peer.taken)
        self.ends(accepted[0], 1)
        self.assertEqual(self.system.stored_ever("READY_0"), 2, "the repeat was stored as a second record")
        self.assertGreaterEqual(self.system.metric(worker.http_port, "goniec_records_looked_total"), 1)

    def test_the_connection_is_cut_when_the_record_is_sent(self):
        once = Once(publishes("ready."))
        self.inbound_behind(lambda m: CUT if once(m) else None)
        message_id = self.accept()
        self.system.start_outbound()
        self.ends(message_id, 1)


if __name__ == "__main__":
    unittest.main()
