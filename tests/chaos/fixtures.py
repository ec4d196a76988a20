"""What the faults work with: one nats-server or three, links, clocks that can be set, a store that can be filled."""

import mmap
import os
import struct

from cluster import Cluster
from jetstream import Streams
from system import BIN, System
from tcp_proxy import TcpProxy

_JUMP = os.path.join(os.path.dirname(BIN), "lib/clock_jump.so")


class Links:
    """All ways of one part to the nats-servers, or of a nats-server to the others."""

    def __init__(self, proxies):
        self.proxies = proxies

    @property
    def urls(self):
        return [proxy.url for proxy in self.proxies]

    def __getattr__(self, name):
        def each(*arguments):
            for proxy in self.proxies:
                getattr(proxy, name)(*arguments)
        return each


class OneServer:
    """A nats-server alone, and what follows from that."""

    ACK_WAIT = 3  # seconds
    SETTLES = 0  # for how long a fault of a server is felt after its end
    EVERY = 2  # seconds between faults, on average
    WITHOUT = {("cut", "nats"), ("standstill", "nats")}
    brokers = ["nats"]

    def __init__(self, **options):
        self.system = System(**options)

    @property
    def ports(self):
        return [self.system.nats_port]

    def links(self):
        return {}

    def start(self, broker):
        self.system.start_nats()

    def wait_healthy(self):
        pass  # it is, once it has started


class ThreeServers:
    """All streams on three. An election takes 4 to 9 seconds, so leases are longer and faults rarer."""

    ACK_WAIT = 12
    SETTLES = 15
    EVERY = 4
    WITHOUT = {("full", "nats")}
    brokers = ["nats-n0", "nats-n1", "nats-n2"]

    def __init__(self, **options):
        self.system = Cluster(**options)

    @property
    def ports(self):
        return [node.port for node in self.system.nodes]

    def links(self):
        return {broker: Links([link for pair, link in self.system.links.items() if number in pair])
                for number, broker in enumerate(self.brokers)}

    def start(self, broker):
        self.system.start_node(self.brokers.index(broker))

    def wait_healthy(self):
        self.system.wait_healthy()


def links_to(ports):
    return Links([TcpProxy(port) for port in ports])


class Clocks:
    """The wall clocks of the services, each with an offset of its own (tests/support/clock_jump)."""

    def __init__(self, folder):
        self.folder, self.maps = folder, {}

    def environment(self, name):
        path = os.path.join(self.folder, f"{name}.clock")
        with open(path, "wb") as file:
            file.write(struct.pack("q", 0))
        with open(path, "r+b") as file:
            self.maps[name] = mmap.mmap(file.fileno(), 8)
        return {"LD_PRELOAD": os.path.abspath(_JUMP), "GONIEC_CLOCK_FILE": path}

    def set(self, name, seconds):
        self.maps[name][:] = struct.pack("q", int(seconds * 1e9))


class Filler:
    """Something else in the store: chunks of a body that no mail has, up to above the mark at which acceptance stops."""

    CHUNK = 512 << 10
    LEVEL = 0.85  # of the capacity

    def __init__(self, system, capacity):
        self.system, self.capacity = system, capacity

    def fill(self):
        with Streams(self.system.nats_port) as streams:
            stored = sum(streams.state(name)["bytes"] for name in streams.names(""))
            missing = max(0, int(self.capacity * self.LEVEL) - stored)
            streams.publish([f"body.chaos.{n}" for n in range(missing // self.CHUNK)], b"x" * self.CHUNK)

    def empty(self):
        with Streams(self.system.nats_port) as streams:
            streams.purge("BODIES", "body.chaos.*")
