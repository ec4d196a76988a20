"""A backlog to many domains, each a site of its own: all of it arrives, and the worker's memory stays within its bound,
also where all these sites are down first. (./dev bench memory does it with 100,000 mails to 10,000 sites.)"""

import os
import sys
import unittest

from queue_sender import send_all
from site_names import SiteNames
from system import BIN, System, wait_until

SITES = int(os.environ.get("GONIEC_TEST_SITES", "500"))
MAILS = int(os.environ.get("GONIEC_TEST_MAILS", "5000"))
MOST_MB = 200


def sanitized(program):
    """Built with a sanitizer, whose shadow counts as memory."""
    with open(program, "rb") as file:
        content = file.read()
    return b"__asan_init" in content or b"__tsan_init" in content


def peak_mb(part):
    with open(f"/proc/{part.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


class ManySitesTest(unittest.TestCase):
    def begin(self):
        names = SiteNames()
        self.addCleanup(names.close)
        self.system = self.enterContext(System(routed_to_sink=False, outbound={
            "dns": {"servers": [names.server]}, "delivery": {"allow_networks": ["127.0.0.0/8"]}}))
        self.system.outbound_more["delivery"]["smtp_port"] = self.system.sink_port
        self.system.start_nats()
        self.system.provision()
        self.system.start_inbound()
        return {each.id for each in send_all(
            self.system.smtp_port, [f"r{n}@d{n % SITES}.test" for n in range(MAILS)], 600)}

    def start_sink(self):
        self.system.start_sink(contents=False, host="0.0.0.0")

    def all_arrives(self, ids, worker):
        wait_until(lambda: len({entry["id"] for entry in self.system.received()} & ids) == len(ids), 300, "all mail")
        wait_until(lambda: self.system.queued() == 0, 120, "nothing queued")
        self.assertEqual(self.system.audit()["ended"], {"delivered": MAILS})
        print(f"the worker had {peak_mb(worker):.0f} MB at most, for {MAILS} mails to {SITES} sites", file=sys.stderr)
        if not sanitized(f"{BIN}/goniec-outbound"):
            self.assertLess(peak_mb(worker), MOST_MB)

    def test_a_backlog_to_many_sites_arrives(self):
        ids = self.begin()
        self.start_sink()
        self.all_arrives(ids, self.system.start_outbound())

    def test_a_backlog_to_many_sites_that_were_down_arrives(self):
        ids = self.begin()
        worker = self.system.start_outbound()
        # While all sites fail it may be our own network: none is closed for it, and each mail waits for its own time.
        wait_until(lambda: self.system.stored_now("READY_0") == 0, 300, "all mail tried, and in WAIT or HELD")
        self.start_sink()
        self.all_arrives(ids, worker)


if __name__ == "__main__":
    unittest.main()
