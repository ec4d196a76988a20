#!/usr/bin/python3
"""./dev bench neighbour [--mails N] [--good N] [--size BYTES] [--rest SECONDS] [--case NAME]... [--queued] [--json]

N mails (50,000) to one bad site, in front of 1,000 for a good one, through one worker with the services' defaults and a
broker that fsyncs. The bad site never greets (silent), answers each recipient with 451 (later), or takes one mail a
second (slow). How long the good mails take from their MAIL to the sink, beside the same without any bad mail (alone); the
median may be twice as long. Then what the bad mails cost: moves, events and stored messages for each of them (each
stored message is an fsync at most), processor time, connections. When all of them lie somewhere, the same is measured
for a time of rest (60 s), in which nothing should happen.

The worker runs while the mails come, the bad ones as fast as inbound takes them, the good ones behind them at 100 a
second. With --queued it starts when all are there, the good ones behind the bad ones; then it is compared with as many
mails to a second good site in front (crowd).
"""

import os
import statistics
import sys
import time
from contextlib import ExitStack

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support/python"))
sys.path.insert(0, HERE)

from counting_site import CountingSite  # noqa: E402
from ledger import timestamp  # noqa: E402
from peers import OpenSink  # noqa: E402
from queue_sender import send_all  # noqa: E402
from system import wait_until  # noqa: E402
from told import Told  # noqa: E402
from trial import SINK, Parser, Rows, check, fill, run, system  # noqa: E402
from usage import Cost, nats_pids, resident_mb, worker_pids  # noqa: E402

CASES = ("silent", "later", "slow")
GOOD_RATE = 100.0
FEW = 300  # mails that may be on the wire, or wait in hand for it
LONGEST = 900  # seconds for the good mails, and for the bad ones to lie somewhere


def bad_site(case, stack):
    """Its port."""
    if case == "crowd":
        sink = OpenSink()
        stack.callback(sink.close)
        return sink.port
    site = CountingSite(silent=case == "silent", pace=1.0 if case == "slow" else 0.0,
                        replies={"RCPT": "451 4.2.1 later"} if case == "later" else None)
    stack.callback(site.close)
    return site.port


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def delays_of(goniec, accepted, since=None):
    """Seconds from each mail's MAIL, or from `since`, to the sink."""
    at_sink = {entry["id"]: timestamp(entry["time"]) for entry in goniec.received()}
    return [at_sink[each.id] - (since or each.begun) for each in accepted]


def measure(case, arguments):
    """A dict of figures; `case` is "alone", "crowd" or one of CASES."""
    with ExitStack() as stack:
        routes = {} if case == "alone" else {"bad.test": bad_site(case, stack)}
        goniec = stack.enter_context(system(routes))
        goniec.start_nats()
        goniec.provision()
        goniec.start_sink(contents=False)
        goniec.start_inbound()
        if not arguments.queued:
            goniec.start_outbound()
        begin, took = time.monotonic(), 0.0
        cost = Cost(goniec)
        if case != "alone":
            fill(goniec.smtp_port, arguments.mails, arguments.size, to="x@bad.test")
            took = time.monotonic() - begin
        addresses = [f"r{number}@good.test" for number in range(arguments.good)]
        accepted = send_all(goniec.smtp_port, addresses, arguments.size, 8, 0 if arguments.queued else GOOD_RATE)
        since = None
        if arguments.queued:
            since = time.time()
            goniec.start_outbound()
            cost = Cost(goniec)
        wait_until(lambda: len(goniec.received()) >= arguments.good, LONGEST, f"{case}: the good mails")
        found = {"delays": delays_of(goniec, accepted, since), "accepting": took}
        if case in CASES:
            found |= costs(goniec, cost, case, arguments)
        return found


def costs(goniec, cost, case, arguments):
    """Of the bad mails: until all lie somewhere, and at rest."""
    begin = time.monotonic()
    wait_until(lambda: goniec.at_rest(FEW), LONGEST, f"{case}: the bad mails lie in WAIT or HELD")
    found = {"all": cost.since(), "moving": time.monotonic() - begin, "told": Told(goniec.nats_port),
             "nats_mb": resident_mb(nats_pids(goniec)), "worker_mb": resident_mb(worker_pids(goniec)),
             "waiting": goniec.stored_now("WAIT_0"), "held": goniec.stored_now("HELD_0")}
    rest = Cost(goniec)
    time.sleep(arguments.rest)
    found["rest"] = rest.since()
    return found


def show(case, found, arguments, rows, alone):
    median, worst = statistics.median(found["delays"]) * 1e3, quantile(found["delays"], 0.99) * 1e3
    rows.row(f"{case}_good_p50", median, "ms", most=None if alone is None else 2 * alone)
    rows.row(f"{case}_good_p99", worst, "ms")
    if "all" not in found:
        return
    mails, everything, told, rest = arguments.mails, found["all"], found["told"], found["rest"]
    # What the good mails took is in it: one event each, and little time.
    moves = told.kinds["DEFERRED"] + told.kinds["HELD"]
    rows.row(f"{case}_moves_a_mail", moves / mails, "", most=1.02)
    for (kind, reason), count in sorted(told.reasons.items()):
        if kind in ("DEFERRED", "HELD"):
            rows.note(f"{case}: {kind} {reason}: {count}")
    rows.row(f"{case}_busy_a_mail", everything["moved"] / mails, "")
    rows.row(f"{case}_stored_a_mail", everything["stored_all"] / mails, "messages")
    rows.note(f"{case}: stored: " + ", ".join(f"{kind} {count}" for kind, count in everything["stored"].items() if count)
              + f"; now in WAIT {found['waiting']}, in HELD {found['held']}")
    rows.row(f"{case}_worker_cpu_a_mail", everything["worker"] / mails * 1e6, "µs")
    rows.row(f"{case}_nats_cpu_a_mail", everything["nats"] / mails * 1e6, "µs")
    rows.row(f"{case}_connections", everything["opened"] + everything["failed"], "")
    rows.row(f"{case}_moved_after", found["moving"], "s")
    rows.row(f"{case}_nats_rss", found["nats_mb"], "MB")
    rows.row(f"{case}_worker_rss", found["worker_mb"], "MB")
    if arguments.rest:
        rows.row(f"{case}_rest_stored", rest["stored_all"] / rest["time"], "messages/s")
        rows.row(f"{case}_rest_moved", rest["moved"] / rest["time"], "mails/s")
        rows.row(f"{case}_rest_worker_cpu", rest["worker"] / rest["time"] * 100, "%")
        rows.row(f"{case}_rest_nats_cpu", rest["nats"] / rest["time"] * 100, "%")


def main():
    parser = Parser("neighbour", __doc__)
    parser.number("--mails", 50_000, "to the bad site")
    parser.number("--good", 1_000, "mails to the good one")
    parser.number("--size", 10_240, "octets of a mail")
    parser.number("--rest", 60, "seconds of rest", least=0)
    parser.add_argument("--case", action="append", choices=CASES, help="only this bad site; may be repeated")
    parser.add_argument("--queued", action="store_true", help="the worker starts when all mails are there")
    arguments = parser.parsed()
    check("smtp-sink", SINK)
    rows = Rows(arguments.json)
    first = "crowd" if arguments.queued else "alone"
    base = measure(first, arguments)
    show(first, base, arguments, rows, None)
    for case in arguments.case or CASES:
        show(case, measure(case, arguments), arguments, rows, statistics.median(base["delays"]) * 1e3)


if __name__ == "__main__":
    run(main)
