"""What a trial costs: memory and processor time of processes, and what nats-server stored. Each message that it stores
is an fsync at most (it syncs what comes together at once), so stored messages are counted instead: without a tracer,
which would slow down what it counts."""

import collections
import threading
import time

from load_client import cpu_seconds
from system import NATS


def resident_mb(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status") as status:
                total += next((int(line.split()[1]) for line in status if line.startswith("VmRSS")), 0)
        except OSError:
            pass
    return total / 1024


class Peak(threading.Thread):
    """The largest sum of resident memory while it runs."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.peak, self.stopped = pids, 0.0, threading.Event()
        self.start()

    def run(self):
        while not self.stopped.wait(0.05):
            self.peak = max(self.peak, resident_mb(self.pids()))

    def end(self):
        self.stopped.set()
        self.join()
        return self.peak


def worker_pids(system):
    return [worker.process.pid for worker in system.workers if worker.alive()]


def nats_pids(system):
    return [part.process.pid for part in system.parts.values() if part.args[0] == NATS]


def stored_by_kind(system):
    """Messages that were ever stored, by kind of stream: READY, WAIT, HELD, EVENTS, BODIES, KV, …"""
    kinds = collections.Counter()
    for name, state in system.streams().items():
        kinds[name.split("_")[0]] += state["last_seq"]
    return kinds


class Cost:
    """Of a system, since it was made. A worker that ends meanwhile is not counted."""

    def __init__(self, system):
        self.system = system
        self.before = self._now()

    def _now(self):
        system = self.system
        return {
            "time": time.monotonic(),
            "worker": sum(map(cpu_seconds, worker_pids(system))),
            "nats": sum(map(cpu_seconds, nats_pids(system))),
            "stored": stored_by_kind(system),
            "moved": self._metric("goniec_delivery_moved_total"),
            "opened": self._metric("goniec_delivery_connections_opened_total"),
            "failed": self._metric("goniec_delivery_connection_failures_total"),
        }

    def _metric(self, name):
        return sum(self.system.metric(worker.http_port, name) for worker in self.system.workers if worker.alive())

    def since(self):
        """The same names, as differences; `stored` by kind, and `stored_all`."""
        now, before = self._now(), self.before
        found = {name: now[name] - before[name] for name in now if name != "stored"}
        found["stored"] = now["stored"] - before["stored"]
        found["stored_all"] = sum(found["stored"].values())
        return found
