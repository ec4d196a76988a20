"""./dev bench latency: how long a mail takes at a constant rate, each on a connection of its own, from the time at
which it was due (goniec-load's open loop) to its 250; beside Postfix, as far as Postfix keeps up, and beside what the
disk takes for one fsync in the same run."""

import json
import os
import statistics
import time
from contextlib import ExitStack

from load_client import SIZE, load
from postfix import Postfix
from system import can_connect, free_port, wait_until

RATES = (300, 600, 1_500, 3_000)
PERCENTILES = ("p50", "p99", "p99_9")
MOST_CONNECTIONS = 1_000
# Of the rate that was asked for: below it, mails pile up for as long as the run lasts.
KEEPS_UP = 0.95
FSYNCS = 200


def at_rate(port, rate, seconds, peer=False):
    """Percentiles in ms; None if the peer does not keep up."""
    os.sync()  # what is left to write is another's
    found = load(port, "--rate", str(rate), "--seconds", str(seconds), sessions=MOST_CONNECTIONS, keep=peer,
                 seconds=seconds + 240)
    if found is None or (peer and found["rate"] < KEEPS_UP * rate):
        return None
    return found["latency_ms"]


def fsyncs(folder):
    """Milliseconds of each of so many fsyncs of a mail's size, one after the other."""
    took = []
    with open(os.path.join(folder, "fsync"), "wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(b"x" * SIZE)
            begin = time.monotonic()
            os.fsync(file.fileno())
            took.append((time.monotonic() - begin) * 1e3)
    return took


def percentile(values, percent):
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


class Figures:
    """Of one rate: a dict of percentiles a round for each of the two."""

    def __init__(self):
        self.ours, self.theirs = [], []

    @staticmethod
    def median(rounds, each):
        """None if one round had none."""
        return None if None in rounds else statistics.median(one[each] for one in rounds)


def measure(setting, rounds, seconds):
    figures, disk = {rate: Figures() for rate in RATES}, []
    with ExitStack() as stack:
        peer_port = free_port()
        peer = Postfix(peer_port, free_port(), hold=True)
        stack.callback(peer.close)
        peer.start()
        wait_until(lambda: can_connect(peer_port), what="Postfix")
        too_fast = max(RATES) + 1  # for Postfix, as was seen
        for _ in range(rounds):
            with setting.system() as system:
                system.start_nats()
                system.provision()
                system.start_inbound()
                for rate, found in figures.items():
                    disk += fsyncs(system.folder)
                    found.ours.append(at_rate(system.smtp_port, rate, seconds))
                    found.theirs.append(at_rate(peer_port, rate, seconds, peer=True) if rate < too_fast else None)
                    if found.theirs[-1] is None:
                        too_fast = min(too_fast, rate)
    return figures, disk


def show(figures, disk, mark, as_json):
    if not as_json:
        print(f"{'latency, ms, from due':<24}{'goniec: p50':>12}{'p99':>9}{'p99.9':>9}{'Postfix: p50':>15}{'p99':>9}"
              f"{'p99.9':>9}")
    for rate, found in figures.items():
        ours = [found.median(found.ours, each) for each in PERCENTILES]
        theirs = [found.median(found.theirs, each) for each in PERCENTILES]
        if as_json:
            for each, own, peer in zip(PERCENTILES, ours, theirs):
                print(json.dumps({"name": f"latency_{rate}_{each}{mark}", "value": round(own, 2), "unit": "ms",
                                  "peer_value": peer and round(peer, 2)}), flush=True)
        else:
            peer = f"{'cannot':>15}" if None in theirs else f"{theirs[0]:>15.1f}{theirs[1]:>9.1f}{theirs[2]:>9.1f}"
            print(f"{f'latency_{rate}{mark}':<24}{ours[0]:>12.1f}{ours[1]:>9.1f}{ours[2]:>9.1f}{peer}", flush=True)
    p50, p99 = percentile(disk, 50), percentile(disk, 99)
    if as_json:
        print(json.dumps({"name": f"fsync_p99{mark}", "value": round(p99, 2), "unit": "ms", "peer_value": None}))
    else:
        print(f"{'one fsync of the disk':<24}{p50:>12.1f}{p99:>9.1f}")


def latency(as_json, rounds, seconds, setting):
    figures, disk = measure(setting, rounds, seconds)
    show(figures, disk, setting.mark, as_json)
