"""What the trials of delivery (neighbour, deliver, outage, memory) have in common."""

import argparse
import json
import os
import signal

from load_client import LOAD, load, need_programs
from system import BIN, System

SERVICES = [os.path.join(BIN, name) for name in ("goniec", "goniec-inbound", "goniec-outbound")]
SINK = os.path.join(BIN, "goniec-sink")

# The services' own defaults where the tests' System is more hasty.
SHIPPED = {
    "delivery": {"failed_site_pause": "30s"},
    "retry": {"first_delay": "5m", "max_delay": "4h", "not_tried_delay": "1m"},
    "log": {"level": "info"},
}


def merged(base, more):
    """Of two configurations, the second one counting."""
    both = dict(base)
    for key, value in more.items():
        both[key] = merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


def system(routes=None, capacity_gib=4, **outbound):
    """With the services' defaults; `routes`: domain -> port."""
    routes = {domain: {"smart_host": f"127.0.0.1:{port}"} for domain, port in (routes or {}).items()}
    return System(queue={"capacity": f"{capacity_gib}GiB", "ack_wait": "20s"},
                  inbound={"log": {"level": "warn"}, "smtp": {"max_connections_per_client": 5_000}},
                  outbound=merged(merged(SHIPPED, {"delivery": {"routes": routes}}), outbound),
                  file_store=f"{2 * capacity_gib}GB")


def fill(port, mails, size, to="recipient@sink.test", sessions=100):
    """Mails that inbound accepts from goniec-load, which ends if it does not."""
    return load(port, "--mails", str(mails), "--mails-per-connection", "0", "--to", to,
                sessions=sessions, seconds=120 + mails // 200, size=size)


class Parser(argparse.ArgumentParser):
    """`name`: of the bench, as in ./dev bench NAME."""

    def __init__(self, name, text):
        super().__init__(prog=f"./dev bench {name}", description=text,
                         formatter_class=argparse.RawDescriptionHelpFormatter)
        self.name = name
        self.numbers = []
        self.add_argument("--json", action="store_true", help="one object a line")

    def number(self, flag, default, text, least=1):
        self.numbers.append((flag, least))
        self.add_argument(flag, type=int, default=default, help=f"{text} ({default})")

    def error(self, message):
        self.exit(2, f"bench: {message}; try ./dev bench {self.name} --help\n")

    def parsed(self):
        arguments = self.parse_args()
        for flag, least in self.numbers:
            if getattr(arguments, flag[2:].replace("-", "_")) < least:
                self.error(f"{flag} must be at least {least}")
        return arguments


def check(*programs, root=False):
    """Before anything is started."""
    need_programs([LOAD, *SERVICES, *programs])
    if root and os.geteuid() != 0:
        raise SystemExit("bench: Postfix, the peer, must be started by root; run: sudo ./dev bench")


_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def _ended(number, _):
    """By way of all that closes what was started, which a second signal must not interrupt."""
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def run(main):
    """`main`, ended by a signal or by what did not happen in one line."""
    for number in _SIGNALS:
        signal.signal(number, _ended)
    try:
        main()
    except AssertionError as problem:
        raise SystemExit(f"bench: {problem}") from problem
    except KeyboardInterrupt as signalled:
        raise SystemExit(128 + signalled.args[0]) from None


class Rows:
    """Lines of a name, a value and a unit, and what is wanted of it; or a JSON object each."""

    def __init__(self, as_json):
        self.as_json = as_json

    def row(self, name, value, unit, peer=None, most=None, least=None):
        """`peer`: Postfix's value. `most`, `least`: what is wanted of the value, or of its ratio to the peer's."""
        ratio = value / peer if peer else None
        judged = value if ratio is None else ratio
        missed = (most is not None and judged > most) or (least is not None and judged < least)
        if self.as_json:
            told = {"name": name, "value": round(value, 2), "unit": unit}
            told |= {key: round(each, 2) for key, each in
                     (("peer_value", peer), ("ratio", ratio), ("most", most), ("least", least)) if each is not None}
            print(json.dumps(told), flush=True)
            return
        text = f"{name:<40}{value:>12.2f} {unit:<10}"
        if peer is not None:
            text += f"Postfix {peer:.2f}, ratio {ratio or 0:.2f}"
        if most is not None or least is not None:
            text += f"  wanted: {'at most' if most is not None else 'at least'} {most if most is not None else least:g}"
        print(text + ("  MISSED" if missed else ""), flush=True)

    def note(self, text):
        if self.as_json:
            print(json.dumps({"note": text}), flush=True)
        else:
            print(f"  {text}", flush=True)
