"""A disk whose power can be cut: tests/support/powercut mounted by a test. What is durable when stands in its volume.h.

The mounts live in a mount namespace of the test's own (prepare), so that they end with its last process, however that
ends.
"""

import ctypes
import os
import subprocess

from system import BIN, Part, wait_until

MOUNT = os.environ.get("GONIEC_POWERCUT_MOUNT", f"{BIN}/powercut-mount")

_CLONE_NEWNS = 0x20000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_MNT_DETACH = 2
_ATTRIBUTE = "user.power"
_libc = ctypes.CDLL(None, use_errno=True)


def prepare():
    """Mounts of this process and of those that it starts from now on are seen by nobody else and end with them. Call it
    before the first thread. Returns why there can be no such disk here; None if there can be one."""
    if os.geteuid() != 0:
        return "mounting a file system needs root"
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        return f"no use of /dev/fuse: {error.strerror}"
    if not os.path.exists(MOUNT):
        return f"{MOUNT} was not built: libfuse3-dev was missing"
    try:
        _check(_libc.unshare(_CLONE_NEWNS), "unshare")
        _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "private mounts")
    except PermissionError as error:
        return f"mounting a file system is not allowed here ({error.strerror})"
    return None


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


class Disk:
    """Mounted at `path`; what is durable lies in `backing`, between the mounts."""

    def __init__(self, path, folder):
        self.path, self.backing = path, os.path.join(folder, "backing")
        os.makedirs(self.path, exist_ok=True)
        os.makedirs(self.backing, exist_ok=True)
        # libfuse does not free its mount options.
        self.part = Part("disk", [MOUNT, self.backing, self.path], folder, {"LSAN_OPTIONS": "detect_leaks=0"})

    def mount(self):
        self.part.start()

        def mounted():
            if not self.part.alive():
                raise AssertionError(f"powercut-mount has ended:\n{self.part.tail()}")
            return os.path.ismount(self.path)
        wait_until(mounted, what="the disk")

    def sync(self):
        """Everything written so far is durable."""
        os.setxattr(self.path, _ATTRIBUTE, b"sync")

    def cut(self, seed=None):
        """The power goes: what was not durable is gone, up to what chance (seed) lets survive, and every operation
        fails. Says what there was to lose."""
        os.setxattr(self.path, _ATTRIBUTE, b"cut" if seed is None else f"cut {seed}".encode())
        counters = os.getxattr(self.path, _ATTRIBUTE).decode()
        return {name: int(value) for name, value in (word.split("=") for word in counters.split())}

    def restore(self):
        """The power is back. Nobody may have a file open from before."""
        self.unmount()
        self.mount()

    def unmount(self):
        """In good order if the power is on: then everything is durable."""
        if not os.path.ismount(self.path):
            return
        _check(_libc.umount2(self.path.encode(), _MNT_DETACH), "umount")
        try:
            code = self.part.process.wait(20)
        except subprocess.TimeoutExpired:
            self.part.kill()
            raise
        if code != 0:
            raise AssertionError(f"powercut-mount ended with {code}:\n{self.part.tail()}")
