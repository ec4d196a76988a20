"""Power cuts: nats-server's store lies on a disk that forgets, at the moment of the cut, what was not synced. With
`sync_interval: always` every mail that got its 250 is still there afterwards. With nats-server's default the same test
loses mail, which proves that it would see a loss, and Goniec had said so beforehand.

Set GONIEC_TEST_SEED to replay the moments of a run and what survived by chance.
"""

import collections
import errno
import json
import os
import random
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
import unittest

import kills_test
import powercut
import records
import system as systems
from jetstream import Streams
from ledger import timestamp
from system import BIN, send, wait_until

CUTS = int(os.environ.get("GONIEC_TEST_CUTS", "5"))
SENDERS = 6
LEAST, MOST = 50, 150  # mails that are accepted between two cuts


def setUpModule():
    reason = powercut.prepare()
    if reason:
        raise unittest.SkipTest(reason)


class System(systems.System):
    """A system whose broker has a disk of its own."""

    def __init__(self, **more):
        super().__init__(**more)
        self.disk = powercut.Disk(os.path.join(self.folder, "store"), self.folder)
        self.disk.mount()
        self.parts["disk"] = self.disk.part

    def __exit__(self, kind, value, trace):
        try:
            if "nats" in self.parts and self.parts["nats"].alive():
                self.parts["nats"].kill()
            self.disk.unmount()
        finally:
            super().__exit__(kind, value, trace)

    def log_lines_of(self, name):
        return [line for line in self.parts[name].log().splitlines() if line.startswith("{")]


def content(number):
    """Some are large, so that nats-server begins new files."""
    lines = 8000 if number % 8 == 0 else 40
    return (f"From: a@sender.test\r\nTo: r{number}@d{number % 20}.test\r\nX-Number: {number}\r\n\r\n"
            + f"line of mail {number}\r\n" * lines).encode()


class Sender(kills_test.Sender):
    def attempt(self, number):
        try:
            if self.client is None:
                self.client = self.system.smtp()
                self.client.ehlo()
            message_id = send(self.client, "a@sender.test", [f"r{number}@d{number % 20}.test"], content(number))
            self.ledger.add(message_id, number)
            return True
        except (OSError, smtplib.SMTPException):
            with self.ledger.lock:
                self.ledger.lost_replies[number] += 1
            if self.client is not None:
                self.client.close()
            self.client = None
            time.sleep(0.01)  # a client that is refused does not spin
            return False


class Load:
    """Senders that send until they are told to stop, and their ledger."""

    def __init__(self, system):
        self.ledger = kills_test.Ledger()
        self.stopped = False
        self.senders = [Sender(system, self.ledger, self._numbers(n)) for n in range(SENDERS)]

    def _numbers(self, number):
        while not self.stopped:
            yield number
            number += SENDERS

    def start(self):
        for sender in self.senders:
            sender.start()

    def wait_for(self, mails, test):
        def there():
            for sender in self.senders:
                test.assertIsNone(sender.failure)
            return self.ledger.count() >= mails
        wait_until(there, 60, f"{mails} accepted mails")

    def accepted(self):
        with self.ledger.lock:
            return dict(self.ledger.accepted)

    def stop(self, test):
        self.stopped = True
        for sender in self.senders:
            sender.join(60)
            test.assertFalse(sender.is_alive(), "a sender does not come to its end")
            test.assertIsNone(sender.failure)
            if sender.client is not None:
                sender.client.close()


