#!/usr/bin/python3
"""./dev bench audit [--copies N] [--minutes N] [--json]

Fills WAIT with N copies (100,000) and EVENTS with what was told about them, some of it about mail that has ended, and runs
`goniec audit`: it must account for every recipient. Prints how long it took, how much memory it had, and what of
nats-server's processor time. Then a worker audits, as it does each minute, for so many minutes (3) without any mail to
deliver: prints its memory, and its processor time and nats-server's for each audit.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support/python"))

from nats_fill import Filling  # noqa: E402
from system import BIN, System, free_port, wait_until  # noqa: E402

EVENTS_IN_A_RECORD = 64
FAR = "@at 2036-01-01T00:00:00Z"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def slot_of(record_id):
    """common/queue/model/subjects.cc, SlotOf."""
    value = 0xCBF29CE484222325
    for byte in record_id.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    slot = 0
    while value:
        slot ^= value & 4095
        value >>= 12
    return slot


def base32(number, digits):
    return "".join(ALPHABET[number >> 5 * (digits - 1 - i) & 31] for i in range(digits))


def message_ids(count):
    """Of mails accepted one after the other until an hour ago, 64 in a record."""
    begin = int((time.time() - 3600) * 1000) - count
    for number in range(0, count, EVENTS_IN_A_RECORD):
        record = base32(begin + number, 10) + base32(number * 0x9E3779B97F4A7C15 & (1 << 70) - 1, 14)
        yield record, [record + base32(i, 2) for i in range(min(EVENTS_IN_A_RECORD, count - number))]


def new_event(pb, message_id, kind, count=1):
    event = pb.Event(event_id=f"{message_id}.{kind}", message_id=message_id, tenant="default", type=kind,
                     recipient_count=count)
    for index in range(count):
        event.recipients.add(index=index, address=f"someone{index}@sink.test")
    return event


def fill(port, copies):
    """A copy for each message; half of them had a second recipient, who has got it."""
    from goniec.queue.v1 import queue_pb2 as pb
    with Filling(port) as filling:
        for record_id, ids in message_ids(copies):
            events = pb.EventRecord()
            for number, message_id in enumerate(ids):
                recipients = 1 + number % 2
                events.events.append(new_event(pb, message_id, pb.EVENT_TYPE_ACCEPTED, recipients))
                moved = new_event(pb, message_id, pb.EVENT_TYPE_DEFERRED)
                moved.generation = 1
                moved.next_attempt_time.FromJsonString("2036-01-01T00:00:00Z")
                events.events.append(moved)
                if recipients == 2:
                    ended = new_event(pb, message_id, pb.EVENT_TYPE_DELIVERED, 2)
                    del ended.recipients[0]
                    events.events.append(ended)
                copy = pb.Record(record_id=record_id)
                mail = copy.mails.add(message_id=message_id, mail_class=pb.MAIL_CLASS_TRANSACTIONAL, tenant="default",
                                      recipient_count=recipients, generation=1, attempts=1, inline_body=b"x" * 200)
                mail.recipients.add(index=0, address="someone0@sink.test")
                subject = f"wait.0.transactional.default.{message_id}.1.test.sink"
                filling.publish(subject, copy.SerializeToString(),
                                {"Nats-Schedule": FAR, "Nats-Schedule-Target": "due" + subject[4:]})
            filling.publish(f"event.0.default.{slot_of(record_id)}.late", events.SerializeToString())


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def worker_figures(system, minutes):
    """Of a worker that does nothing but audit: the first audit reads all events, the others go on from there."""
    worker = system.start_outbound("worker")
    audits = lambda: system.metric(worker.http_port, "goniec_audits_total")  # noqa: E731
    wait_until(lambda: audits() >= 1, 600, "the first audit")
    rows = {"worker_first_cpu": (cpu_seconds(worker.process), "s")}
    begin, own, servers = audits(), cpu_seconds(worker.process), cpu_seconds(system.parts["nats"].process)
    wait_until(lambda: audits() >= begin + minutes, 60 * minutes + 120, f"{minutes} audits")
    rows["worker_cpu_each"] = ((cpu_seconds(worker.process) - own) / minutes, "s")
    rows["nats_cpu_each"] = ((cpu_seconds(system.parts["nats"].process) - servers) / minutes, "s")
    rows["worker_rss"] = (resident_mb(worker.process), "MB")
    if lost := system.metric(worker.http_port, "goniec_unaccounted_recipients"):
        raise SystemExit(f"bench: {lost} recipients are unaccounted for")
    return rows


def main():
    parser = argparse.ArgumentParser(prog="./dev bench audit", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=100_000)
    parser.add_argument("--minutes", type=int, default=3, help="of the worker's audits (3); 0: none")
    parser.add_argument("--json", action="store_true", help="one object a line")
    arguments = parser.parse_args()
    # The store's speed is not what is measured.
    with System(queue={"capacity": "4GiB"}, sync="lazy") as system:
        system.start_nats()
        system.provision()
        fill(system.nats_port, arguments.copies)
        config = system.outbound_config("audit", free_port(), free_port())
        begin, servers = time.monotonic(), cpu_seconds(system.parts["nats"].process)
        done = subprocess.run([f"{BIN}/goniec", "audit", "--config", config, "--json"], capture_output=True, text=True,
                              timeout=600, check=False)
        took, servers = time.monotonic() - begin, cpu_seconds(system.parts["nats"].process) - servers
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        if done.returncode != 0:
            raise SystemExit(f"bench: goniec audit: {done.stdout[:2000]}{done.stderr}")
        report = json.loads(done.stdout)
        seen = (report["messages"], report["queued"], report["ended"]["delivered"])
        # Beyond 250,000 open messages it looks at a share of them.
        if report["share"] == 1 and seen != (arguments.copies, arguments.copies, arguments.copies // 2):
            raise SystemExit(f"bench: the audit does not see what is there: {done.stdout[:2000]}")
        worker = worker_figures(system, arguments.minutes) if arguments.minutes else {}
    rows = {"audit_copies": (arguments.copies, ""), "audit_share": (report["share"] * 100, "%"),
            "audit_seconds": (took, "s"), "audit_rss": (peak, "MB"),
            "audit_nats_cpu": (servers, "s"), **worker}
    for name, (value, unit) in rows.items():
        print(json.dumps({"name": name, "value": round(value, 1), "unit": unit}) if arguments.json
              else f"{name:<18}{value:>12.1f} {unit}", flush=True)


if __name__ == "__main__":
    main()
