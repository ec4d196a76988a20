#!/usr/bin/python3
"""./dev bench outage [--mails N] [--size BYTES] [--down SECONDS] [--workers N] [--flush] [--json]

N mails (100,000) of 1 KiB for one site that refuses connections until two minutes after the last of them was accepted,
and then is smtp-sink. How long it takes from then until the sink has all of them, beside Postfix with its defaults and
the same number of connections to the site (20, delivery.connections_per_site). Goniec has the services' defaults and a
broker that fsyncs.

Tells as well how often mails were tried during the outage, by their events: a mail that waited for the site alone is not
tried again before it is back, except by a probe; connections that were tried; and what nats-server and the worker had in
memory. With --flush Postfix is told to try everything again (postqueue -f) at the moment at which the site is back.
"""

import collections
import os
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support/python"))
sys.path.insert(0, HERE)

from peers import Sink  # noqa: E402
from postfix import Postfix  # noqa: E402
from system import can_connect, free_port, wait_until  # noqa: E402
from told import Told  # noqa: E402
from trial import Parser, Rows, check, fill, run, system  # noqa: E402
from usage import Cost, Peak, nats_pids, worker_pids  # noqa: E402

CONNECTIONS = 20
TIMES_POSTFIX = 5
LONGEST = 3 * 3600  # Postfix waits up to an hour and more between two attempts


def out_and_back(sink_port, arguments, accept, at_the_end, when_back=lambda: None):
    """`accept` brings the mails while the site is down, `at_the_end` is called before it is back, `when_back` then.
    Seconds from its return until all have arrived."""
    accept()
    time.sleep(arguments.down)
    at_the_end()
    sink = Sink(sink_port, arguments.mails)
    try:
        begin = time.monotonic()
        when_back()
        sink.wait(LONGEST)
        return time.monotonic() - begin
    finally:
        sink.close()


def goniec_outage(arguments):
    found = {}
    with system(capacity_gib=4) as goniec:
        goniec.start_nats()
        goniec.provision()
        goniec.start_inbound()
        for number in range(arguments.workers):
            goniec.start_outbound(f"outbound{number + 1}")
        peaks = {"nats": Peak(lambda: nats_pids(goniec)), "worker": Peak(lambda: worker_pids(goniec))}
        cost = Cost(goniec)

        def at_the_end():
            found["outage"], found["told"] = cost.since(), Told(goniec.nats_port)
            found["where"] = {name: goniec.stored_now(f"{name}_0") for name in ("READY", "WAIT", "HELD")}
        found["took"] = out_and_back(goniec.sink_port, arguments,
                                     lambda: fill(goniec.smtp_port, arguments.mails, arguments.size), at_the_end)
        found["all"] = cost.since()
        found |= {name: peak.end() for name, peak in peaks.items()}
    return found


def postfix_outage(arguments):
    peer = Postfix(free_port(), free_port(), hold=False, concurrency=CONNECTIONS)
    try:
        peer.start()
        wait_until(lambda: can_connect(peer.port), what="Postfix")

        def accept():
            fill(peer.port, arguments.mails, arguments.size)

        def back():
            if arguments.flush:
                peer.flush()
        return out_and_back(peer.sink_port, arguments, accept, lambda: None, back)
    finally:
        peer.close()


def show(found, peer, arguments, rows):
    mails, told, outage = arguments.mails, found["told"], found["outage"]
    rows.row("outage_seconds", found["took"], "s", peer, most=1 / TIMES_POSTFIX)
    rows.row("outage_rate", mails / found["took"], "mails/s", mails / peer)
    tries = collections.Counter(told.tries[each] for each in told.tries)
    tried = sum(count for number, count in tries.items() if number > 0)
    rows.row("outage_mails_tried", tried, "mails", most=outage["failed"])  # a mail for each connection
    # Each probe tries one mail, perhaps one that was tried before.
    more = sum(count for number, count in tries.items() if number > 1)
    rows.row("outage_mails_tried_again", more, "mails", most=max(10, arguments.down // 5))
    rows.row("outage_most_tries_of_a_mail", max(tries, default=0), "")
    rows.row("outage_connections_tried", outage["failed"], "")
    rows.row("outage_moves_a_mail", (told.kinds["DEFERRED"] + told.kinds["HELD"]) / mails, "", most=1.02)
    rows.row("outage_stored_a_mail", outage["stored_all"] / mails, "messages")
    for (kind, reason), count in sorted(told.reasons.items()):
        if kind in ("DEFERRED", "HELD"):
            rows.note(f"during the outage: {kind} {reason}: {count}")
    rows.note("at its end: " + ", ".join(f"{name} {count}" for name, count in found["where"].items()))
    for part in ("worker", "nats"):
        rows.row(f"outage_{part}_cpu_a_mail", found["all"][part] / mails * 1e6, "µs")
        rows.row(f"outage_{part}_rss", found[part], "MB")


def main():
    parser = Parser("outage", __doc__)
    parser.number("--mails", 100_000, "for the site")
    parser.number("--size", 1_024, "octets of a mail")
    parser.number("--down", 120, "seconds of the outage after the last mail")
    parser.number("--workers", 1, "of Goniec")
    parser.add_argument("--flush", action="store_true", help="Postfix is told when the site is back")
    arguments = parser.parsed()
    check("smtp-sink", "postfix", "postqueue", root=True)
    rows = Rows(arguments.json)
    found = goniec_outage(arguments)
    rows.note(f"Goniec: {found['took']:.1f} s; now Postfix, which may take many minutes")
    os.sync()
    show(found, postfix_outage(arguments), arguments, rows)


if __name__ == "__main__":
    run(main)
