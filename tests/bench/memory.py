#!/usr/bin/python3
"""./dev bench memory [--mails N] [--domains N] [--size BYTES] [--down-seconds N] [--json]

N mails (100,000) of 1 KiB to 10,000 domains, each a site of its own (by a DNS server of the bench), in the queue of one
worker with the services' defaults: what the worker has in memory at most, which is to be under 200 MB. Once with all sites
up (up), until all is delivered; once with all of them refusing connections (down), until all lies in WAIT or HELD and for
a minute more.
"""

import os
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support/python"))
sys.path.insert(0, HERE)

from queue_sender import send_all  # noqa: E402
from site_names import SiteNames  # noqa: E402
from system import wait_until  # noqa: E402
from trial import SINK, Parser, Rows, check, run, system  # noqa: E402
from usage import Cost, Peak, nats_pids, worker_pids  # noqa: E402

MOST_MB = 200
FEW = 300  # mails that may be in hand
LONGEST = 1_800


def measure(up, arguments):
    names = SiteNames()
    with system(dns={"servers": [names.server]}, delivery={"allow_networks": ["127.0.0.0/8"]}) as goniec:
        goniec.routed_to_sink = False
        goniec.outbound_more["delivery"]["smtp_port"] = goniec.sink_port
        goniec.start_nats()
        goniec.provision()
        if up:
            goniec.start_sink(discard=True, host="0.0.0.0")
        goniec.start_inbound()
        addresses = (f"r{number}@d{number % arguments.domains}.test" for number in range(arguments.mails))
        send_all(goniec.smtp_port, addresses, arguments.size, connections=32)
        goniec.start_outbound()
        peaks = {"worker": Peak(lambda: worker_pids(goniec)), "nats": Peak(lambda: nats_pids(goniec))}
        cost, begin = Cost(goniec), time.monotonic()
        if up:
            wait_until(lambda: goniec.queued() == 0, LONGEST, "all delivered")
        else:
            wait_until(lambda: goniec.at_rest(FEW), LONGEST, "all in WAIT or HELD")
        took, spent = time.monotonic() - begin, cost.since()
        if not up:
            time.sleep(arguments.down_seconds)
        where = {name: goniec.stored_now(f"{name}_0") for name in ("READY", "WAIT", "HELD")}
        found = {"took": took, "spent": spent, "where": where, "asked": names.asked,
                 **{name: peak.end() for name, peak in peaks.items()}}
    names.close()
    return found


def main():
    parser = Parser("memory", __doc__)
    parser.number("--mails", 100_000, "queued")
    parser.number("--domains", 10_000, "each a site")
    parser.number("--size", 1_024, "octets of a mail")
    parser.number("--down-seconds", 60, "with everything in WAIT or HELD", least=0)
    arguments = parser.parsed()
    check(SINK)
    rows = Rows(arguments.json)
    for name, up in (("up", True), ("down", False)):
        found = measure(up, arguments)
        rows.row(f"memory_{name}_worker_rss", found["worker"], "MB", most=MOST_MB)
        rows.row(f"memory_{name}_nats_rss", found["nats"], "MB")
        rows.row(f"memory_{name}_seconds", found["took"], "s")
        rows.row(f"memory_{name}_worker_cpu_a_mail", found["spent"]["worker"] / arguments.mails * 1e6, "µs")
        rows.row(f"memory_{name}_stored_a_mail", found["spent"]["stored_all"] / arguments.mails, "messages")
        rows.note(f"{name}: at the end: " + ", ".join(f"{each} {count}" for each, count in found["where"].items())
                  + f"; the DNS was asked {found['asked']} times; connections opened {found['spent']['opened']:.0f}, "
                  f"failed {found['spent']['failed']:.0f}")


if __name__ == "__main__":
    run(main)
