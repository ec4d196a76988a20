#!/usr/bin/python3
"""./dev bench fairness [--seconds N] [--json]

A hundred tenants send through the API at once: 99 of them one mail after the other, one of them over fifty connections.
Before that the same without the flood. What each gets, and how long its mails wait for their commit; nothing may be
missing at the end. Clients, services and broker share the machine: look at the ratios.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import statistics
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support/python"))

from system import System, wait_until  # noqa: E402

SINGLES = 99
FLOOD_CONNECTIONS = 50
CLIENT_PROCESSES = 3  # that send for the singles
RAW = b"From: a@sender.test\r\nTo: b@first.test\r\nSubject: fair\r\n\r\n" + b"x" * 78 + b"\r\n"
RAW += (b"y" * 78 + b"\r\n") * 128  # 10 KiB


def token(tenant):
    return hashlib.sha256(tenant.encode()).hexdigest()[:40]


def senders(api_port, tenants, seconds, begin, results):
    """One process: a thread and a connection for each name in `tenants`, sending until `seconds` are over."""
    import grpc
    from goniec.v1 import mail_service_pb2 as pb
    from goniec.v1 import mail_service_pb2_grpc
    waits, faults, lock = {}, [], threading.Lock()
    request = pb.SendMessageRequest(
        envelope=pb.Envelope(mail_from="a@sender.test", to=[pb.EnvelopeRecipient(address="b@first.test")]), raw=RAW)

    def send(tenant, number):
        # A number of its own, so that no two share a connection.
        channel = grpc.insecure_channel(f"127.0.0.1:{api_port}",
                                        options=[("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1),
                                                 ("goniec.number", number)])
        stub = mail_service_pb2_grpc.MailServiceStub(channel)
        metadata, own = (("authorization", f"Bearer {token(tenant)}"),), []
        begin.wait()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                sent = time.monotonic()
                stub.SendMessage(request, metadata=metadata, timeout=60, wait_for_ready=True)
                own.append(time.monotonic() - sent)
        except grpc.RpcError as error:
            with lock:
                faults.append(f"{tenant}: {error.code()} {error.details()}")
        with lock:
            waits.setdefault(tenant, []).extend(own)
        channel.close()

    threads = [threading.Thread(target=send, args=(tenant, n)) for n, tenant in enumerate(tenants)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    results.put((waits, faults))


def load(api_port, groups, seconds):
    """{tenant: seconds that each of its mails took}"""
    begin, results = multiprocessing.Event(), multiprocessing.Queue()
    processes = [multiprocessing.Process(target=senders, args=(api_port, group, seconds, begin, results), daemon=True)
                 for group in groups]
    for each in processes:
        each.start()
    time.sleep(2)  # until all are there
    begin.set()
    waits = {}
    for _ in processes:
        some, faults = results.get(timeout=seconds + 120)
        if faults:
            raise SystemExit(f"bench: refused: {faults[0]}")
        waits.update(some)
    for each in processes:
        each.join()
    return waits


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Phase:
    def __init__(self, waits, seconds):
        singles = [waits[tenant] for tenant in waits if tenant != "flood"]
        self.single_rates = [len(own) / seconds for own in singles]
        self.single_median = statistics.median([wait for own in singles for wait in own])
        self.worst_p99 = max(quantile(own, 0.99) for own in singles)
        flood = waits.get("flood", [])
        self.flood_rate = len(flood) / seconds / FLOOD_CONNECTIONS
        self.flood_median = statistics.median(flood) if flood else 0
        self.flood_p99 = quantile(flood, 0.99) if flood else 0
        self.mails = sum(len(own) for own in waits.values())


def measure(system, seconds):
    worker = system.workers[0]
    singles = [f"tenant{n}" for n in range(SINGLES)]
    groups = [singles[n::CLIENT_PROCESSES] for n in range(CLIENT_PROCESSES)]
    committed = lambda: system.metric(worker.http_port, "goniec_commit_mails_total")  # noqa: E731
    records = lambda: system.stored_ever("READY_0")  # noqa: E731
    alone = Phase(load(worker.api_port, groups, seconds), seconds)
    before = records()
    flooded = Phase(load(worker.api_port, groups + [["flood"] * FLOOD_CONNECTIONS], seconds), seconds)
    rows = [
        ("single_alone_rate", statistics.median(alone.single_rates), "mails/s"),
        ("single_alone_p50", alone.single_median * 1000, "ms"),
        ("single_alone_worst_p99", alone.worst_p99 * 1000, "ms"),
        ("single_rate", statistics.median(flooded.single_rates), "mails/s"),
        ("single_slowest_rate", min(flooded.single_rates), "mails/s"),
        ("single_p50", flooded.single_median * 1000, "ms"),
        ("single_worst_p99", flooded.worst_p99 * 1000, "ms"),
        ("flood_rate_a_connection", flooded.flood_rate, "mails/s"),
        ("flood_p50", flooded.flood_median * 1000, "ms"),
        ("flood_p99", flooded.flood_p99 * 1000, "ms"),
        ("ratio_p50", flooded.single_median / flooded.flood_median, "single/flood"),
        ("ratio_worst_p99", flooded.worst_p99 / flooded.flood_p99, "single/flood"),
        ("ratio_rate", statistics.median(flooded.single_rates) / flooded.flood_rate, "single/flood"),
        ("mails_a_record", flooded.mails / max(1, records() - before), "mails"),
    ]
    sent = alone.mails + flooded.mails
    if committed() != sent:
        raise SystemExit(f"bench: {sent} mails were accepted and {committed():.0f} are stored")
    wait_until(lambda: system.stored_now("READY_0") == 0 and system.stored_now("WAIT_0") == 0, 300, "all settled")
    report = system.audit()
    if report["ended"] != {"delivered": sent}:
        raise SystemExit(f"bench: {sent} mails were accepted, and the audit says {report}")
    return rows


def main():
    parser = argparse.ArgumentParser(prog="./dev bench fairness", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="of each of the two phases")
    parser.add_argument("--json", action="store_true", help="one object a line")
    arguments = parser.parse_args()
    tokens = [{"sha256": hashlib.sha256(token(tenant).encode()).hexdigest(), "tenant": tenant, "sender_domains": ["*"]}
              for tenant in ["flood"] + [f"tenant{n}" for n in range(SINGLES)]]
    with System(queue={"capacity": "3GiB"}, outbound={"api": {"tokens": tokens}, "log": {"level": "warn"}}) as system:
        system.start_nats()
        system.provision()
        system.start_sink(discard=True)
        system.start_outbound()
        rows = measure(system, arguments.seconds)
    for name, value, unit in rows:
        print(json.dumps({"name": name, "value": round(value, 2), "unit": unit}) if arguments.json
              else f"{name:<26}{value:>12.2f} {unit}", flush=True)


if __name__ == "__main__":
    main()
