"""Asks GetMessage without pause. Two answers are wrong at any moment: NOT_FOUND for a mail that has its 250, and another
state for a recipient that had ended."""

import collections
import random
import threading
import time

TERMINAL = {"DELIVERED", "BOUNCED", "EXPIRED", "CANCELLED", "SUPPRESSED"}


class Watcher(threading.Thread):
    """Several may share `ends`, the ends that were shown: id → the states of its recipients."""

    def __init__(self, system, ledger, ends, seed):
        super().__init__(daemon=True)
        self.system, self.ledger, self.ends, self.dice = system, ledger, ends, random.Random(seed)
        self.stopped = threading.Event()
        self.answers = collections.Counter()
        self.wrong = []

    def run(self):
        while not self.stopped.is_set():
            count = self.ledger.count()
            if count == 0:
                time.sleep(0.01)
                continue
            # Half of the questions are about what was accepted just now, where most can go wrong.
            low = max(0, count - 50) if self.dice.random() < 0.5 else 0
            self.ask(self.ledger.order[self.dice.randrange(low, count)], self.dice.choice(self.system.workers))

    def ask(self, message_id, worker):
        shown_before = self.ends.get(message_id)
        begin = time.time()
        states = self.system.api_states(message_id, worker)
        if states == []:
            self.answers["cannot say"] += 1
            return states
        self.answers["not found" if states is None else "found"] += 1
        if states is None:
            self.wrong.append(f"{message_id}: NOT_FOUND by {worker.name}, asked at {begin:.3f}")
            return states
        if shown_before is not None:
            for index, (before, now) in enumerate(zip(shown_before, states)):
                if before in TERMINAL and now != before:
                    self.wrong.append(f"{message_id}.{index}: {now} by {worker.name}, asked at {begin:.3f}, after {before}")
        if any(state in TERMINAL for state in states):
            # Two watchers may write in either order: keep the end that anybody has seen.
            known = self.ends.get(message_id, states)
            self.ends[message_id] = [old if old in TERMINAL else new for old, new in zip(known, states)]
        return states
