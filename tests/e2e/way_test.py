"""The whole way of a mail: in by SMTP, through the queue, out by SMTP, and found by its id at any moment."""

import collections
import hashlib
import random
import re
import smtplib
import socket
import threading
import unittest

from system import System, message_id_of, send, wait_until

MESSAGE = b"From: a@sender.test\r\nTo: b@first.test\r\nSubject: hello\r\n\r\n"


class WayTest(unittest.TestCase):
    def stored(self, system, entry):
        with open(f"{system.maildir}/{entry['file']}", "rb") as file:
            return file.read()

    def without_received(self, content):
        """The message without the one Received field that inbound adds at its top."""
        self.assertTrue(content.startswith(b"Received: from "), content[:80])
        end = content.index(b"\r\n")
        while content[end + 2:end + 3] in (b" ", b"\t"):
            end = content.index(b"\r\n", end + 2)
        return content[end + 2:]

    def arrives(self, system, client, message, recipients=("b@first.test",)):
        message_id = send(client, "a@sender.test", list(recipients), message)
        wait_until(lambda: system.api_states(message_id) == ["DELIVERED"] * len(recipients), 60, "delivered")
        return [entry for entry in system.received() if entry["id"] == message_id]

    def test_mail_by_smtp_arrives_byte_for_byte(self):
        bodies = [
            b"plain\r\n", b".\r\n", b"..\r\n", b".leading\r\n..double\r\n", b"\r\n.\r\n.a\r\n\r\n", b"",
            b"trailing blank \r\n\r\n", "gr\u00fc\u00df\r\n".encode(), b"x" * 5000 + b"\r\n", b".\r\n" * 300,
        ]
        with System().start() as system:
            client = system.smtp()
            client.ehlo()
            for body in bodies:
                entry, = self.arrives(system, client, MESSAGE + body)
                # smtplib ends a message that has no line end with one.
                self.assertEqual(self.without_received(self.stored(system, entry)), MESSAGE + body)

    def test_a_20_mb_message_arrives_byte_for_byte(self):
        line = b"0123456789abcdef" * 4 + b"\r\n"
        message = MESSAGE + line * (20 * 1024 * 1024 // len(line))
        with System().start() as system:
            client = system.smtp()
            client.ehlo()
            entry, = self.arrives(system, client, message)
            self.assertEqual(hashlib.sha256(self.without_received(self.stored(system, entry))).digest(),
                             hashlib.sha256(message).digest())
            self.assertGreater(entry["size"], 20_000_000)

    def test_100_recipients_in_30_domains_are_one_record(self):
        recipients = [f"r{n}@d{n % 30}.test" for n in range(100)]
        with System().start() as system:
            client = system.smtp()
            client.ehlo()
            entries = self.arrives(system, client, MESSAGE + b"to many\r\n", recipients)
            self.assertEqual(sorted(r for entry in entries for r in entry["rcpts"]), sorted(recipients))
            self.assertEqual(len(entries), 30, "one transaction a domain")
            self.assertEqual(system.metric(system.inbound_http, "goniec_commit_records_total"), 1)

    def test_a_large_body_for_many_is_stored_once(self):
        recipients = [f"r{n}@d{n % 30}.test" for n in range(100)]
        with System().start() as system:
            client = system.smtp()
            client.ehlo()
            entries = self.arrives(system, client, MESSAGE + (b"y" * 998 + b"\r\n") * 300, recipients)
            self.assertEqual(len(entries), 30)
            self.assertEqual(len({entry["sha256"] for entry in entries}), 1)
            self.assertEqual(system.metric(system.inbound_http, "goniec_commit_records_total"), 1)
            # Chunks are a quarter of a mebibyte; two bodies would be four.
            self.assertEqual(system.stored_ever("BODIES"), 2)
            wait_until(lambda: system.stored_now("BODIES") == 0, 30, "the body is deleted with its last recipient")

    def test_bdat_in_odd_chunks_and_odd_segments_arrives_byte_for_byte(self):
        seed = random.randrange(1 << 32)
        dice = random.Random(seed)
        content = MESSAGE + b"".join(dice.choice((b".", b"..", b"\r\n", b".\r\n", b"text ", b"\xc5\x82")) * dice.randint(1, 3)
                                     for _ in range(100_000)) + b"\r\n"
        chunks, at = [], 0
        while at < len(content):
            size = dice.choice((0, 1, 2, 3, 5, 1_021, 65_537))
            chunks.append(content[at:at + size])
            at += size
        chunked = b"".join(b"BDAT %d\r\n" % len(chunk) + chunk for chunk in chunks) + b"BDAT 0 LAST\r\n"
        dotted = b"DATA\r\n" + re.sub(rb"(?m)^\.", b"..", content) + b".\r\n"
        envelope = b"MAIL FROM:<a@sender.test>\r\nRCPT TO:<b@first.test>\r\n"
        with System().start() as system:
            for way in (chunked, dotted):
                session = b"EHLO client.test\r\n" + envelope + way + b"QUIT\r\n"
                with socket.create_connection(("127.0.0.1", system.smtp_port), 60) as client:
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    replies = client.makefile("rb")
                    self.assertTrue(replies.readline().startswith(b"220 "))
                    # The replies to thousands of chunks are read while the chunks are sent.
                    said = []
                    reader = threading.Thread(target=lambda: said.extend(replies), daemon=True)
                    reader.start()
                    at = 0
                    while at < len(session):
                        size = dice.choice((1, 2, 3, 7, 500, 1_449, 30_000))
                        client.sendall(session[at:at + size])
                        at += size
                    reader.join(60)
                self.assertTrue(said[-1].startswith(b"221 "), f"seed {seed}: {said[-1]}")
                message_id = message_id_of(said[-2])
                wait_until(lambda: system.api_states(message_id) == ["DELIVERED"], 60, "delivered")
                entry, = [entry for entry in system.received() if entry["id"] == message_id]
                self.assertTrue(self.without_received(self.stored(system, entry)) == content, f"seed {seed}")

    def test_smtputf8_arrives_with_its_addresses(self):
        with System().start() as system:
            client = system.smtp()
            client.ehlo()
            message = "From: j\u00fcrgen@sender.test\r\nSubject: \u017c\u00f3\u0142w\r\n\r\nx\r\n".encode()
            refused = client.sendmail("j\u00fcrgen@sender.test", ["z\u00f3\u0142w@first.test"], message,
                                      mail_options=["SMTPUTF8", "BODY=8BITMIME"])
            self.assertEqual(refused, {})
            entry, = wait_until(system.received, 60, "it arrives")
            self.assertEqual((entry["mail_from"], entry["rcpts"]), ("j\u00fcrgen@sender.test", ["z\u00f3\u0142w@first.test"]))
            self.assertIn("SMTPUTF8", entry["mail_parameters"])
            self.assertEqual(self.without_received(self.stored(system, entry)), message)

    def test_addresses_inside_and_our_own_are_no_destinations(self):
        with System(routed_to_sink=False) as system:
            system.outbound_more = {"delivery": {"smtp_port": system.sink_port, "own_addresses": ["203.0.113.9"],
                                                 "own_hosts": ["mx.goniec.test"]}}
            system.start()
            client = system.smtp()
            client.ehlo()
            inside = ["b@[127.0.0.1]", "b@[10.0.0.1]", "b@[169.254.169.254]", "b@[IPv6:::1]", "b@[IPv6:::ffff:127.0.0.1]"]
            message_id = send(client, "a@sender.test", inside + ["b@[203.0.113.9]"], MESSAGE + b"x\r\n")
            wait_until(lambda: system.api_states(message_id) == ["BOUNCED"] * 6, 60, "all refused")
            codes = [r["last_outcome"]["enhanced_code"] for r in system.get(message_id)["recipients"]]
            self.assertEqual(codes, ["5.4.4"] * 5 + ["5.4.6"])
            self.assertEqual(system.received(), [], "the sink listens on 127.0.0.1 and was not asked")
            # What is allowed is reached.
            system.parts["outbound"].stop()
            system.outbound_more["delivery"]["allow_networks"] = ["127.0.0.0/8"]
            worker = system.start_outbound("allowed")
            message_id = send(client, "a@sender.test", ["b@[127.0.0.1]"], MESSAGE + b"x\r\n")
            wait_until(lambda: system.api_states(message_id, worker) == ["DELIVERED"], 60, "delivered")

    def test_a_mixed_rcpt_result_ends_each_recipient_by_itself(self):
        script = """
rules:
  - {on: rcpt, match: "no@*", reply: "550 5.1.1 nobody here"}
  - {on: rcpt, match: "later@*", first: 1, reply: "451 4.2.1 later"}
"""
        with System().start(script=script) as system:
            client = system.smtp()
            client.ehlo()
            message_id = send(client, "a@sender.test", ["yes@d.test", "no@d.test", "later@d.test"], MESSAGE + b"x\r\n")
            expected = ["DELIVERED", "BOUNCED", "DELIVERED"]
            wait_until(lambda: system.api_states(message_id) == expected, 60, "each recipient ended")
            arrived = collections.Counter(r for entry in system.received() for r in entry["rcpts"])
            self.assertEqual(arrived, {"yes@d.test": 1, "later@d.test": 1})
            bounced = system.get(message_id)["recipients"][1]["last_outcome"]
            self.assertEqual((bounced["reply_code"], bounced["enhanced_code"]), (550, "5.1.1"))

    def test_what_its_site_lets_wait_is_delivered_when_the_site_is_back(self):
        with System().start() as system:
            system.parts["sink"].kill()
            client = system.smtp()
            client.ehlo()
            message_id = send(client, "a@sender.test", ["b@first.test"], MESSAGE + b"x" * 30_000 + b"\r\n")
            wait_until(lambda: system.api_states(message_id) == ["HELD"], 60, "on the shelf of its site")
            system.start_sink()
            wait_until(lambda: system.api_states(message_id) == ["DELIVERED"], 60, "delivered")
            self.assertEqual(len([e for e in system.received() if e["id"] == message_id]), 1)

    def test_mail_expires(self):
        script = 'rules: [{on: mail, reply: "451 4.3.0 never today"}]'
        with System(inbound={"mail": {"lifetime": "1m"}}).start(script=script) as system:
            client = system.smtp()
            client.ehlo()
            message_id = send(client, "a@sender.test", ["b@first.test"], MESSAGE + b"x\r\n")
            wait_until(lambda: system.api_states(message_id) == ["EXPIRED"], 120, "expired")
            self.assertEqual(system.received(), [])

    def test_get_finds_a_message_that_was_accepted_with_no_worker_running(self):
        with System() as system:
            system.start_nats()
            system.provision()
            system.start_sink()
            system.start_inbound()
            client = system.smtp()
            client.ehlo()
            message_id = send(client, "a@sender.test", ["b@first.test"], MESSAGE + b"x\r\n")
            system.parts["sink"].freeze()
            system.start_outbound()
            self.assertEqual(system.api_states(message_id), ["QUEUED"], "it is found before anything has happened to it")
            self.assertIsNone(system.api_states("01m86h4d30xyhw15ym4rphd300"), "an id that nobody gave out")
            system.parts["sink"].thaw()
            wait_until(lambda: system.api_states(message_id) == ["DELIVERED"], 60, "delivered")

    def test_get_finds_a_message_right_after_its_250(self):
        with System().start() as system:
            client = system.smtp()
            client.ehlo()
            for _ in range(100):
                message_id = send(client, "a@sender.test", ["b@first.test"], MESSAGE + b"x\r\n")
                self.assertIn(system.api_states(message_id), (["QUEUED"], ["DELIVERED"]))

    def test_another_replica_answers(self):
        with System().start(workers=2) as system:
            client = system.smtp()
            client.ehlo()
            ids = [send(client, "a@sender.test", [f"r{n}@d{n}.test"], MESSAGE + b"x\r\n") for n in range(10)]
            for worker in system.workers:
                for message_id in ids:
                    self.assertIsNotNone(system.api_states(message_id, worker))
            for worker in system.workers:
                wait_until(lambda w=worker: all(system.api_states(i, w) == ["DELIVERED"] for i in ids), 60, "delivered")

    def test_sigterm_of_a_worker_hands_over_without_loss_or_duplicate(self):
        with System(outbound={"drain_limit": "5s"}).start(workers=2) as system:
            client = system.smtp()
            client.ehlo()
            ids = []
            for n in range(300):
                ids.append(send(client, "a@sender.test", [f"r{n}@d{n % 10}.test"], MESSAGE + b"x\r\n"))
                if n == 150:
                    system.workers[0].process.terminate()
            self.assertEqual(system.workers[0].process.wait(60), 0)
            wait_until(lambda: all(system.api_states(i, system.workers[1]) == ["DELIVERED"] for i in ids), 120,
                       "all delivered by the other worker")
            counted = collections.Counter(entry["id"] for entry in system.received())
            self.assertEqual(set(counted), set(ids))
            self.assertEqual({i: n for i, n in counted.items() if n > 1}, {}, "delivered twice")
            for worker in system.workers:
                self.assertIn('"event":"delivered"', worker.log(), f"{worker.name} had no share of the work")

    def test_without_broker_451_then_accepted_again(self):
        with System().start() as system:
            client = system.smtp()
            client.ehlo()
            send(client, "a@sender.test", ["b@first.test"], MESSAGE + b"x\r\n")
            system.parts["nats"].kill()

            def refused():
                try:
                    send(client, "a@sender.test", ["b@first.test"], MESSAGE + b"x\r\n")
                except smtplib.SMTPResponseException as error:
                    client.rset()
                    return error.smtp_code
                return None
            self.assertEqual(wait_until(refused, 60, "a refusal"), 451)
            system.start_nats()

            def accepted():
                try:
                    return send(client, "a@sender.test", ["b@first.test"], MESSAGE + b"x\r\n")
                except smtplib.SMTPResponseException:
                    client.rset()
                    return None
            message_id = wait_until(accepted, 60, "accepted again on the same connection")
            wait_until(lambda: system.api_states(message_id) == ["DELIVERED"], 60, "delivered")


if __name__ == "__main__":
    unittest.main()
