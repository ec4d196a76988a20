"""What goes wrong, when: a plan that follows from the seed alone, and its execution."""

import queue
import random
import threading
import time


def kinds(ack_wait):
    """(kind, target, weight, shortest, longest): the weight says how often it is drawn, in a hundred or so. Times are in
    seconds; what lasts longer than ack_wait takes records away from a worker."""
    return [
        ("kill", "inbound", 18, 0, 1),
        ("kill", "worker", 20, 0, 2),
        ("kill", "nats", 18, 0, 1),
        ("freeze", "inbound", 4, 0.1, 2 * ack_wait),
        ("freeze", "worker", 7, 0.1, 2 * ack_wait),
        ("freeze", "nats", 4, 0.1, 2 * ack_wait),
        ("freeze", "sink", 3, 0.1, ack_wait),
        ("cut", "nats", 6, 0, 2 * ack_wait),  # from the others
        ("cut", "inbound", 4, 0, 2),
        ("cut", "worker", 6, 0, 2 * ack_wait),
        ("standstill", "nats", 3, 0.1, 2 * ack_wait),
        ("standstill", "inbound", 3, 0.1, ack_wait),
        ("standstill", "worker", 6, 0.1, 2 * ack_wait),
        ("slow", "inbound", 3, 1, 4),
        ("slow", "worker", 3, 1, 4),
        ("full", "nats", 3, 1, 3),
        ("clock", "inbound", 3, 0.5, 3),
        ("clock", "worker", 3, 0.5, 3),
        ("cut", "site", 10, 0.1, 6 * ack_wait),  # a destination that is down
        ("standstill", "site", 5, 0.1, 4 * ack_wait),
        ("slow", "site", 5, 1, 3 * ack_wait),
    ]


class Fault:
    """One line of the plan. `begin` and `end` (seconds since the epoch) are set when it happens; it is felt for
    `settles` seconds more."""

    def __init__(self, at, kind, target, lasts, size, settles):
        self.at, self.kind, self.target, self.lasts, self.size = at, kind, target, lasts, size
        self.settles = settles
        self.begin = self.end = None

    def overlaps(self, begin, end):
        return self.begin is not None and self.begin <= end and (self.end is None or self.end + self.settles >= begin)

    def __repr__(self):
        times = f" {self.begin:.3f}-{self.end or 0:.3f}" if self.begin else ""
        return f"{self.kind} {self.target} at {self.at:.2f} s for {self.lasts:.2f} s{times}"


def plan(seed, seconds, every, workers, sites, servers, without=()):
    """The faults of a run, in order. The same arguments give the same plan. `servers` as in fixtures."""
    dice = random.Random(seed)
    drawn = [each for each in kinds(servers.ACK_WAIT) if each[0] not in without and each[:2] not in servers.WITHOUT]
    deck, faults, at = [], [], 1.0
    while True:
        at += dice.uniform(0, 2 * every)
        if at >= seconds:
            return faults
        if not deck:  # a whole deck each time, so that each kind comes as often as it should
            deck = [each for each in drawn for _ in range(each[2])]
            dice.shuffle(deck)
        kind, target, _, shortest, longest = deck.pop()
        if target == "worker":
            target = dice.choice(workers)
        elif target == "site":
            target = dice.choice(sites)
        elif target == "nats" and len(servers.brokers) > 1:
            target = dice.choice(servers.brokers)
        # Short ones are the more frequent: most windows are small.
        lasts = shortest + (longest - shortest) * dice.random() ** 2
        settles = servers.SETTLES if target in servers.brokers else 0
        faults.append(Fault(at, kind, target, lasts, dice.random(), settles))


class Chaos:
    """Carries the plan out. Faults of different parts overlap; those of one part come one after the other."""

    def __init__(self, servers, links, clocks, filler, say):
        self.servers, self.system, self.links, self.clocks, self.filler, self.say = (
            servers, servers.system, links, clocks, filler, say)
        self.failures = []  # what a fault could not do, or a part that ended by itself
        self.done = []
        # A thread for each part, which stays to the end: a process dies with the thread that started it.
        self.waiting = {}

    def run(self, faults):
        """Returns when all have ended."""
        for target in sorted({fault.target for fault in faults}):
            self.waiting[target] = queue.Queue()
            threading.Thread(target=self._serve, args=(self.waiting[target],), daemon=True).start()
        start = time.monotonic()
        for fault in faults:
            time.sleep(max(0.0, start + fault.at - time.monotonic()))
            self.waiting[fault.target].put(fault)
        for each in self.waiting.values():
            each.join()

    def _serve(self, faults):
        while True:
            fault = faults.get()
            try:
                self.check_alive(fault.target)
                fault.begin = time.time()
                self.done.append(fault)
                getattr(self, "_" + fault.kind)(fault)
            except Exception as error:
                self.failures.append(f"{fault}: {error}")
            fault.end = time.time()
            self.say(f"{fault.kind} {fault.target}, {fault.end - fault.begin:.2f} s")
            faults.task_done()

    def check_alive(self, name):
        part = self.system.parts.get(name)  # a site is none: it is a way to the sink
        if part is not None and not part.alive():
            self.failures.append(f"{name} ended by itself with status {part.process.returncode}: {part.tail(5)}")
            self._start(name)

    def _start(self, name):
        if name in self.servers.brokers:
            self.servers.start(name)
        elif name == "inbound":
            self.system.start_inbound(ready=False)
        else:
            self.system.start_outbound(name, ready=False)

    def _kill(self, fault):
        self.system.parts[fault.target].kill()
        time.sleep(fault.lasts)
        self._start(fault.target)

    def _freeze(self, fault):
        part = self.system.parts[fault.target]
        part.freeze()
        time.sleep(fault.lasts)
        part.thaw()

    def _cut(self, fault):
        self.links[fault.target].cut()
        time.sleep(fault.lasts)
        self.links[fault.target].go_on()

    def _standstill(self, fault):
        self.links[fault.target].stand_still()
        time.sleep(fault.lasts)
        self.links[fault.target].go_on()

    def _slow(self, fault):
        self.links[fault.target].slow(0.02 + 0.2 * fault.size)
        time.sleep(fault.lasts)
        self.links[fault.target].go_on()

    def _full(self, fault):
        self.filler.fill()
        time.sleep(fault.lasts)
        self.filler.empty()

    def _clock(self, fault):
        # Seconds mostly, which turn the order of times round; up to two hours either way.
        self.clocks.set(fault.target, round((2 * fault.size - 1) ** 3 * 7200, 3))
        time.sleep(fault.lasts)
        self.clocks.set(fault.target, 0)
