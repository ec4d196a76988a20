"""goniec-load as the client of a bench, and the processor time that others spend while it runs."""

import json
import os
import shutil
import subprocess

from system import BIN, NATS

LOAD = os.path.join(BIN, "goniec-load")
SIZE = 10_240


def need_programs(programs):
    """Ends with one line if a program is missing; those with a slash are files."""
    for program in programs:
        if shutil.which(program) is None:
            raise SystemExit(f"bench: {program} is missing; ./dev bench installs and builds what it needs")


def load(port, *flags, sessions, keep=False, seconds=300):
    """What goniec-load says of its run, a dict. Fails with its line if a mail was refused or lost, unless `keep`: then
    None."""
    command = [LOAD, "smtp", f"127.0.0.1:{port}", "--json", "--size", str(SIZE), "--sessions", str(sessions), *flags]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        raise SystemExit(f"bench: {' '.join(command)}: no end after {seconds} s") from late
    if done.returncode != 0:
        if keep:
            return None
        raise SystemExit(f"bench: {' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def cpu_seconds(process):
    """User and system time of all its threads so far."""
    with open(f"/proc/{process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cpu:
    """Processor time a mail of inbound and of all nats-servers, in microseconds, since it was made."""

    def __init__(self, system):
        self.processes = {
            "inbound": [system.parts["inbound"].process],
            "nats": [part.process for part in system.parts.values() if part.args[0] == NATS],
        }
        self.before = self.now()

    def now(self):
        return {name: sum(map(cpu_seconds, processes)) for name, processes in self.processes.items()}

    def a_mail(self, mails):
        now = self.now()
        return {name: (now[name] - before) / mails * 1e6 for name, before in self.before.items()}
