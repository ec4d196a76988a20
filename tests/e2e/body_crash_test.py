"""A body that is too large for a copy leaves its record at the first move; what dies on the way (the crash table of
common/queue/README.md).
"""

import threading
import unittest

from crashes import MESSAGE, Crashes, Once, answered, publishes
from nats_proxy import DROP
from system import wait_until

MEDIUM = MESSAGE + (b"x" * 998 + b"\r\n") * 3


class BodyCrashTest(Crashes):
    def body_ends(self, message_id):
        """It was stored once, whoever moved the mail how often, and is gone with the mail."""
        self.ends(message_id, 1)
        self.assertEqual(self.system.stored_ever("BODIES"), 1)
        wait_until(lambda: self.system.stored_now("BODIES") == 0, 30, "the body is deleted with its last recipient")

    def test_a_worker_dies_before_the_body_of_a_copy(self):
        self.body_ends(self.dies_at(publishes("body."), send_on=False, message=MEDIUM, smtp_hook=self.deferring()))

    def test_a_worker_dies_between_body_and_copy(self):
        self.body_ends(self.dies_at(publishes("wait."), send_on=False, message=MEDIUM, smtp_hook=self.deferring()))

    def test_the_answer_to_the_body_of_a_copy_is_lost(self):
        self.begin(self.deferring())
        once = Once(answered("body."))
        self.worker_behind(lambda m: DROP if once(m) else None)
        message_id = self.accept(MEDIUM)
        self.body_ends(message_id)
        self.assertTrue(once.done.is_set())

    def test_a_body_is_deleted_by_the_next_holder_of_what_did_not_move(self):
        """One leg moves, and its copy is delivered; the worker dies in the transaction of the other. Whoever has the
        record next knows of the body only by the mail."""
        deferred, in_data, moved, second = threading.Event(), threading.Event(), threading.Event(), set()
        def smtp_hook(step, line):
            if step == "rcpt" and "first.test" in line and not deferred.is_set():
                deferred.set()
                return "451 later"
            if step == "rcpt" and "second.test" in line:
                second.add(threading.get_ident())  # of the connection
            if step == "data" and threading.get_ident() in second and not in_data.is_set():
                in_data.set()
                moved.wait(60)
                return False
            return None
        self.begin(smtp_hook)
        first, _ = self.worker_behind(None)
        message_id = self.accept(MEDIUM, ("b@first.test", "b@second.test"))
        self.assertTrue(in_data.wait(30))
        wait_until(lambda: "DELIVERED" in (self.system.api_states(message_id) or []), 60, "the copy is delivered")
        first.kill()
        moved.set()
        self.system.start_outbound("second")
        worker = self.system.workers[-1]
        wait_until(lambda: self.system.api_states(message_id, worker) == ["DELIVERED"] * 2, 60, "both")
        self.assertEqual(self.system.stored_ever("BODIES"), 1)
        wait_until(lambda: self.system.stored_now("BODIES") == 0, 30, "the body is deleted with its last recipient")


if __name__ == "__main__":
    unittest.main()
