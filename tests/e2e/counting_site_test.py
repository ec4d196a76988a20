"""What the trials of limits rest on: that CountingSite counts connections rightly."""

import socket
import unittest

from counting_site import CountingSite
from system import wait_until


class CountingSiteTest(unittest.TestCase):
    def begin(self, **more):
        site = CountingSite(**more)
        self.addCleanup(site.close)
        return site

    def client(self, site):
        client = socket.create_connection(("127.0.0.1", site.port), 30)
        self.addCleanup(client.close)
        return client, client.makefile("rb")

    def test_two_at_once_are_two(self):
        site = self.begin()
        for _ in range(2):
            _, lines = self.client(site)
            self.addCleanup(lines.close)
            self.assertEqual(lines.readline()[:3], b"220")
        self.assertEqual((site.most_at_once, site.connections()), (2, 2))

    def test_one_whose_client_has_gone_does_not_count(self):
        # The second mail was not read yet when its client went, as the reply to the first one waits.
        site = self.begin(pace=0.001)
        mail = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n"
        client, lines = self.client(site)
        client.sendall(b"EHLO x\r\n" + mail)
        self.assertEqual(next(line for line in lines if line[:3] == b"354")[:3], b"354")
        client.sendall(b"Subject: x\r\n\r\n.\r\n" + mail)
        wait_until(lambda: site._clients and all(each.ready_at for each in site._clients.values()), what="the dot")
        lines.close()
        client.close()
        for _ in range(2):  # one after the other
            client, lines = self.client(site)
            self.assertEqual(lines.readline()[:3], b"220")
            lines.close()
            client.close()
        self.assertEqual(site.most_at_once, 1)
        self.assertEqual(site.count(), 0)

    def test_down_refuses_and_up_takes(self):
        site = self.begin()
        _, lines = self.client(site)
        site.down()
        self.assertEqual((lines.readline()[:3], lines.readline()), (b"220", b""))
        lines.close()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", site.port), 30)
        site.up()
        _, lines = self.client(site)
        self.assertEqual(lines.readline()[:3], b"220")
        lines.close()


if __name__ == "__main__":
    unittest.main()
