#!/usr/bin/python3
"""./dev bench deliver [--mails N] [--size BYTES] [--rounds N] [--growth N] [--shelf N] [--json]

N mails (20,000) of 10 KiB that are queued already, to smtp-sink, through one worker and through two, with a broker that
fsyncs; beside it Postfix with the same backlog, tuned as in ./dev bench relay. Goniec's workers run and wait while the
mails come, as the consumers are paused until all are there; Postfix's mails lie in its queue when it is started. Time
counts from the first connection to the sink until the sink has the last mail; medians of the rounds.

growth: how fast the first mails of a large backlog are delivered (1,000,000 of 1 KiB; --growth 0 leaves it out), beside a
backlog of a hundredth, and what nats-server and the worker have in memory meanwhile.

shelf: memory of nats-server with so many mails of 1 KiB on the shelf (1,000,000, in records of 16; --shelf 0 leaves it
out), as they were put there and after a restart, and of a worker beside it.
"""

import functools
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support/python"))
sys.path.insert(0, HERE)

from jetstream import Streams  # noqa: E402
from peers import Sink, in_turn  # noqa: E402
from postfix import Postfix  # noqa: E402
from shelf_fill import fill_shelf  # noqa: E402
from system import can_connect, free_port, wait_until  # noqa: E402
from trial import Parser, Rows, check, fill, run, system  # noqa: E402
from usage import Cost, Peak, nats_pids, resident_mb, worker_pids  # noqa: E402

CONSUMERS = ("transactional", "bulk")
FAR = "2036-01-01T00:00:00Z"
TIMES_POSTFIX = 8
# The first of a backlog, by which its rate is measured.
FIRST = 100_000
SETTLE = 10  # seconds for workers to know of each other
LONGEST = 900


def pause(goniec, until=None):
    with Streams(goniec.nats_port) as streams:
        for consumer in CONSUMERS:
            streams.pause("READY_0", consumer, until)


def queued_up(goniec, mails, size, workers):
    """Everything but the sink runs, the mails are in READY, and nothing is delivered until pause() ends. (The workers
    then begin at their next heartbeat, within 2 s, all at the same one or nearly.)"""
    goniec.start_nats()
    goniec.provision()
    goniec.start_inbound()
    pause(goniec, FAR)
    fill(goniec.smtp_port, mails, size)
    if (stored := goniec.metric(goniec.inbound_http, "goniec_commit_mails_total")) != mails:
        raise SystemExit(f"bench: {mails} mails were accepted and {stored:.0f} are stored")
    goniec.parts["inbound"].stop()
    for number in range(workers):
        goniec.start_outbound(f"outbound{number + 1}")
    os.sync()
    time.sleep(SETTLE)


def delivered(mails, size, workers, first=None):
    """Mails a second of the first ones (all, if not said), processor time of a mail, and memory at its peak."""
    counted = min(first or mails, mails)
    with system(capacity_gib=4 + (mails * (size + 1_500) * 2 >> 30)) as goniec:
        queued_up(goniec, mails, size, workers)
        sink = Sink(goniec.sink_port, counted)
        peaks = {"nats": Peak(lambda: nats_pids(goniec)), "worker": Peak(lambda: worker_pids(goniec))}
        cost = Cost(goniec)
        try:
            pause(goniec)
            sink.wait_first()
            begin = time.monotonic()
            sink.wait(LONGEST)
            took, spent = time.monotonic() - begin, cost.since()
        finally:
            sink.close()
        return {"rate": counted / took, "worker_cpu": spent["worker"] / counted * 1e6,
                "nats_cpu": spent["nats"] / counted * 1e6, **{name: peak.end() for name, peak in peaks.items()}}


def delivered_by_postfix(mails, size):
    """Mails a second."""
    peer = Postfix(free_port(), free_port(), hold=True)
    sink = None
    try:
        peer.start()
        wait_until(lambda: can_connect(peer.port), what="Postfix")
        fill(peer.port, mails, size)
        peer.stop()
        if (released := peer.release()) != mails:
            raise SystemExit(f"bench: Postfix accepted {mails} mails and has {released}")
        os.sync()
        sink = Sink(peer.sink_port, mails)
        peer.launch()
        sink.wait_first()
        begin = time.monotonic()
        sink.wait(LONGEST)
        return mails / (time.monotonic() - begin)
    finally:
        if sink is not None:
            sink.close()
        peer.close()


