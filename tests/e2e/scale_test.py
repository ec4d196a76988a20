"""From one worker to four and back while mail passes, and one of them is killed: nothing is lost, every duplicate is
explained, and what the dead one held is delivered by the others after queue.ack_wait."""

import os
import sys
import time
import unittest

from duplicates import check_duplicates
from ledger import Ledger, Sender, timestamp
from system import System, wait_until

MAILS = int(os.environ.get("GONIEC_TEST_MAILS", "2000"))
ACK_WAIT = int(os.environ.get("GONIEC_TEST_ACK_WAIT", "20"))  # seconds
SENDERS = 8
IN_HAND = 20


class ScaleTest(unittest.TestCase):
    def test_from_one_to_four_and_back_with_one_killed(self):
        # The log is read for what explains a duplicate.
        with System(queue={"ack_wait": f"{ACK_WAIT}s"}) as system:
            system.start(workers=1)
            ledger = Ledger()
            senders = [Sender(system, ledger, range(n, MAILS, SENDERS)) for n in range(SENDERS)]
            for sender in senders[:SENDERS // 2]:
                sender.start()
            self.accepted(ledger, MAILS // 8)
            for number in (2, 3, 4):
                system.start_outbound(f"outbound{number}")
            wait_until(lambda: self.counting(system) == 4, 60, "all four know of each other")
            for sender in senders[SENDERS // 2:]:
                sender.start()
            kills, held = self.kill_one_that_holds_mail(system, ledger)
            self.accepted(ledger, 3 * MAILS // 4)
            for name in ("outbound4", "outbound3"):
                self.assertEqual(system.parts[name].stop(), 0, name)
            self.all_arrives(system, ledger, senders, held, kills)
            check_duplicates(self, system, ledger, kills)

    def counting(self, system):
        """Workers that have their share of what four of them do."""
        return len({line.split(":")[0] for line in system.log_lines('"workers"').splitlines() if '"count":4' in line})

    def accepted(self, ledger, number):
        wait_until(lambda: ledger.count() >= number, 300, f"{number} accepted mails")

    def kill_one_that_holds_mail(self, system, ledger):
        """`kills` as check_duplicates wants them, and the ids of what was somewhere between inbound and sink."""
        victim = system.parts["outbound2"]
        system.parts["sink"].freeze()
        wait_until(lambda: system.metric(victim.http_port, "goniec_mails_in_hand") >= IN_HAND, 60, "mail in its hands")
        before = time.time()
        with ledger.lock:
            held = set(ledger.accepted)
        victim.kill()
        kills = [(victim.name, before, time.time())]
        held -= {entry["id"] for entry in system.received()}
        system.parts["sink"].thaw()
        return kills, held

    def all_arrives(self, system, ledger, senders, held, kills):
        wait_until(lambda: held <= {entry["id"] for entry in system.received()}, 60 + 2 * ACK_WAIT,
                   "what was in hand when a worker was killed")
        killed = kills[0][1]
        latest = max(timestamp(entry["time"]) for entry in system.received() if entry["id"] in held) - killed
        print(f"{len(held)} mails were on their way at the kill; the last of them came {latest:.1f} s after it "
              f"(ack_wait {ACK_WAIT} s)", file=sys.stderr)
        for sender in senders:
            sender.join(300)
            self.assertFalse(sender.is_alive(), "a sender does not come to its end")
            self.assertIsNone(sender.failure)
        accepted = set(ledger.accepted)
        wait_until(lambda: accepted <= {entry["id"] for entry in system.received()}, 60 + 2 * ACK_WAIT,
                   "every accepted mail at the sink")
        wait_until(lambda: system.queued() == 0, 60 + 2 * ACK_WAIT, "nothing queued")
        system.audit(second_ends=IN_HAND)


if __name__ == "__main__":
    unittest.main()
