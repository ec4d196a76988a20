"""A whole Goniec for one test: nats-server, inbound, any number of outbound workers and a sink, each a real process
on free ports in a temporary folder. Everything dies with the test.

Tests wait on conditions with a deadline (wait_until), never for a time.
"""

import ctypes
import fcntl
import json
import os
import random
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

BIN = os.environ.get("GONIEC_BIN", "build/ci/bin")
# Python code of the API, made by the build (tests/support/python/CMakeLists.txt).
sys.path.insert(0, os.path.join(os.path.dirname(BIN), "python"))


def _nats_server():
    """The tests' nats-server; ends the test program where there is none, as no test could say more than this line."""
    path = os.environ.get("GONIEC_NATS_SERVER") or shutil.which("nats-server") or "nats-server"
    try:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60).stdout.strip()
    except OSError as error:
        shown = str(error)
    version = re.search(r"v(\d+)\.(\d+)", shown)
    if version is None or (int(version[1]), int(version[2])) < (2, 15):
        sys.exit(f"nats-server 2.15 or newer is missing ({shown}): ./dev test fetches it; or name one in "
                 "GONIEC_NATS_SERVER")
    return path


NATS = _nats_server()

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until(condition, seconds=30, what="the condition", pause=0.02):
    """Returns the condition's first true value, looking every `pause` seconds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def _ports_folder():
    folder = os.path.join(os.environ.get("TMPDIR") or "/tmp", f"goniec-ports-{os.getuid()}")
    os.makedirs(folder, 0o700, exist_ok=True)
    return folder


def free_port():
    """As FreePort() of process.cc, with the same lock files: a port is one test's for as long as its process lives, and
    none that the system gives to outgoing connections."""
    for _ in range(10000):
        port = random.randint(12000, 31999)
        lock = os.open(os.path.join(_ports_folder(), str(port)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
            return port  # the lock is kept on purpose
        except OSError:
            os.close(lock)
    raise AssertionError("no free port")


class Part:
    """One process that can be killed, frozen and started again with the same arguments."""

    def __init__(self, name, args, folder, env=None):
        self.name, self.args, self.folder, self.env = name, args, folder, env
        self.log_path = os.path.join(folder, f"{name}.log")
        self.process = None

    def start(self):
        env = dict(os.environ, ASAN_OPTIONS="detect_container_overflow=0", UBSAN_OPTIONS="print_stacktrace=1")
        env.update(self.env or {})
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.args, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env, preexec_fn=_die_with_parent)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL: what a crash leaves."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=60):
        """SIGTERM and the end of it; the exit code."""
        if not self.alive():
            return self.process.returncode if self.process else None
        self.process.terminate()
        return self.process.wait(seconds)

    def freeze(self):
        """It does nothing any more when this returns."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])