def beside_postfix(arguments, rows):
    mails, size = arguments.mails, arguments.size
    ours, theirs = {1: [], 2: []}, []
    for number in range(arguments.rounds):
        one, peer = in_turn(number, functools.partial(delivered, mails, size, 1),
                            functools.partial(delivered_by_postfix, mails, size))
        os.sync()
        ours[1].append(one)
        ours[2].append(delivered(mails, size, 2))
        theirs.append(peer)
    for workers, found in ours.items():
        median = {name: statistics.median(each[name] for each in found) for name in found[0]}
        rows.row(f"deliver_{workers}", median["rate"], "mails/s", statistics.median(theirs), least=TIMES_POSTFIX)
        rows.row(f"deliver_{workers}_worker_cpu", median["worker_cpu"], "µs/mail")
        rows.row(f"deliver_{workers}_nats_cpu", median["nats_cpu"], "µs/mail")
        rows.row(f"deliver_{workers}_worker_rss", median["worker"], "MB")
        rows.row(f"deliver_{workers}_nats_rss", median["nats"], "MB")


def growth(mails, rounds, rows):
    few = max(1, mails // 100)
    small = [delivered(few, 1_024, 1) for _ in range(rounds)]
    large = delivered(mails, 1_024, 1, FIRST)
    base = statistics.median(each["rate"] for each in small)
    rows.row("growth_small", base, "mails/s")
    rows.row("growth_large", large["rate"], "mails/s")
    rows.row("growth_large_to_small", large["rate"] / base, "", least=0.8)
    for name, of in (("nats", "nats"), ("worker", "worker")):
        rows.row(f"growth_{name}_rss_small", statistics.median(each[of] for each in small), "MB")
        rows.row(f"growth_{name}_rss_large", large[of], "MB")


def shelf(mails, rows):
    """The site of this mail lets nobody in."""
    dead = free_port()
    with system({"held.test": dead}, capacity_gib=8) as goniec:
        goniec.sync = "lazy"  # how it was stored is not what is measured
        nats = goniec.start_nats()
        goniec.provision()
        empty = resident_mb([nats.process.pid])
        records = fill_shelf(goniec.nats_port, mails, dead)
        rows.row("shelf_nats_rss", resident_mb([nats.process.pid]), "MB", most=300)
        rows.note(f"shelf: {records} records of 16 mails; {empty:.0f} MB without them")
        nats.stop()
        goniec.start_nats()
        rows.row("shelf_nats_rss_restarted", resident_mb([nats.process.pid]), "MB", most=300)
        goniec.start_outbound()
        peaks = Peak(lambda: nats_pids(goniec)), Peak(lambda: worker_pids(goniec))
        time.sleep(90)  # an audit, and whoever looks after the shelves, are under way by then
        rows.row("shelf_nats_rss_worked", peaks[0].end(), "MB", most=300)
        rows.row("shelf_worker_rss", peaks[1].end(), "MB", most=200)
        rows.note(f"shelf: {goniec.stored_now('HELD_0')} records are still there")


def main():
    parser = Parser("deliver", __doc__)
    parser.number("--mails", 20_000, "queued")
    parser.number("--size", 10_240, "octets of a mail")
    parser.number("--rounds", 3, "of each", least=0)
    parser.number("--growth", 1_000_000, "mails of the large backlog; 0: none", least=0)
    parser.number("--shelf", 1_000_000, "mails on the shelf; 0: none", least=0)
    arguments = parser.parsed()
    check("smtp-sink", "postfix", root=True)
    rows = Rows(arguments.json)
    if arguments.rounds:
        beside_postfix(arguments, rows)
    if arguments.growth:
        growth(arguments.growth, max(1, arguments.rounds), rows)
    if arguments.shelf:
        shelf(arguments.shelf, rows)


if __name__ == "__main__":
    run(main)
