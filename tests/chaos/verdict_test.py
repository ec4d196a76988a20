"""A copy too many is explained by a fault on its own way, and by no other."""

import types
import unittest

from faults import Fault
from traffic import Ledger, Mail
from verdict import Verdict

NUMBER = 2  # to site1
SECONDS = 1767225600  # moment(0)


def moment(second):
    return f"2026-01-01T00:00:{second:02}.000000Z"


class VerdictTest(unittest.TestCase):
    def unexplained(self, target, begin, lasts):
        """Of a mail that came twice, at second 10 and 20, and whose end was stored at 21. The fault began at `begin`."""
        ledger, mail = Ledger(), Mail(NUMBER)
        ledger.accept("id", NUMBER)
        ends = types.SimpleNamespace(of={("id", mail.recipients[0]): [(SECONDS + 21, "DELIVERED")]})
        entries = [{"id": "id", "rcpts": mail.recipients, "time": moment(second), "helo": "worker1.goniec.test",
                    "accepted": True} for second in (10, 20)]
        fault = Fault(0, "cut", target, lasts, 0.5, 0)
        fault.begin, fault.end = SECONDS + begin, SECONDS + begin + lasts
        verdict = Verdict(ledger, [fault], entries, ends)
        verdict.run(lambda _: mail)
        return verdict.unexplained

    def test_a_site_that_dies_behind_the_dot_explains_the_next_copy(self):
        self.assertEqual(self.unexplained("site1", 9.9, 3), [])
        self.assertEqual(self.unexplained("worker1", 9.9, 3), [])

    def test_faults_elsewhere_and_at_other_times_do_not(self):
        for name, fault in {"another site": ("site2", 9.9, 3), "another worker": ("worker2", 9.9, 3),
                            "before": ("site1", 2, 3)}.items():
            with self.subTest(name):
                self.assertEqual(len(self.unexplained(*fault)), 1)


if __name__ == "__main__":
    unittest.main()
