"""Postfix as the peer of a bench: a private instance (own configuration, queue and data), tuned as one would for
throughput, which holds what it accepts or relays it to a sink. Needs root, as Postfix does.

A process serves 10,000 connections before another takes its place (max_use), no limit of clients or rates holds, and
what is held lies in 256 folders. Its log, several lines a mail, goes to a file by way of postlogd.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time

from load_client import cpu_seconds
from system import wait_until

COMMAND_SECONDS = 60
# For its processes to end after "stop", and after SIGKILL.
STOP_SECONDS = 10

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = /var/log/goniec-bench-postfix-{port}.log
maillog_file_prefixes = /var, /dev/stdout
myhostname = peer.test
mydestination =
inet_protocols = ipv4
inet_interfaces = 127.0.0.1
mynetworks = 127.0.0.0/8
default_process_limit = {processes}
max_use = 10000
hash_queue_names = deferred, defer, hold
hash_queue_depth = 2
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
disable_dns_lookups = yes
relayhost = [127.0.0.1]:{sink_port}
default_destination_concurrency_limit = {concurrency}
initial_destination_concurrency = {concurrency}
smtp_connection_cache_on_demand = yes
smtp_connection_cache_destinations = 127.0.0.1
in_flow_delay = 0
message_size_limit = 52428800
smtpd_recipient_restrictions = permit_mynetworks, reject
{more}
"""


class Postfix:
    """`processes`: the most of a kind; smtpd has one for each connection. `concurrency`: connections to the sink. Nothing
    is there until start(), and close() ends whatever start() has come to."""

    def __init__(self, port, sink_port, hold, processes=200, concurrency=50):
        self.port, self.sink_port, self.hold, self.processes = port, sink_port, hold, processes
        self.concurrency = concurrency
        # Its programs check who owns the folders above theirs, so it does not live under a user's temporary folder.
        self.folder = f"/var/tmp/goniec-bench-postfix-{secrets.token_hex(8)}"
        self.log = f"/var/log/goniec-bench-postfix-{port}.log"
        self.config = os.path.join(self.folder, "etc")

    def start(self):
        for folder in (self.folder, *(os.path.join(self.folder, name) for name in ("etc", "queue", "data"))):
            os.mkdir(folder)
            os.chmod(folder, 0o755)
        shutil.chown(os.path.join(self.folder, "data"), "postfix", "postfix")
        more = "smtpd_client_restrictions = check_client_access static:HOLD" if self.hold else ""
        with open(os.path.join(self.config, "main.cf"), "w") as file:
            file.write(MAIN.format(folder=self.folder, port=self.port, sink_port=self.sink_port,
                                   processes=self.processes, concurrency=self.concurrency, more=more))
        with open(os.path.join(self.config, "master.cf"), "w") as file:
            file.write(MASTER.format(port=self.port))
        self.launch()

    def launch(self):
        """As it was made, also again after stop()."""
        try:
            status, said = self.run("start")
        except subprocess.TimeoutExpired as late:
            raise SystemExit(f"bench: Postfix does not start within {COMMAND_SECONDS} s") from late
        if status != 0:
            raise SystemExit(f"bench: Postfix does not start: {said}")

    def run(self, command):
        """Its exit code and what it said."""
        # In a group of its own: Ctrl-C at the terminal is for the bench, which then says stop.
        with subprocess.Popen(["postfix", "-c", self.config, command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, start_new_session=True) as process:
            try:
                said, _ = process.communicate(timeout=COMMAND_SECONDS)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)  # it is a script, with children
                raise
        return process.returncode, said

    def pids(self):
        """master and all that it has started: they live in the queue's folder."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/cwd").startswith(self.folder + "/"):
                    found.append(int(pid))
            except OSError:
                pass
        return found

    def cpu_seconds(self):
        """Of all its processes so far, also those that have ended."""
        if not os.path.exists("/proc/self/schedstat"):
            raise SystemExit("bench: this kernel does not tell /proc/PID/schedstat (CONFIG_SCHED_INFO)")
        total = 0.0
        for pid in self.pids():
            try:
                # They are many, each of one thread: whole ticks would leave much of their time out.
                with open(f"/proc/{pid}/schedstat") as schedstat:
                    total += int(schedstat.read().split()[0]) / 1e9
                total += cpu_seconds(pid, children=True)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return total

    def stop(self):
        """All its processes; the queue stays."""
        self.run("stop")
        wait_until(lambda: not self.pids(), COMMAND_SECONDS, "the end of Postfix")

    def release(self):
        """What is held is new again, for launch(); call it while nothing runs. How many mails that are."""
        queue, moved = os.path.join(self.folder, "queue"), 0
        for folder, _, files in os.walk(os.path.join(queue, "hold")):
            for file in files:
                os.rename(os.path.join(folder, file), os.path.join(queue, "incoming", file))
            moved += len(files)
        return moved

    def queued(self):
        """Mails that it has to deliver."""
        return sum(len(files) for name in ("incoming", "active", "deferred", "hold")
                   for _, _, files in os.walk(os.path.join(self.folder, "queue", name)))

    def flush(self):
        """An attempt at once for all that waits for another."""
        done = subprocess.run(["postqueue", "-c", self.config, "-f"], capture_output=True, text=True,
                              timeout=COMMAND_SECONDS, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench: postqueue -f: {done.stderr.strip()}")

    def empty(self):
        """Removes what is held, and what waits for another attempt."""
        for name in ("hold", "deferred"):
            for folder, _, files in os.walk(os.path.join(self.folder, "queue", name)):
                for file in files:
                    os.unlink(os.path.join(folder, file))

    def close(self):
        try:
            if os.path.exists(self.config):
                self.run("stop")
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.end()

    def end(self):
        """Of what "stop" has left, by force; then the files, which nobody may use any more."""
        deadline = time.monotonic() + STOP_SECONDS
        while left := self.pids():
            if time.monotonic() > deadline + STOP_SECONDS:
                raise SystemExit(f"bench: Postfix does not end: processes {left}; their folder is {self.folder}")
            if time.monotonic() > deadline:
                for pid in left:
                    kill(pid)
            time.sleep(0.1)
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.exists(self.log):
            os.unlink(self.log)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
