"""goniec-load as the client of a bench, and the processor time that others spend while it runs."""

import json
import os
import re
import shutil
import subprocess

from system import BIN, NATS

LOAD = os.path.join(BIN, "goniec-load")
SIZE = 10_240
# A rate is kept if so much of the mail that was due was accepted within the sending time and so many seconds more.
KEEPS_UP = 0.95
GRACE = 0.5
# Mails a second at which the end of a run is still waited for.
SLOWEST = 50
# What a server that is too busy says of a mail, or does.
OVERLOAD = re.compile(r": 4\d\d .*(too many connections|too busy|too little memory|ports are busy)"
                      r"|^no answer to [^:]*: silence for ", re.IGNORECASE)


def need_programs(programs):
    """Ends with one line if a program is missing; those with a slash are files."""
    for program in programs:
        if shutil.which(program) is None:
            raise SystemExit(f"bench: {program} is missing; ./dev bench installs and builds what it needs")


def run_load(port, *flags, sessions, seconds=300, size=SIZE):
    """The command, as words, and how it ended."""
    command = [LOAD, "smtp", f"127.0.0.1:{port}", "--json", "--size", str(size), "--sessions", str(sessions), *flags]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        raise SystemExit(f"bench: {' '.join(command)}: no end after {seconds} s") from late
    return " ".join(command), done


def failed(command, done):
    return SystemExit(f"bench: {command}: {done.stderr.strip() or f'ended with status {done.returncode}'}")


def load(port, *flags, sessions, seconds=300, size=SIZE):
    """What goniec-load says of its run, a dict. Fails with its line if a mail was refused or lost."""
    command, done = run_load(port, *flags, sessions=sessions, seconds=seconds, size=size)
    if done.returncode != 0:
        raise failed(command, done)
    return json.loads(done.stdout)


def load_at(port, rate, seconds, *flags, sessions):
    """What goniec-load says of `seconds` at a constant rate, and None; or None and why the server did not keep the
    rate: too few mails were accepted in time, or some were refused or left unanswered because it was too busy. Fails at
    whatever else went wrong."""
    mails = rate * seconds
    command, done = run_load(port, "--rate", str(rate), "--seconds", str(seconds), "--grace", str(GRACE), *flags,
                             sessions=sessions, seconds=seconds + 120 + mails // SLOWEST)
    found = json.loads(done.stdout) if done.returncode in (0, 1) and done.stdout else None
    if found is None or found["accepted"] + found["refused"] + found["lost"] < mails:  # it was given up
        raise failed(command, done)
    failures = found.get("failures", {})
    if (done.returncode != 0) != bool(failures) or not all(map(OVERLOAD.search, failures)):
        raise failed(command, done)
    why = [f"{number} of {mails} mails: {reason}" for reason, number in failures.items()]
    if found["in_time"] < KEEPS_UP * mails:
        why.append(f"{found['in_time']} of {mails} mails were accepted within {seconds} s and {GRACE} s")
    return (None, "; ".join(why)) if why else (found, None)


def cpu_seconds(pid, children=False):
    """User and system time of all its threads so far, or of its children that have ended."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return sum(map(int, fields[13:15] if children else fields[11:13])) / os.sysconf("SC_CLK_TCK")


class Cpu:
    """Processor time a mail, in microseconds, since it was made. `parts`: name -> a function that gives seconds."""

    def __init__(self, parts):
        self.parts = parts
        self.before = self.now()

    def now(self):
        return {name: seconds() for name, seconds in self.parts.items()}

    def a_mail(self, mails):
        now = self.now()
        return {name: (now[name] - before) / mails * 1e6 for name, before in self.before.items()}


def cpu_of(system):
    """Of inbound, and of all nats-servers."""
    inbound = system.parts["inbound"].process.pid
    nats = [part.process.pid for part in system.parts.values() if part.args[0] == NATS]
    return Cpu({"inbound": lambda: cpu_seconds(inbound), "nats": lambda: sum(map(cpu_seconds, nats))})
