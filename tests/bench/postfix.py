"""Postfix as the peer of a bench: a private instance (own configuration, queue and data), tuned as one would for
throughput, which holds what it accepts or relays it to a sink. Needs root, as Postfix does."""

import os
import shutil
import subprocess
import tempfile

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
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
default_process_limit = 200
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
disable_dns_lookups = yes
relayhost = [127.0.0.1]:{sink_port}
default_destination_concurrency_limit = 50
initial_destination_concurrency = 50
smtp_connection_cache_on_demand = yes
smtp_connection_cache_destinations = 127.0.0.1
in_flow_delay = 0
message_size_limit = 52428800
smtpd_recipient_restrictions = permit_mynetworks, reject
{more}
"""


class Postfix:
    def __init__(self, port, sink_port, hold):
        # Its programs check who owns the folders above theirs, so it does not live under a user's temporary folder.
        self.folder = tempfile.mkdtemp(prefix="goniec-bench-postfix-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.log = f"/var/log/goniec-bench-postfix-{port}.log"
        self.config = os.path.join(self.folder, "etc")
        for name in ("etc", "queue", "data"):
            os.mkdir(os.path.join(self.folder, name))
        shutil.chown(os.path.join(self.folder, "data"), "postfix", "postfix")
        more = "smtpd_client_restrictions = check_client_access static:HOLD" if hold else ""
        with open(os.path.join(self.config, "main.cf"), "w") as file:
            file.write(MAIN.format(folder=self.folder, port=port, sink_port=sink_port, more=more))
        with open(os.path.join(self.config, "master.cf"), "w") as file:
            file.write(MASTER.format(port=port))
        try:
            self.run("start")
        except BaseException:
            self.close()
            raise

    def run(self, command):
        # In a group of its own: Ctrl-C at the terminal is for the bench, which then says stop.
        done = subprocess.run(["postfix", "-c", self.config, command], capture_output=True, text=True, timeout=60,
                              check=False, start_new_session=True)
        if done.returncode != 0 and command == "start":
            raise SystemExit(f"bench: Postfix does not start: {done.stdout}{done.stderr}")

    def pids(self):
        """master and its children."""
        with open(os.path.join(self.folder, "queue/pid/master.pid")) as file:
            master = int(file.read())
        children = subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True, check=False).stdout
        return [master] + [int(pid) for pid in children.split()]

    def close(self):
        self.run("stop")
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.exists(self.log):
            os.unlink(self.log)
