"""A site that lets nobody in, and comes back; a site that takes one mail a second: what waits for them is moved once, is
not tried but by probes, holds nobody else, and arrives."""

import os
import unittest

from counting_site import CountingSite
from queue_sender import send_all
from system import System, wait_until
from told import Told

MAILS = int(os.environ.get("GONIEC_TEST_MAILS", "2000"))
GOOD = 100
# The mails of one record at most: they go back to the shelf together after a probe in vain.
IN_A_RECORD = 64


class OutageTest(unittest.TestCase):
    def begin(self, site, workers, **more):
        self.addCleanup(site.close)
        self.system = self.enterContext(System(queue={"ack_wait": "6s"}, outbound={"delivery": {
            "routes": {"bad.test": {"smart_host": f"127.0.0.1:{site.port}"}}}, **more}))
        self.system.start_nats()
        self.system.provision()
        self.system.start_sink(contents=False)
        self.system.start_inbound()
        for number in range(workers):
            self.system.start_outbound(f"outbound{number + 1}")

    def send(self, count, domain="bad.test"):
        return {each.id for each in send_all(self.system.smtp_port, [f"r{n}@{domain}" for n in range(count)], 600)}

    def sum(self, metric):
        return sum(self.system.metric(worker.http_port, metric) for worker in self.system.workers if worker.alive())

    def failures(self):
        return self.sum("goniec_delivery_connection_failures_total")

    def lies_somewhere(self, most=IN_A_RECORD):
        """All that cannot go now has left READY and the workers' hands, but for a few."""
        wait_until(lambda: self.system.at_rest(most), 120, "the mail is moved")

    def arrives(self, site, ids, seconds=300):
        wait_until(lambda: ids <= set(site.ids()), seconds, "the mail at the site that is back")
        wait_until(lambda: self.system.queued() == 0, 120, "nothing queued")

    def test_no_mail_is_tried_twice_while_its_site_is_down(self):
        site = CountingSite()
        self.begin(site, workers=2)
        site.down()
        ids = self.send(MAILS)
        self.lies_somewhere()
        seen = self.failures()
        wait_until(lambda: self.failures() >= seen + 2, 120, "two probes in vain")
        told, failures = Told(self.system.nats_port), self.failures()
        self.assertLessEqual(sum(told.tries.values()), failures, "each connection that failed was one mail's attempt")
        self.assertLessEqual(sum(told.moves.values()), MAILS + IN_A_RECORD * failures, "one move a mail")
        self.assertEqual(set(told.kinds) & {"BOUNCED", "EXPIRED"}, set())
        site.up()
        self.arrives(site, ids)
        self.assertEqual(len(site.ids()), MAILS)
        self.assertEqual(self.system.audit()["ended"], {"delivered": MAILS})

    def test_mail_for_a_site_that_is_down_holds_no_other(self):
        site = CountingSite()
        self.begin(site, workers=1)
        site.down()
        ids = self.send(MAILS)
        good = self.send(GOOD, "good.test")
        wait_until(lambda: good <= {entry["id"] for entry in self.system.received()}, 120, "the good mail")
        site.up()
        self.arrives(site, ids)
        self.assertEqual(self.system.audit()["ended"], {"delivered": MAILS + GOOD})

    def test_a_site_that_takes_a_mail_a_second_holds_no_other(self):
        site = CountingSite(pace=1)
        self.begin(site, workers=2)
        ids = self.send(MAILS)
        good = self.send(GOOD, "good.test")
        wait_until(lambda: good <= {entry["id"] for entry in self.system.received()}, 120, "the good mail")
        self.assertLess(site.count(), MAILS // 10, "the good mail waited for the backlog")
        self.lies_somewhere(most=MAILS // 5)  # some wait in hand for their turn
        before = site.count()
        wait_until(lambda: site.count() >= before + 10, 120, "ten more mails at the slow site")
        # What is too much for it is moved, and lies there; what comes back in vain is little.
        told = Told(self.system.nats_port)
        self.assertLessEqual(sum(told.moves.values()), MAILS + MAILS // 10)
        self.assertNotIn("DEFERRED", told.kinds, "not an attempt: the site was busy")
        site.pace = 0.0
        self.arrives(site, ids)
        self.assertEqual(self.system.audit()["ended"], {"delivered": MAILS + GOOD})

    def test_whoever_is_killed_during_an_outage_the_backlog_arrives(self):
        site = CountingSite()
        self.begin(site, workers=2)
        for victim in ("outbound1", "outbound2"):
            site.down()
            ids = self.send(MAILS // 4)
            self.lies_somewhere()
            self.system.parts[victim].kill()
            site.up()
            wait_until(lambda ids=ids: ids <= set(site.ids()), 300, f"the mail without {victim}")
            self.system.start_outbound(victim)
        wait_until(lambda: self.system.queued() == 0, 120, "nothing queued")
        self.system.audit()


if __name__ == "__main__":
    unittest.main()
