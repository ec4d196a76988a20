"""What SMTP clients can take of goniec-inbound's host beside what it counts itself."""

import socket
import unittest

from system import System, unread, wait_until

LINE = b"x" * 998 + b"\r\n"


class InboundAttackTest(unittest.TestCase):
    def test_what_is_not_read_of_a_client_is_bounded_in_the_kernel_too(self):
        system = self.enterContext(System())
        system.start_nats()
        system.provision()
        inbound = system.start_inbound()
        client = self.enterContext(socket.create_connection(("127.0.0.1", system.smtp_port), 30))
        replies = client.makefile("rb")

        def expect(code):
            while (line := replies.readline())[3:4] == b"-":
                pass
            self.assertEqual(line[:3], code, line)

        expect(b"220")
        for command, code in ((b"EHLO client.test", b"250"), (b"MAIL FROM:<a@sender.test>", b"250"),
                              (b"RCPT TO:<b@first.test>", b"250"), (b"DATA", b"354")):
            client.sendall(command + b"\r\n")
            expect(code)
        # Each time that much lay there and was read, the kernel would keep more the next time.
        sent, kept, message = 0, 0, LINE * 20_000
        client.sendall(b"Subject: x\r\n\r\n")
        client.settimeout(0.2)
        for _ in range(8):
            inbound.freeze()
            try:
                while sent < len(message):
                    sent += client.send(message[sent:sent + 65_536])
            except TimeoutError:
                pass
            kept = max(kept, unread(system.smtp_port))
            inbound.thaw()
            wait_until(lambda: unread(system.smtp_port) == 0, 30, "all is read")
        self.assertGreater(kept, 0)
        self.assertLessEqual(kept, 256 << 10)
        client.settimeout(60)
        client.sendall(message[sent:] + b".\r\n")
        expect(b"250")


if __name__ == "__main__":
    unittest.main()
