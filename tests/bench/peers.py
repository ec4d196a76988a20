"""smtp-source and smtp-sink, Postfix's own tools, as the second client and as receivers."""

import os
import subprocess
import time

from system import can_connect, free_port, wait_until

SIZE = 10_240


def source(port, sessions, reuse, mails):
    """Seconds that smtp-source takes to send them; fails if one is refused."""
    command = ["smtp-source", "-s", str(sessions), "-m", str(mails), "-l", str(SIZE), "-f", "sender@source.test",
               "-t", "recipient@sink.test"] + (["-d"] if reuse else []) + [f"127.0.0.1:{port}"]
    begin = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired as late:
        raise SystemExit(f"bench: {' '.join(command)}: no end after 300 s") from late
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(command)}: {done.stderr.strip()}")
    return time.monotonic() - begin


def in_turn(number, ours, theirs):
    """Both results, ours first; in every second round, by its number, theirs is measured first. Whoever comes second
    finds the disk as the first has left it, so what is left to write is written before each."""
    def measure(one):
        os.sync()
        return one()
    if number % 2 == 0:
        return measure(ours), measure(theirs)
    peer = measure(theirs)
    return measure(ours), peer


class OpenSink:
    """smtp-sink that stays."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self.process = start_sink(self.port)

    def close(self):
        self.process.kill()
        self.process.wait()


class Sink:
    """smtp-sink that ends when `mails` have come."""

    def __init__(self, port, mails):
        self.process = start_sink(port, "-M", str(mails))
        self.files = self._open_files()

    def _open_files(self):
        try:
            return len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except OSError:
            return 1 << 30  # it has ended

    def wait_first(self, seconds=300):
        """Until a client is connected."""
        wait_until(lambda: self._open_files() > self.files, seconds, "the first connection at smtp-sink", pause=0.002)

    def wait(self, seconds=300):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired as late:
            raise SystemExit(f"bench: mail is missing at the sink after {seconds} s") from late

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def start_sink(port, *more):
    process = subprocess.Popen(["smtp-sink", "-u", "nobody", *more, f"127.0.0.1:{port}", "1000"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: can_connect(port), what="smtp-sink")
    except AssertionError:
        process.kill()
        process.wait()
        raise
    return process