class PowerCutDiskTest(unittest.TestCase):
    """The disk itself, through the kernel. Its rules have tests of their own: powercut_volume_test.cc."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="goniec-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.disk = powercut.Disk(os.path.join(self.folder, "store"), self.folder)
        self.disk.mount()
        self.addCleanup(self.disk.unmount)

    def path(self, name):
        return os.path.join(self.disk.path, name)

    def write(self, name, data, flags=0, sync=False):
        file = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | flags, 0o600)
        os.write(file, data)
        if sync:
            os.fsync(file)
        os.close(file)

    def content(self):
        found = {}
        for name in os.listdir(self.disk.path):
            with open(self.path(name), "rb") as file:
                found[name] = file.read()
        return found

    def test_forgets_what_was_not_synced(self):
        self.write("synced", b"1", sync=True)
        self.write("o_sync", b"1", os.O_SYNC)
        self.write("o_dsync", b"1", os.O_DSYNC)
        self.write("removed", b"1", sync=True)
        self.write("replaced", b"1", sync=True)
        self.write("replaced", b"x", os.O_TRUNC)
        self.write("synced", b"2", os.O_APPEND, sync=True)
        self.write("synced", b"3", os.O_APPEND)
        os.unlink(self.path("removed"))
        self.write("lost", b"1")
        self.assertEqual(self.content(), {"synced": b"123", "o_sync": b"1", "o_dsync": b"1", "replaced": b"x", "lost": b"1"})
        self.disk.cut()
        self.disk.restore()
        self.assertEqual(self.content(), {"synced": b"12", "o_sync": b"1", "o_dsync": b"1", "replaced": b"1",
                                          "removed": b"1"})

    def test_the_sync_of_the_folder_keeps_a_rename(self):
        self.write("new.tmp", b"new", sync=True)
        os.rename(self.path("new.tmp"), self.path("new"))
        folder = os.open(self.disk.path, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self.disk.cut()
        self.disk.restore()
        self.assertEqual(self.content(), {"new": b"new"})

    def test_without_power_every_operation_fails(self):
        self.write("file", b"text", sync=True)
        with open(self.path("file"), "r+b", buffering=0) as file:
            self.disk.cut()
            for operation in (lambda: file.write(b"x"), lambda: file.read(1), lambda: os.fsync(file.fileno()),
                              lambda: os.listdir(self.disk.path), lambda: os.unlink(self.path("file")),
                              lambda: os.mkdir(self.path("folder"))):
                with self.assertRaises(OSError) as caught:
                    operation()
                self.assertEqual(caught.exception.errno, errno.EIO)
        self.disk.restore()
        self.assertEqual(self.content(), {"file": b"text"})

    def test_an_orderly_unmount_keeps_everything(self):
        self.write("file", b"text")
        self.disk.restore()
        self.assertEqual(self.content(), {"file": b"text"})


class PowerCutTest(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("GONIEC_TEST_SEED", random.randrange(1 << 32)))
        print(f"seed {self.seed}: GONIEC_TEST_SEED={self.seed} replays it", file=sys.stderr)
        self.dice = random.Random(self.seed)
        self.cuts = []  # when they began

    def test_with_sync_always_every_250_survives(self):
        with System(sync="always") as system:
            self.start(system, says="1 replica, fsync")
            load = Load(system)
            load.start()
            for n in range(CUTS):
                accepted = self.cut(system, load, n)
                lost = self.lost(system, accepted)
                self.assertEqual(len(lost), 0, f"cut {n + 1} lost {len(lost)} of {len(accepted)} mails: {sorted(lost)[:5]}")
            load.stop(self)
            self.assertEqual(len(self.lost(system, load.accepted())), 0)

    def test_with_lazy_sync_mail_is_lost_as_goniec_says(self):
        with System(sync="lazy") as system:
            self.start(system, says="1 replica, lazy sync (a power cut may lose the last minutes)")
            system.disk.sync()  # the streams are older than the last minutes
            load = Load(system)
            load.start()
            accepted = self.cut(system, load, 0)
            lost = self.lost(system, accepted)
            print(f"{len(lost)} of {len(accepted)} accepted mails are lost", file=sys.stderr)
            self.assertGreater(len(lost), 0, "a disk that forgets what was not synced lost nothing: is it in use?")
            load.stop(self)

    def test_after_cuts_all_accepted_mail_is_delivered(self):
        """The broker's power alone, or that of the whole machine."""
        with System(sync="always", queue={"ack_wait": "6s"}) as system:
            system.start(workers=1)
            load = Load(system)
            load.start()
            for n in range(CUTS):
                self.cut(system, load, n, machine=n == 0 or (n > 1 and self.dice.random() < 0.5))
            load.stop(self)
            self.check_delivered(system, load.accepted())
            self.check_copies(system, load)

    def start(self, system, says):
        """Broker and inbound. A worker is there only to be asked what a 250 is worth."""
        system.start_nats()
        system.provision()
        system.start_inbound()
        worker = system.start_outbound()
        info = subprocess.run([f"{BIN}/goniec", "info", "--api", f"127.0.0.1:{worker.api_port}"], text=True,
                              capture_output=True, timeout=30, check=True).stdout
        self.assertRegex(info, rf"(?m)^Durability\s+{re.escape(says)}$")
        worker.kill()

    def cut(self, system, load, n, machine=False):
        """The power is cut after some mails, at a moment of chance, and comes back. What had its 250 by then.
        `machine`: inbound and the worker have the same power."""
        load.wait_for(load.ledger.count() + self.dice.randint(LEAST, MOST), self)
        ended = self.delivered(system)
        moment = time.monotonic() + self.dice.uniform(0, 0.03)
        while time.monotonic() < moment:
            pass
        disk_first = self.dice.random() < 0.5  # the broker may live to see its disk fail, and must not say yes then
        seed = None if n == 0 else self.dice.randrange(1 << 32)  # of the first cut nothing survives by chance
        self.cuts.append(time.time())
        if disk_first:
            loss = system.disk.cut(seed)
        for part in ["nats", "outbound", "inbound"] if machine else ["nats"]:
            system.parts[part].kill()
        accepted = load.accepted()
        if not disk_first:
            loss = system.disk.cut(seed)
        print(f"cut {n + 1}{' of the whole machine' if machine else ''} after {len(accepted)} accepted, "
              f"{'disk' if disk_first else 'broker'} first. Not durable: "
              f"{loss['operations']} names, {loss['pages']} pages; of these survive "
              f"{loss['surviving_operations']} and {loss['surviving_pages']}", file=sys.stderr)
        system.disk.restore()
        system.start_nats()
        lost = ended.keys() - self.delivered(system).keys()
        self.assertEqual(len(lost), 0, f"cut {n + 1} lost {len(lost)} of {len(ended)} events: {sorted(lost)[:5]}")
        if machine:
            system.start_inbound(ready=False)
            system.start_outbound(ready=False)
        return accepted

    @staticmethod
    def stored(system, prefix):
        """The records of these streams, each with the time at which it was stored."""
        with Streams(system.nats_port) as streams:
            return [message for stream in streams.names(prefix) for message in streams.messages(stream)]

    def lost(self, system, accepted):
        """Those that are not in READY with all their content."""
        ready = {}
        for _, record in self.stored(system, "READY_"):
            ready.update(records.mails(record))
        return [message_id for message_id, number in accepted.items() if ready.get(message_id) != content(number)]

    def delivered(self, system):
        """When the first event that says so was stored, of each message."""
        when = {}
        for moment, record in self.stored(system, "EVENTS_"):
            for message_id, kind in records.events(record):
                if kind == records.DELIVERED:
                    when.setdefault(message_id, timestamp(moment))
        return when

    def check_delivered(self, system, accepted):
        for worker in system.workers:
            system.wait_ready(worker.http_port, worker)
        wait_until(lambda: set(accepted) <= {entry["id"] for entry in system.received()}, 60,
                   "every accepted mail at the sink")
        waiting = set(accepted)

        def all_ended():
            for message_id in list(waiting):
                if system.api_states(message_id) != ["DELIVERED"]:
                    return False
                waiting.remove(message_id)
            return True
        wait_until(all_ended, 60, "every accepted mail delivered by its events")

    def check_copies(self, system, load):
        """One more copy for each cut at which the mail was between its final dot and its event: the event was not stored
        when the cut began, and the dot came before the worker had its broker again. Delivered and not accepted: its 250
        was lost."""
        back = [timestamp(entry["time"]) for entry in map(json.loads, system.log_lines_of("outbound"))
                if entry["event"] == "broker connected" and entry["name"].startswith("goniec-outbound deliver out")]
        away = [(begin, min((moment for moment in back if moment > begin), default=time.time())) for begin in self.cuts]
        accepted, copies = load.accepted(), collections.defaultdict(list)
        events = collections.defaultdict(lambda: float("inf"), self.delivered(system))
        for entry in system.received():
            copies[entry["id"]].append(timestamp(entry["time"]))
            number = int(entry["rcpts"][0][1:entry["rcpts"][0].index("@")])
            self.assertTrue(entry["id"] in accepted or load.ledger.lost_replies[number], f"{entry['id']} was never accepted")
        for message_id, dots in copies.items():
            between = sum(1 for begin, end in away if min(dots) <= end and events[message_id] >= begin)
            if len(dots) > 1 + between:
                self.fail(f"{message_id} came {len(dots)} times and was between dot and event at {between} cuts.\n"
                          f"dots {dots}, event {events[message_id]}, broker away {away}\n{system.log_lines(message_id)}")
        print(f"{len(accepted)} accepted, {sum(map(len, copies.values()))} at the sink, "
              f"{sum(1 for dots in copies.values() if len(dots) > 1)} more than once, "
              f"{len(copies.keys() - accepted.keys())} whose reply was lost", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
