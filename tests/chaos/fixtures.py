"""What the faults work with: clocks that can be set, and a store that can be filled."""

import mmap
import os
import struct

from jetstream import Streams
from system import BIN

_JUMP = os.path.join(os.path.dirname(BIN), "lib/clock_jump.so")


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
