"""The way of a mail that comes in over gRPC: stored, delivered, found by its id."""

import email
import email.policy
import os
import subprocess
import unittest

from system import BIN, System, wait_until

HEADER = b"From: a@sender.test\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@sender.test>\r\n\r\n"


class ApiWayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The generated code is there once a System was made.
        cls.system = System().start(workers=2)
        from goniec.v1 import mail_service_pb2
        cls.pb = mail_service_pb2

    @classmethod
    def tearDownClass(cls):
        cls.system.__exit__(None, None, None)

    def send_raw(self, raw, recipients, mail_from="a@sender.test"):
        pb = self.pb
        return self.system.api().SendMessage(pb.SendMessageRequest(
            envelope=pb.Envelope(mail_from=mail_from, to=[pb.EnvelopeRecipient(address=r) for r in recipients]),
            raw=raw), timeout=60)

    def arrived(self, message_id, recipients=1, rcpt=None):
        """The content, found by the id in its Received field, or (composed ones have none) by a recipient."""
        wait_until(lambda: self.system.api_states(message_id) == ["DELIVERED"] * recipients, 60, "delivered")
        entry, = [entry for entry in self.system.received()
                  if (rcpt in entry["rcpts"] if rcpt else entry["id"] == message_id)]
        with open(os.path.join(self.system.maildir, entry["file"]), "rb") as file:
            return file.read()

    def test_raw_messages_arrive_byte_for_byte_behind_one_received_field(self):
        for body in (b"plain\r\n", b".\r\n..\r\n.x\r\n", b"", "gr\u00fc\u00df\r\n".encode(), b"y" * 3000 + b"\r\n"):
            sent = self.send_raw(HEADER + body, ["b@first.test"])
            content = self.arrived(sent.message.message_id)
            self.assertTrue(content.startswith(b"Received: by out.goniec.test with gRPC id " +
                                               sent.message.message_id.encode() + b";\r\n\t"), content[:120])
            self.assertEqual(content[content.index(b"From: "):], HEADER + body)
            self.assertEqual(len(content), sent.message.size_bytes)

    def test_a_20_mb_message_arrives_byte_for_byte(self):
        body = (b"0123456789abcdef" * 4 + b"\r\n") * (20 * 1024 * 1024 // 66)
        sent = self.send_raw(HEADER + body, ["b@first.test"])
        content = self.arrived(sent.message.message_id)
        self.assertTrue(content[content.index(b"From: "):] == HEADER + body)

    def test_smtputf8_and_null_sender(self):
        sent = self.send_raw("From: j\u00fcrgen@sender.test\r\nSubject: \u017c\r\n\r\nx\r\n".encode(),
                             ["z\u00f3\u0142w@first.test"], mail_from="")
        content = self.arrived(sent.message.message_id)
        self.assertIn("Subject: \u017c\r\n".encode(), content)

    def test_it_is_found_right_after_its_ok_at_any_replica(self):
        for _ in range(30):
            sent = self.send_raw(HEADER + b"x\r\n", ["b@first.test"])
            for worker in self.system.workers:
                self.assertIn(self.system.api_states(sent.message.message_id, worker), (["QUEUED"], ["DELIVERED"]))

    def test_100_recipients_in_30_domains_are_one_record_and_one_body(self):
        worker = self.system.workers[0]
        bodies = self.system.stored_ever("BODIES")
        records = self.system.metric(worker.http_port, "goniec_commit_records_total")
        recipients = [f"r{n}@d{n % 30}.test" for n in range(100)]
        body = (b"y" * 998 + b"\r\n") * 300
        sent = self.send_raw(HEADER + body, recipients)
        message_id = sent.message.message_id
        wait_until(lambda: self.system.api_states(message_id) == ["DELIVERED"] * 100, 60, "delivered")
        entries = [entry for entry in self.system.received() if entry["id"] == message_id]
        self.assertEqual(sorted(r for entry in entries for r in entry["rcpts"]), sorted(recipients))
        self.assertEqual((len(entries), len({entry["sha256"] for entry in entries})), (30, 1))
        self.assertEqual(self.system.metric(worker.http_port, "goniec_commit_records_total") - records, 1)
        # Chunks are a quarter of a mebibyte; two bodies would be four.
        self.assertEqual(self.system.stored_ever("BODIES") - bodies, 2)

    def test_composed_messages_arrive_and_hide_bcc(self):
        pb = self.pb
        sent = self.system.api().SendMessage(pb.SendMessageRequest(composed=pb.ComposedMessage(
            **{"from": pb.Address(address="a@sender.test", display_name="\u0141ukasz")},
            to=[pb.Address(address="b@first.test")], bcc=[pb.Address(address="secret@first.test")],
            subject="Cze\u015b\u0107", text="Hej\n", attachments=[pb.Attachment(name="a.bin", content=bytes(range(256)))])),
            timeout=60)
        content = self.arrived(sent.message.message_id, recipients=2, rcpt="secret@first.test")
        self.assertNotIn(b"secret", content)
        message = email.message_from_bytes(content, policy=email.policy.default)
        self.assertEqual(message["Subject"], "Cze\u015b\u0107")
        self.assertEqual(message["Message-ID"], f"<{sent.message.internet_message_id}>")
        self.assertEqual(next(message.iter_attachments()).get_content(), bytes(range(256)))

    def goniec(self, *arguments, input=None):
        """`goniec send` with these arguments (bytes or text)."""
        return subprocess.run(
            [f"{BIN}/goniec", "send", "--api", f"127.0.0.1:{self.system.workers[0].api_port}", "--from", "a@sender.test",
             *arguments], input=input, capture_output=True, timeout=90, check=False)

    def test_the_command_line_names_nobody_twice(self):
        done = self.goniec("--to", "x@first.test", "--cc", "X <x@FIRST.test>", "--mail-from", "bounces@sender.test",
                           "--text", "x", "--validate-only")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.goniec("--raw", "-", "--to", "x@first.test", "--to", "X <x@first.test>", "--validate-only",
                           input=HEADER + b"x\r\n")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_command_line_takes_a_quoted_name(self):
        done = self.goniec("--to", r'"Nat \"King\" Cole" <nat@cole.test>', "--text", "x", "--wait", "60")
        self.assertEqual(done.returncode, 0, done.stderr)
        entry, = [entry for entry in self.system.received() if entry["rcpts"] == ["nat@cole.test"]]
        with open(os.path.join(self.system.maildir, entry["file"]), "rb") as file:
            message = email.message_from_binary_file(file, policy=email.policy.default)
        self.assertEqual(message["To"].addresses[0].display_name, 'Nat "King" Cole')

    def test_the_command_line_says_what_is_not_utf8(self):
        folder = os.fsencode(self.system.folder)
        attachment = os.path.join(folder, b"caf\xe9.txt")
        token = os.path.join(folder, b"token")
        for path in (attachment, token):
            with open(path, "wb") as file:
                file.write(b"caf\xe9")
        to = ("--to", "b@first.test")
        for name, arguments, given, said in (
                ("an argument", (*to, "--subject", b"caf\xe9", "--text", "x"), None, "--subject is not UTF-8: octet 4 is 0xE9;"),
                ("text from standard input", (*to, "--text", "-"), b"caf\xe9", "--text: standard input is not UTF-8: octet 4"),
                ("html from standard input", (*to, "--html", "-"), b"\xe9", "--html: standard input is not UTF-8: octet 1"),
                ("content without a flag", to, b"a\nb\xe9", "standard input is not UTF-8: octet 4 is 0xE9;"),
                ("a file name", (*to, "--text", "x", "--attach", attachment), None,
                 "--attach: the file's name is not UTF-8: octet 4 is 0xE9;"),
                ("a key", (*to, "--text", "x", "--metadata", b"k\xe9=v"), None, "--metadata is not UTF-8: octet 2 is 0xE9;"),
                ("a token", (*to, "--text", "x", "--token-file", token), None,
                 "--token-file: the token is not printable ASCII: octet 4 is 0xE9;")):
            with self.subTest(name):
                done = self.goniec(*arguments, input=given)
                self.assertIn(done.returncode, (1, 2))
                self.assertIn(said, done.stderr.decode())
                self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        done = subprocess.run([f"{BIN}/goniec", "get", b"\xe9"], capture_output=True, timeout=90, check=False)
        self.assertIn(b"argument 1 is not UTF-8: octet 1 is 0xE9;", done.stderr)

    def test_the_command_line_waits_for_delivery(self):
        done = self.goniec("--to", "b@first.test", "--text", "x", "--wait", "60")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout.decode(), r"b@first\.test +DELIVERED +1 ")


if __name__ == "__main__":
    unittest.main()
