"""`goniec sites`: an operator sees where mail waits and why, and that it goes on."""

import json
import subprocess
import unittest

from smtp_peer import SmtpPeer
from system import BIN, System, free_port, send, wait_until

MESSAGE = b"From: a@sender.test\r\nTo: b@first.test\r\nSubject: hello\r\n\r\nhello\r\n"
MAILS = 5


class SitesTest(unittest.TestCase):
    def begin(self, down_port):
        """The domain down.test goes to `down_port`, everything else to the sink."""
        self.system = self.enterContext(System(outbound={
            "delivery": {"routes": {"down.test": {"smart_host": f"127.0.0.1:{down_port}"}}}}))
        self.system.start()

    def accept(self, domain, count=MAILS):
        with self.system.smtp() as connection:
            connection.ehlo()
            return [send(connection, "a@sender.test", [f"b@{domain}"], MESSAGE) for _ in range(count)]

    def goniec_sites(self, *arguments):
        worker = self.system.workers[0]
        done = subprocess.run([f"{BIN}/goniec", "sites", "--api", f"127.0.0.1:{worker.api_port}", *arguments],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def site(self, port, *arguments):
        """The site of the port as `goniec sites --json` shows it, or None."""
        pages = map(json.loads, self.goniec_sites("--json", *arguments).splitlines())
        return next((site for page in pages for site in page["sites"] if site["name"].endswith(f":{port}")), None)

    @staticmethod
    def undelivered(site):
        held = site["held"]
        return (int(held["transactional_records"]) + int(held["bulk_records"]) + int(site.get("waiting_mails", 0))
                + int(site["in_hand"]))

    def test_where_mail_waits_and_why_is_shown(self):
        port = free_port()
        self.begin(port)
        self.accept("down.test")

        def seen():
            site = self.site(port)
            # The word is there before the worker's report, which has the domains.
            known = site and "last_failure" in site and "down.test" in site["domains"]
            return site if known and self.undelivered(site) > 0 else None

        site = wait_until(seen, 60, "the site that is down")
        self.assertEqual(site["last_failure"]["reason"], "CONNECTION_FAILED")
        wait_until(lambda: self.site(port, "--site", site["name"]), 30, "the site by its name")
        table = self.goniec_sites()
        self.assertIn(site["name"], table)
        self.assertTrue(table.startswith("SITE "), table)

    def test_a_closed_site_comes_first_and_is_seen_to_open(self):
        port = free_port()
        self.begin(port)
        self.accept("good.test")
        ids = self.accept("down.test", 4 * MAILS)

        def closed():
            site = self.site(port, "--state", "closed")
            return site if site and int(site["held"]["transactional_records"]) > 0 else None

        site = wait_until(closed, 60, "the site closed, with mail on its shelf")
        self.assertIn("next_probe_time", site)
        self.assertNotEqual(site["keeper"], "")
        self.assertIn("oldest_time", site)
        self.assertEqual(self.goniec_sites().splitlines()[1].split()[0], site["name"])
        peer = SmtpPeer(lambda step, text: None, port=port)
        self.addCleanup(peer.close)
        wait_until(lambda: len(peer.taken) >= len(ids), 120, "the backlog")
        self.assertEqual(sorted(set(peer.taken)), sorted(ids))

        def well():
            site = self.site(port)
            return site is None or (site["state"] == "OPEN" and self.undelivered(site) == 0)

        wait_until(well, 60, "the site open and nothing left")


if __name__ == "__main__":
    unittest.main()