def http(url):
    """(status, text); (0, "") if nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


class System:
    """See the module's text. `queue`, `inbound`, `outbound`: what the configurations say beyond the ports; `file_store`:
    what all streams may take on disk, as nats-server's configuration says it."""

    def __init__(self, queue=None, inbound=None, outbound=None, sync="always", routed_to_sink=True, sink_args=(),
                 file_store="4GB"):
        self.folder = tempfile.mkdtemp(prefix="goniec-test-")
        self.nats_port, self.monitor_port = free_port(), free_port()
        self.smtp_port, self.inbound_http = free_port(), free_port()
        self.sink_port = free_port()
        self.sync, self.file_store = sync, file_store
        self.queue = {
            "servers": [f"nats://127.0.0.1:{self.nats_port}"],
            "monitor_urls": [f"http://127.0.0.1:{self.monitor_port}"],
            "ack_wait": "60s",
            "capacity": "1GiB",
            **(queue or {}),
        }
        self.inbound_more = inbound or {}
        self.outbound_more = outbound or {}
        self.routed_to_sink = routed_to_sink
        self.sink_args = list(sink_args)
        self.parts = {}
        self.workers = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and not issubclass(kind, KeyboardInterrupt):
            for part in self.parts.values():
                print(f"---- {part.name}: {'alive' if part.alive() else 'ended'}\n{part.tail()}", file=sys.stderr)
        faults = []
        for name in sorted(self.parts, key=lambda n: (n.startswith("nats"), n)):
            part = self.parts[name]
            if part.alive():
                part.thaw()
                part.kill()
            text = part.log()
            for mark in ("ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer"):
                if mark in text:
                    faults.append(f"{name}: {mark}\n" + text[text.index(mark):][:3000])
        shutil.rmtree(self.folder, ignore_errors=True)
        if faults and kind is None:
            raise AssertionError("\n".join(faults))

    # Parts.

    def _add(self, name, args, env=None):
        part = Part(name, args, self.folder, env)
        self.parts[name] = part
        return part.start()

    def _write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path

    def start_nats(self):
        sync = ", sync_interval: always" if self.sync == "always" else ""
        config = self._write("nats.conf", f"""
listen: "127.0.0.1:{self.nats_port}"
http: "127.0.0.1:{self.monitor_port}"
jetstream {{ store_dir: "{self.folder}/store", max_file_store: {self.file_store}{sync} }}
""")
        part = self.parts.get("nats")
        part = part.start() if part else self._add("nats", [NATS, "-c", config])
        def ready():
            if not part.alive():
                raise AssertionError(f"nats-server has ended:\n{part.tail()}")
            return http(f"http://127.0.0.1:{self.monitor_port}/healthz?js-server-only=true")[0] == 200
        wait_until(ready, what="nats-server")
        return part

    def provision(self):
        config = self.outbound_config("provision", free_port(), free_port())
        done = subprocess.run([f"{BIN}/goniec", "provision", "--config", config], capture_output=True, text=True,
                              timeout=60, check=False)
        if done.returncode != 0:
            raise AssertionError(f"provision: {done.stdout}{done.stderr}")
        return done.stdout

    def start_sink(self, script=None, discard=False, contents=True, host="127.0.0.1"):
        """`discard`: neither log nor contents are kept. Without `contents` only the log is. `host`: it listens there."""
        part = self.parts.get("sink")
        if part:
            return part.start()
        self.sink_log = os.path.join(self.folder, "sink.jsonl")
        self.maildir = os.path.join(self.folder, "mail")
        os.makedirs(self.maildir, exist_ok=True)
        args = [f"{BIN}/goniec-sink", "--listen", f"{host}:{self.sink_port}", "--log", self.sink_log]
        if discard:
            args += ["--discard"]
        elif contents:
            args += ["--maildir", self.maildir]
        if script is not None:
            args += ["--script", self._write("sink.yaml", script)]
        part = self._add("sink", args + self.sink_args)
        wait_until(lambda: can_connect(self.sink_port), what="the sink")
        return part

    def inbound_config(self):
        return self._write("inbound.yaml", _merge({
            "hostname": "mx.goniec.test",
            "smtp": {"listen": [f"127.0.0.1:{self.smtp_port}"]},
            "http": {"listen": f"127.0.0.1:{self.inbound_http}"},
            "relay": {"trusted_networks": ["127.0.0.1/32"]},
            "queue": self.queue,
            "log": {"format": "json"},
        }, self.inbound_more))

    def start_inbound(self, ready=True, env=None):
        part = self.parts.get("inbound")
        part = part.start() if part else self._add(
            "inbound", [f"{BIN}/goniec-inbound", "--config", self.inbound_config()], env)
        if ready:
            self.wait_ready(self.inbound_http, part)
        return part

    def outbound_config(self, name, http_port, api_port):
        routes = {"*": {"smart_host": f"127.0.0.1:{self.sink_port}"}} if self.routed_to_sink else {}
        return self._write(f"{name}.yaml", _merge({
            "hostname": "out.goniec.test",
            "http": {"listen": f"127.0.0.1:{http_port}"},
            "api": {"listen": f"127.0.0.1:{api_port}"},
            "delivery": {"routes": routes, "failed_site_pause": "200ms"},
            "retry": {"first_delay": "500ms", "max_delay": "2s", "not_tried_delay": "200ms"},
            "queue": self.queue,
            "log": {"format": "json"},
        }, self.outbound_more))

    def start_outbound(self, name="outbound", ready=True, env=None):
        part = self.parts.get(name)
        if part:
            part.start()
        else:
            http_port, api_port = free_port(), free_port()
            part = self._add(name, [f"{BIN}/goniec-outbound", "--config",
                                    self.outbound_config(name, http_port, api_port)], env)
            part.http_port, part.api_port = http_port, api_port
            self.workers.append(part)
        if ready:
            self.wait_ready(part.http_port, part)
        return part

    def start(self, workers=1, script=None):
        """All of it, in order."""
        self.start_nats()
        self.provision()
        self.start_sink(script)
        self.start_inbound()
        for n in range(workers):
            self.start_outbound("outbound" if n == 0 else f"outbound{n + 1}")
        return self

    def wait_ready(self, port, part=None, seconds=30):
        def ready():
            if part is not None and not part.alive():
                raise AssertionError(f"{part.name} has ended:\n{part.tail()}")
            return http(f"http://127.0.0.1:{port}/readyz")[0] == 200
        wait_until(ready, seconds, f"{part.name if part else port} ready")

    # What is in it.

    def received(self):
        """The sink's log: a dict for each message that it took."""
        if not os.path.exists(self.sink_log):
            return []
        entries = []
        with open(self.sink_log) as log:
            for line in log:
                if line.endswith("\n"):
                    entries.append(json.loads(line))
        return [entry for entry in entries if "sha256" in entry]

    def get(self, message_id, worker=None):
        """GetMessage by the command line; None if it is not found."""
        worker = worker or self.workers[0]
        done = subprocess.run([f"{BIN}/goniec", "get", "--api", f"127.0.0.1:{worker.api_port}", "--json", message_id],
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout)
        if "NOT_FOUND" in done.stderr or "not found" in done.stderr.lower():
            return None
        raise AssertionError(f"goniec get: {done.stderr}")

    def states(self, message_id, worker=None):
        message = self.get(message_id, worker)
        return [recipient["state"] for recipient in message["recipients"]] if message else None

    def api(self, worker=None):
        """A gRPC stub of MailService at one worker."""
        import grpc
        from goniec.v1 import mail_service_pb2_grpc
        worker = worker or self.workers[0]
        if not hasattr(worker, "stub"):
            worker.channel = grpc.insecure_channel(f"127.0.0.1:{worker.api_port}",
                                                   options=[("grpc.enable_http_proxy", 0),
                                                            ("grpc.max_reconnect_backoff_ms", 1000)])
            worker.stub = mail_service_pb2_grpc.MailServiceStub(worker.channel)
        return worker.stub

    def api_states(self, message_id, worker=None):
        """The recipients' states by GetMessage; None if it is not found, [] if nobody could say."""
        import grpc
        from goniec.v1 import mail_service_pb2 as pb
        try:
            message = self.api(worker).GetMessage(pb.GetMessageRequest(message_id=message_id), timeout=30)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return None
            return []
        return [pb.RecipientStatus.State.Name(r.state) for r in message.recipients]

    def smtp(self, **more):
        return smtplib.SMTP("127.0.0.1", self.smtp_port, local_hostname="client.test", timeout=60, **more)

    def log_lines(self, text):
        """The lines of all logs that contain it, each with the name of its process."""
        return "\n".join(f"{name}: {line}" for name, part in self.parts.items()
                         for line in part.log().splitlines() if text in line)

    def streams(self):
        """The state of each stream as nats-server's monitoring shows it, by name."""
        shown = json.loads(http(f"http://127.0.0.1:{self.monitor_port}/jsz?accounts=true&streams=true")[1])
        return {stream["name"]: stream["state"]
                for account in shown["account_details"] for stream in account["stream_detail"]}

    def _stream(self, name):
        return self.streams()[name]

    def stored_now(self, stream):
        """How many messages a stream holds."""
        return self._stream(stream)["messages"]

    def queued(self):
        """Messages in READY, WAIT and HELD: 0 when all mail has ended."""
        return sum(self.stored_now(f"{stream}_{lane}") for lane in range(self.queue.get("lanes", 1))
                   for stream in ("READY", "WAIT", "HELD"))

    def at_rest(self, most):
        """Whether all that READY_0 holds is in the hands of workers, and these have no more than `most` mails: the rest
        has ended or lies in WAIT or HELD."""
        in_hand = sum(self.metric(worker.http_port, "goniec_mails_in_hand") for worker in self.workers if worker.alive())
        return in_hand <= most and self.stored_now("READY_0") <= in_hand

    def stored_ever(self, stream):
        """How many messages were ever stored in a stream."""
        return self._stream(stream)["last_seq"]

    def audit_report(self):
        """What `goniec audit` says of all mail however young."""
        config = self.outbound_config("audit", free_port(), free_port())
        done = subprocess.run([f"{BIN}/goniec", "audit", "--config", config, "--age", "0", "--json"], capture_output=True,
                              text=True, timeout=120, check=False)
        if not done.stdout.startswith("{"):
            raise AssertionError(f"audit: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def audit(self, second_ends=0):
        """Fails if something is unaccounted for, or more ended twice than may have (a mail delivered twice at a fault)."""
        report = self.audit_report()
        if report["second_terminals"] > second_ends or report["unaccounted"] or report["missing_records"]:
            raise AssertionError(f"audit: {report}")
        return report

    def metric(self, port, name):
        total = 0.0
        for line in http(f"http://127.0.0.1:{port}/metrics")[1].splitlines():
            if line.startswith(name) and line[len(name):len(name) + 1] in ("{", " "):
                total += float(line.rsplit(" ", 1)[1])
        return total


def _merge(base, more):
    merged = dict(base)
    for key, value in more.items():
        merged[key] = _merge(merged[key], value) if isinstance(value, dict) and isinstance(merged.get(key), dict) else value
    return merged


def unread(port):
    """Octets that the kernel keeps of what came for the server at this port and was not read."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return sum(int(row[4].split(":")[1], 16) for row in rows if int(row[1].split(":")[1], 16) == port and row[3] == "01")


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def message_id_of(reply):
    """The id in the text of a 250: '2.0.0 queued as <id>'."""
    text = reply.decode() if isinstance(reply, bytes) else reply
    for word in text.replace("<", " ").replace(">", " ").split():
        if len(word) == 26 and word.isalnum():
            return word.lower()
    raise AssertionError(f"no id in {text!r}")


def send(client, sender, recipients, message):
    """One transaction; the message id of its 250. Raises smtplib.SMTPResponseException for any other reply."""
    code, text = client.mail(sender)
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)
    for recipient in recipients:
        code, text = client.rcpt(recipient)
        if code != 250:
            raise smtplib.SMTPResponseException(code, text)
    code, text = client.data(message)
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)
    return message_id_of(text)
