"""SIGKILL of inbound, outbound and nats-server at random moments while 2,000 mails pass: nothing that got its 250 is
lost, and every duplicate is one of the two that no MTA can rule out.

Set GONIEC_TEST_SEED to replay the moments of a run.
"""

import os
import random
import sys
import time
import unittest

from duplicates import check_duplicates
from ledger import Ledger, Sender
from system import System, wait_until

MAILS = int(os.environ.get("GONIEC_TEST_MAILS", "2000"))
KILLS = 10
SENDERS = 8
BETWEEN_HOPS = 100


class KillsTest(unittest.TestCase):
    def test_nothing_is_lost_and_every_duplicate_is_explained(self):
        seed = int(os.environ.get("GONIEC_TEST_SEED", random.randrange(1 << 32)))
        print(f"seed {seed}: GONIEC_TEST_SEED={seed} replays it", file=sys.stderr)
        dice = random.Random(seed)
        with System(queue={"ack_wait": "6s"}) as system:
            system.start(workers=2)
            ledger = Ledger()
            senders = [Sender(system, ledger, range(n, MAILS, SENDERS)) for n in range(SENDERS)]
            kills = self.kill_while_sending(system, ledger, senders, dice)
            self.check_end(system, ledger, senders, kills)

    def kill_while_sending(self, system, ledger, senders, dice):
        targets = ["inbound", "outbound", "nats"] * 3 + [dice.choice(["inbound", "outbound2", "nats"])]
        dice.shuffle(targets)
        kills = []
        for sender in senders:
            sender.start()
        for n, target in enumerate(targets):
            # Spread over the run; a sink that stands still lets mail gather between the hops.
            goal = (n + 1) * MAILS // (KILLS + 2)
            system.parts["sink"].freeze()
            wait_until(lambda: ledger.count() >= goal, 120, f"{goal} accepted mails")
            wait_until(lambda: ledger.count() - len({e["id"] for e in system.received()}) >= BETWEEN_HOPS + 40, 60,
                       "mail between the hops")
            system.parts["sink"].thaw()
            moment = time.monotonic() + dice.uniform(0, 0.02)
            while time.monotonic() < moment:
                pass
            between = ledger.count() - len({e["id"] for e in system.received()})
            part = system.parts[target]
            before = time.time()
            part.kill()
            kills.append((target, before, time.time()))
            self.assertGreaterEqual(between, BETWEEN_HOPS, f"kill {n + 1} ({target}): too few mails between the hops")
            print(f"kill {n + 1}: {target} with {between} between the hops", file=sys.stderr)
            if target == "nats":
                system.start_nats()
            elif target == "inbound":
                system.start_inbound(ready=False)
            else:
                system.start_outbound(target, ready=False)
        return kills

    def check_end(self, system, ledger, senders, kills):
        for sender in senders:
            sender.join(180)
            self.assertFalse(sender.is_alive(), "a sender does not come to its end")
            self.assertIsNone(sender.failure)
        accepted = dict(ledger.accepted)
        for worker in system.workers:
            system.wait_ready(worker.http_port, worker)

        def all_there():
            return set(accepted) <= {entry["id"] for entry in system.received()}
        wait_until(all_there, 120, "every accepted mail at the sink")
        states = {message_id: None for message_id in accepted}

        def all_ended():
            for message_id, state in states.items():
                if state != ["DELIVERED"]:
                    states[message_id] = system.api_states(message_id)
                    if states[message_id] != ["DELIVERED"]:
                        return False
            return True
        wait_until(all_ended, 120, "every accepted mail delivered by its events")

        print(f"{len(accepted)} accepted, {len(system.received())} at the sink, {sum(ledger.lost_replies.values())} lost "
              "replies", file=sys.stderr)
        check_duplicates(self, system, ledger, kills)


if __name__ == "__main__":
    unittest.main()
