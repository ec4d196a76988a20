"""./dev bench latency: how long a mail takes at a constant rate, each on a connection of its own, from the time at
which it was due (goniec-load's open loop) to its 250; beside Postfix, and beside what the disk takes for one fsync in
the same run. Who does not keep a rate in a round counts as infinitely slow in it; "cannot" is a median of those."""

import functools
import json
import math
import os
import statistics
import time
from contextlib import ExitStack

from load_client import SIZE, load_at
from peers import in_turn
from postfix import Postfix
from system import can_connect, free_port, wait_until

RATES = (300, 600, 1_500, 3_000)
PERCENTILES = ("p50", "p99", "p99_9")
MOST_CONNECTIONS = 1_000
FSYNCS = 200


def at_rate(port, rate, seconds):
    """Percentiles in ms, or in their place why the server did not keep the rate, a word."""
    found, why = load_at(port, rate, seconds, sessions=MOST_CONNECTIONS)
    return why or found["latency_ms"]


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
    """Of one rate: what at_rate gave in each round, for each of the two."""

    def __init__(self):
        self.ours, self.theirs = [], []

    @staticmethod
    def medians(rounds):
        """Of each percentile; None if so many rounds did not keep the rate that the median is one of them."""
        values = {each: statistics.median(math.inf if isinstance(one, str) else one[each] for one in rounds)
                  for each in PERCENTILES}
        return None if math.inf in values.values() else values

    def notes(self, rate):
        """A line for each round in which a rate was not kept."""
        return [f"{who} did not keep {rate} mails/s in round {number} of {len(rounds)}: {one}"
                for who, rounds in (("Goniec", self.ours), ("Postfix", self.theirs))
                for number, one in enumerate(rounds, 1) if isinstance(one, str)]


def measure(setting, rounds, seconds):
    figures, disk = {rate: Figures() for rate in RATES}, []
    with ExitStack() as stack:
        peer = Postfix(free_port(), free_port(), hold=True, processes=MOST_CONNECTIONS + 100)
        stack.callback(peer.close)
        peer.start()
        wait_until(lambda: can_connect(peer.port), what="Postfix")
        for number in range(rounds):
            with setting.system() as system:
                system.start_nats()
                system.provision()
                system.start_inbound()
                for rate, found in figures.items():
                    disk += fsyncs(system.folder)
                    ours, theirs = in_turn(number, functools.partial(at_rate, system.smtp_port, rate, seconds),
                                           functools.partial(at_rate, peer.port, rate, seconds))
                    found.ours.append(ours)
                    found.theirs.append(theirs)
            peer.empty()
    return figures, disk


def columns(values):
    if values is None:
        return f"{'cannot':>14}{'':>18}"
    return f"{values['p50']:>14.1f}{values['p99']:>9.1f}{values['p99_9']:>9.1f}"


def show(figures, disk, mark, as_json):
    if not as_json:
        print(f"{'latency, ms, from due':<22}{'goniec: p50':>14}{'p99':>9}{'p99.9':>9}{'Postfix: p50':>14}{'p99':>9}"
              f"{'p99.9':>9}")
    for rate, found in figures.items():
        ours, theirs = found.medians(found.ours), found.medians(found.theirs)
        if as_json:
            for each in PERCENTILES:
                print(json.dumps({"name": f"latency_{rate}_{each}{mark}", "value": ours and round(ours[each], 2),
                                  "unit": "ms", "peer_value": theirs and round(theirs[each], 2)}), flush=True)
            print(json.dumps({"name": f"latency_{rate}_not_kept{mark}", "notes": found.notes(rate)}), flush=True)
        else:
            print(f"{f'latency_{rate}{mark}':<22}{columns(ours)}{columns(theirs)}", flush=True)
    p50, p99 = percentile(disk, 50), percentile(disk, 99)
    if as_json:
        print(json.dumps({"name": f"fsync_p99{mark}", "value": round(p99, 2), "unit": "ms", "peer_value": None}))
    else:
        print(f"{'one fsync of the disk':<22}{p50:>14.1f}{p99:>9.1f}")
        for rate, found in figures.items():
            print("".join(f"  {line}\n" for line in found.notes(rate)), end="", flush=True)


def latency(as_json, rounds, seconds, setting):
    figures, disk = measure(setting, rounds, seconds)
    show(figures, disk, setting.mark, as_json)
