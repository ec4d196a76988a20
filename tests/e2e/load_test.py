"""goniec-load against a whole Goniec, by SMTP and by the API: what it counts as accepted is what arrives."""

import hashlib
import json
import os
import subprocess
import sys
import unittest

from system import BIN, System, free_port, wait_until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../bench"))

TOKEN = "load-token"


def goniec_load(protocol, port, *flags, env=None):
    """Status, result (None if it printed none) and what it said on standard error."""
    done = subprocess.run([f"{BIN}/goniec-load", protocol, f"127.0.0.1:{port}", "--json", *flags], capture_output=True,
                          text=True, timeout=60, check=False, env={**os.environ, **(env or {})})
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


class LoadTest(unittest.TestCase):
    def system(self, tokens=False):
        tokens = [{"sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "tenant": "load",
                   "sender_domains": ["source.test"]}] if tokens else []
        system = System(outbound={"api": {"tokens": tokens}} if tokens else None)
        self.addCleanup(system.__exit__, None, None, None)
        return system.start()

    def arrived(self, system, mails):
        """So many mails, each another one."""
        wait_until(lambda: len(system.received()) >= mails, 60, f"{mails} mails at the sink")
        entries = system.received()
        self.assertEqual((len(entries), len({entry["sha256"] for entry in entries})), (mails, mails))
        return entries

    def test_mail_by_smtp_arrives_and_is_counted(self):
        system = self.system()
        status, found, problem = goniec_load("smtp", system.smtp_port, "--mails", "200", "--senders", "3")
        self.assertEqual((status, problem), (0, ""))
        self.assertEqual((found["accepted"], found["connections"]), (200, 200))
        status, found, problem = goniec_load("smtp", system.smtp_port, "--mails", "100", "--rate", "200",
                                             "--mails-per-connection", "0")
        self.assertEqual((status, problem, found["accepted"]), (0, "", 100))
        entries = self.arrived(system, 300)
        self.assertEqual({entry["mail_from"] for entry in entries},
                         {"sender@source.test", *(f"sender{n}@source.test" for n in (1, 2, 3))})

    def test_mail_by_the_api_arrives_and_is_counted(self):
        system = self.system(tokens=True)
        port = system.workers[0].api_port
        token = os.path.join(system.folder, "token")
        with open(token, "w") as file:
            file.write(TOKEN + "\n")
        status, found, problem = goniec_load("grpc", port, "--mails", "200", "--sessions", "10", "--connections", "2",
                                             "--token-file", token)
        self.assertEqual((status, problem), (0, ""))
        self.assertEqual((found["protocol"], found["accepted"], found["connections"]), ("grpc", 200, 2))
        self.assertGreater(found["latency_ms"]["p50"], 0)
        status, found, problem = goniec_load("grpc", port, "--seconds", "1", "--rate", "100", "--recipients", "2",
                                             env={"GONIEC_TOKEN": TOKEN})
        self.assertEqual((status, problem, found["accepted"]), (0, "", 100))
        self.arrived(system, 300)

    def test_the_api_refuses_with_its_words(self):
        system = self.system(tokens=True)
        port = system.workers[0].api_port
        status, found, problem = goniec_load("grpc", port, "--mails", "5", env={"GONIEC_TOKEN": ""})
        self.assertEqual((status, found), (1, None))
        self.assertRegex(problem, r"^goniec-load: no answer of the API at [^\n]*token[^\n]*\n$")
        status, found, problem = goniec_load("grpc", port, "--mails", "5", "--from", "a@other.test",
                                             env={"GONIEC_TOKEN": TOKEN})
        self.assertEqual((status, found["accepted"], found["refused"], found["lost"]), (1, 0, 5, 0))
        self.assertRegex(problem, r"^goniec-load: 5 of 5 mails were refused, the first: SendMessage: [^\n]+\n$")

    def test_an_api_that_goes_away_ends_the_run(self):
        system = self.system()
        worker = system.workers[0]
        with subprocess.Popen([f"{BIN}/goniec-load", "grpc", f"127.0.0.1:{worker.api_port}", "--mails", "100000000"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
            self.addCleanup(run.kill)
            wait_until(system.received, what="a mail at the sink")
            worker.kill()
            _, problem = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 1)
        self.assertRegex(problem, r"^goniec-load: given up: 100 mails in a row were lost, the last: [^\n]+\n$")

    def test_a_bench_ends_at_a_mail_that_is_refused(self):
        from load_client import load
        system = System()
        self.addCleanup(system.__exit__, None, None, None)
        system.start_sink({"rules": [{"on": "dot", "nth": 7, "reply": "452 4.3.1 no room"}]})
        with self.assertRaisesRegex(SystemExit, "1 of 20 mails were refused, the first: .*: 452 4.3.1 no room$"):
            load(system.sink_port, "--mails", "20", sessions=2)
        self.assertEqual(load(system.sink_port, "--mails", "20", sessions=2)["accepted"], 20)

    def sink(self, *rules):
        system = System()
        self.addCleanup(system.__exit__, None, None, None)
        system.start_sink({"rules": list(rules)}, discard=True)
        return system.sink_port

    def test_a_rate_is_kept_or_the_server_was_too_busy_for_it(self):
        from load_client import load_at
        found, why = load_at(self.sink(), 100, 1, sessions=20)
        self.assertEqual((found["in_time"], why), (100, None))
        # At most a mail each 30 ms, and 1.5 s.
        found, why = load_at(self.sink({"on": "dot", "wait": "30ms"}), 100, 1, sessions=1)
        self.assertIsNone(found)
        self.assertRegex(why, r"^[1-5]\d of 100 mails were accepted within 1 s and 0.5 s$")
        busy = {"on": "connect", "nth": 3, "reply": "421 4.7.0 Error: too many connections from you"}
        found, why = load_at(self.sink(busy), 100, 1, sessions=20)
        self.assertIsNone(found)
        self.assertEqual(why, "1 of 100 mails: the connection: 421 4.7.0 Error: too many connections from you")
        found, why = load_at(self.sink({"on": "dot", "nth": 3, "then": "stall"}), 20, 1, "--timeout", "1", sessions=20)
        self.assertIsNone(found)
        self.assertEqual(why, "1 of 20 mails: no answer to the end of the content: silence for 1 s")

    def test_whatever_else_goes_wrong_at_a_rate_ends_the_bench(self):
        from load_client import load_at
        cases = {
            "452 4.3.1 no room$": {"on": "dot", "nth": 3, "reply": "452 4.3.1 no room"},
            "554 5.7.1 no$": {"on": "rcpt", "nth": 3, "reply": "554 5.7.1 no"},
            "the server closed the connection$": {"on": "data", "nth": 3, "then": "close"},
        }
        for problem, rule in cases.items():
            with self.subTest(problem), self.assertRaisesRegex(SystemExit, "^bench: .*goniec-load: 1 of 20 .*" + problem):
                load_at(self.sink(rule), 20, 1, sessions=20)
        with self.assertRaisesRegex(SystemExit, "Connection refused$"):
            load_at(free_port(), 20, 1, sessions=20)


if __name__ == "__main__":
    unittest.main()
