"""A plain TCP proxy on the loopback: a link that can be cut, stand still, or be slow. It knows nothing of what it
carries (nats_proxy.py does)."""

import socket
import threading
import time

from system import free_port


class TcpProxy:
    """Listens at `port` (a free one by default) for the server at `target_port`."""

    def __init__(self, target_port, port=None):
        self.target_port, self.port = target_port, port or free_port()
        self.delay = 0.0  # seconds that each piece of data takes, in either direction
        self.closed = self.refusing = False
        self.flow = threading.Event()  # cleared: nothing goes through
        self.flow.set()
        self.lock = threading.Lock()
        self.sockets = set()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def cut(self):
        """Ends all connections and lets no new one through, until go_on."""
        self.refusing = True
        with self.lock:
            sockets = list(self.sockets)
        for each in sockets:
            _shut(each)

    def stand_still(self):
        """Nothing goes through, nothing is lost, until go_on."""
        self.flow.clear()

    def slow(self, seconds):
        self.delay = seconds

    def go_on(self):
        self.refusing, self.delay = False, 0.0
        self.flow.set()

    def close(self):
        self.closed = True
        self.listener.close()
        self.flow.set()
        self.cut()

    def _accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                client.close()
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.sockets |= {client, server}
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, target):
        try:
            while data := source.recv(1 << 16):
                self.flow.wait()
                if self.delay:
                    time.sleep(self.delay)
                target.sendall(data)
        except OSError:
            pass
        _shut(source)
        _shut(target)
        with self.lock:
            self.sockets.discard(source)
            last = target not in self.sockets
        if last:  # the other direction has ended too
            source.close()
            target.close()


def _shut(each):
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
