"""A limit of one connection to a site is one at the site, however many workers there are, and while they are killed and
started. The site counts for itself.

Set GONIEC_TEST_SEED to replay who is killed, GONIEC_TEST_KILLS for more of them.
"""

import collections
import os
import random
import sys
import threading
import time
import unittest

from counting_site import CountingSite
from queue_sender import send_all
from system import System, wait_until

KILLS = int(os.environ.get("GONIEC_TEST_KILLS", "6"))
BATCH = 50
TOLD_WITHIN = 2.0  # seconds from a dot to its event, on a busy machine


class LimitsTest(unittest.TestCase):
    def keeps_one_connection(self, workers):
        seed = int(os.environ.get("GONIEC_TEST_SEED", random.randrange(1 << 32)))
        print(f"seed {seed}: GONIEC_TEST_SEED={seed} replays it", file=sys.stderr)
        dice = random.Random(seed)
        site = CountingSite(pace=200)  # so that there is always mail for it
        self.addCleanup(site.close)
        system = self.enterContext(System(queue={"ack_wait": "6s"}, outbound={"delivery": {
            "routes": {"one.test": {"smart_host": f"127.0.0.1:{site.port}"}}, "connections_per_site": 1}}))
        system.start_nats()
        system.provision()
        system.start_inbound()
        for number in range(workers):
            system.start_outbound(f"outbound{number + 1}")
        sent, kills, stopped = [], [], threading.Event()

        def keep_sending():
            while not stopped.is_set():
                if len(sent) - site.count() < 5 * BATCH:
                    sent.extend(send_all(system.smtp_port, [f"r{n}@one.test" for n in range(BATCH)], connections=4))
                stopped.wait(0.05)
        sender = threading.Thread(target=keep_sending, daemon=True)
        sender.start()
        try:
            for kill in range(KILLS):
                before = site.count()
                wait_until(lambda before=before: site.count() >= before + BATCH, 120, f"mail at the site, {kill} kills")
                self.assertEqual(site.most_at_once, 1, f"connections at once after {kill} kills")
                victim = dice.choice(system.workers)
                victim.kill()
                kills.append(time.time())
                # Half of the time the others have the site before it is back.
                if workers > 1 and dice.random() < 0.5:
                    before = site.count()
                    wait_until(lambda before=before: site.count() >= before + BATCH, 120, "mail from the others")
                system.start_outbound(victim.name, ready=False)
        finally:
            stopped.set()
            sender.join(120)
        ids = {each.id for each in sent}
        wait_until(lambda: ids <= set(site.ids()), 300, "all mail at the site")
        self.assertEqual(site.most_at_once, 1, "connections at once")
        wait_until(lambda: system.queued() == 0, 120, "nothing queued")
        twice = self.explained_duplicates(site, kills)
        system.audit(second_ends=len(twice))
        print(f"{len(ids)} mails on {len(site.connects)} connections, {site.most_at_once} at once", file=sys.stderr)

    def explained_duplicates(self, site, kills):
        """Who was killed between the dot of a mail and its event has it delivered twice."""
        came = collections.defaultdict(list)
        for each in site.taken:
            came[each.id].append(each.time)
        twice = {message_id: times for message_id, times in came.items() if len(times) > 1}
        for message_id, times in twice.items():
            for moment in sorted(times)[:-1]:
                self.assertTrue(any(-0.1 < kill - moment < TOLD_WITHIN for kill in kills),
                                f"{message_id} came at {times}, and no kill explains it: {kills}")
        return twice

    def test_with_one_worker(self):
        self.keeps_one_connection(1)

    def test_with_two_workers(self):
        self.keeps_one_connection(2)

    def test_with_four_workers(self):
        self.keeps_one_connection(4)


if __name__ == "__main__":
    unittest.main()
