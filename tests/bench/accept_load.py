"""The rows of ./dev bench accept whose client is goniec-load, which costs so little that the server is what is
measured: rate beside Postfix and beside smtp-sink, which keeps nothing, and the processor time of a mail in each
process: inbound, all nats-servers, the client while it sends to Goniec, and all of Postfix together."""

import json
import os
import statistics
from contextlib import ExitStack

from load_client import Cpu, cpu_of, load
from peers import OpenSink, in_turn
from postfix import Postfix
from system import can_connect, free_port, wait_until

MAILS = 10_000
PEER_MAILS = 2_000
# Sessions, whether they are reused, and how many times Postfix's rate is wanted.
ROWS = {
    "accept_20_load": (20, False, 5.5),
    "accept_100_load": (100, False, 7.5),
    "accept_20_reuse_load": (20, True, 9),
    "accept_100_reuse_load": (100, True, 16),
}


def one(port, sessions, reuse, mails, cpu):
    """Its rate, what it cost the client, and `cpu` of each part of the server."""
    found = load(port, "--mails", str(mails), "--mails-per-connection", "0" if reuse else "1", sessions=sessions)
    return {"rate": found["rate"], "client": found["cpu_us_per_mail"], **cpu.a_mail(mails)}


def row_of(system, peer, sink_port, sessions, reuse, number):
    ours, theirs = in_turn(number, lambda: one(system.smtp_port, sessions, reuse, MAILS, cpu_of(system)),
                           lambda: one(peer.port, sessions, reuse, PEER_MAILS, Cpu({"postfix": peer.cpu_seconds})))
    os.sync()
    sink = one(sink_port, sessions, reuse, MAILS, Cpu({}))
    return {"goniec": ours["rate"], "peer": theirs["rate"], "sink": sink["rate"],
            **{each: ours[each] for each in ("inbound", "nats", "client")}, "postfix": theirs["postfix"]}


def one_round(setting, peer, sink_port, figures, number):
    """Each on a store that is new, so that many rounds do not fill it."""
    with setting.system() as system:
        system.start_nats()
        system.provision()
        system.start_inbound()
        for row, (sessions, reuse, _) in ROWS.items():
            figures[row].append(row_of(system, peer, sink_port, sessions, reuse, number))
        stored = system.metric(system.inbound_http, "goniec_commit_mails_total")
        if stored != MAILS * len(ROWS):
            raise SystemExit(f"bench: {MAILS * len(ROWS)} mails were accepted and {stored:.0f} are stored")
    peer.empty()


def show(name, found, least, as_json):
    ratio = found["goniec"] / found["peer"]
    if as_json:
        print(json.dumps({
            "name": name, "value": round(found["goniec"], 1), "unit": "mails/s", "peer_value": round(found["peer"], 1),
            "ratio": round(ratio, 2), "least_ratio": least, "sink_value": round(found["sink"], 1),
            "cpu_us": {each: round(found[each], 1) for each in ("inbound", "nats", "client", "postfix")}}), flush=True)
    else:
        wanted = f"{least:g}" if least else ""
        print(f"{name:<24}{found['goniec']:>9.0f}{found['peer']:>9.0f}{ratio:>7.2f}{wanted:>8}{found['sink']:>11.0f}"
              f"{found['inbound']:>9.1f}{found['nats']:>8.1f}{found['client']:>8.1f}{found['postfix']:>9.1f}"
              f"{'  below what is wanted' if least and ratio < least else ''}", flush=True)


def accept_load(as_json, rounds, setting):
    figures = {row: [] for row in ROWS}
    with ExitStack() as stack:
        peer = Postfix(free_port(), free_port(), hold=True)
        stack.callback(peer.close)
        peer.start()
        sink = OpenSink()
        stack.callback(sink.close)
        wait_until(lambda: can_connect(peer.port), what="Postfix")
        for number in range(rounds):
            one_round(setting, peer, sink.port, figures, number)
    if not as_json:
        print(f"\n{'by goniec-load, mails/s':<24}{'goniec':>9}{'Postfix':>9}{'ratio':>7}{'wanted':>8}{'smtp-sink':>11}"
              f"{'inbound':>9}{'nats':>8}{'client':>8}{'Postfix':>9}  µs of CPU a mail")
    for row, (_, _, least) in ROWS.items():
        median = {each: statistics.median(one[each] for one in figures[row]) for each in figures[row][0]}
        # What is wanted of one broker is not wanted of three on the same cores.
        show(f"{row}{setting.mark}", median, least if setting.replicas == 1 else None, as_json)
