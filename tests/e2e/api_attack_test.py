"""What callers can do to the API, with and without a token, and what they cannot: take delivery along, or more memory
than was reserved for them. Delivery and API are processes of their own, as ./dev up and k8s/base run them.

The limits are counted, not weighed: a sanitizer's memory is not the program's.
"""

import hashlib
import resource
import socket
import time
import unittest

from http2 import DATA, END_STREAM, NO_WINDOW, PING, PREFACE, RST_STREAM, SETTINGS, Http2, frame, message_prefix
from system import BIN, System, free_port, http, send, unread, wait_until

TOKEN = "a-token"
MESSAGE = b"From: a@sender.test\r\nTo: b@first.test\r\nSubject: hello\r\n\r\nhello\r\n"


def resident(part):
    """MiB of a process, now and at most."""
    with open(f"/proc/{part.process.pid}/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return tuple(int(lines[key].split()[0]) >> 10 for key in ("VmRSS", "VmHWM"))


class ApiAttackTest(unittest.TestCase):
    API = {}

    def setUp(self):
        self.system = self.enterContext(System())
        self.system.start_nats()
        self.system.provision()
        self.system.start_sink()
        self.system.start_inbound()
        self.system.outbound_more = {"roles": ["deliver", "tend"]}
        self.delivery = self.system.start_outbound("delivery")
        self.system.outbound_more = {"roles": ["api"], "api": {"tokens": [
            self.token(TOKEN, "default")]}}

    @staticmethod
    def token(token, tenant):
        return {"sha256": hashlib.sha256(token.encode()).hexdigest(), "tenant": tenant, "sender_domains": ["*"]}

    def start_api(self, **more):
        self.system.outbound_more["api"].update(more)
        self.api = self.system.start_outbound("api")

    def counted(self, name):
        return self.system.metric(self.api.http_port, name)

    def calls(self):
        return self.counted("goniec_api_calls_total")

    def delivers(self):
        """A mail by SMTP arrives."""
        before = len(self.system.received())
        with self.system.smtp() as client:
            client.ehlo()
            send(client, "a@sender.test", ["b@first.test"], MESSAGE)
        wait_until(lambda: len(self.system.received()) > before, 30, "delivery goes on")

    def accepts(self):
        """A mail by the API, from a client of the usual kind; None if it is refused."""
        import grpc
        from goniec.v1 import mail_service_pb2 as pb
        try:
            return self.system.api(self.api).SendMessage(pb.SendMessageRequest(composed=pb.ComposedMessage(
                **{"from": pb.Address(address="a@sender.test")}, to=[pb.Address(address="b@first.test")], text="x")),
                metadata=[("authorization", f"Bearer {TOKEN}")], timeout=30).message.message_id
        except grpc.RpcError:
            return None

    def close_clients(self):
        """The next call is by a connection of its own."""
        self.api.channel.close()
        del self.api.stub

    def api_log_has(self, text):
        return text in self.api.log()

    def connect(self, **more):
        connection = Http2(self.api.api_port, **more)
        self.addCleanup(connection.close)
        return connection

    def figures(self, when):
        print(f"{when}: API {resident(self.api)} MiB now and at most, delivery {resident(self.delivery)}", flush=True)

    def test_requests_without_a_token_are_not_read(self):
        self.start_api()
        self.figures("before")
        connections = [self.connect() for _ in range(4)]
        streams = []
        for connection in connections:
            for _ in range(15):
                # 25 MiB are announced, and what the first window takes is sent.
                streams.append((connection, connection.call(message_prefix(25 << 20) + bytes(1000))))
        wait_until(lambda: all(stream in connection.ended for connection, stream in streams), 30, "all are refused")
        self.assertEqual(self.counted("goniec_api_in_flight_bytes"), 0)
        for connection, stream in streams:
            self.assertNotIn(stream, connection.windows, "the server wants more of a request that it has refused")
        self.assertIn('code="UNAUTHENTICATED",rpc="SendMessage"} 60', http(
            f"http://127.0.0.1:{self.api.http_port}/metrics")[1])
        self.delivers()
        self.assertTrue(self.accepts())
        self.figures("60 streams without a token")

    def test_a_client_that_ignores_the_window_is_cut(self):
        self.start_api()
        connection = self.connect(path="/grpc.health.v1.Health/Check")
        stream = connection.call(message_prefix(25 << 20))
        sent = 0
        while not connection.closed and sent < 25 << 20:
            connection.send(frame(DATA, 0, stream, bytes(16384)))
            sent += 16384
        wait_until(lambda: connection.closed, 30, "cut")
        self.assertEqual(self.counted("goniec_api_connections_cut_total"), 1)
        self.assertTrue(self.accepts())
        self.figures("25 MiB to the health service")

    def test_memory_is_reserved_before_a_request_is_read(self):
        """Those that do not fit are refused while they are announced only."""
        self.start_api(max_in_flight="192MiB")
        connection = self.connect(token=TOKEN)
        first = connection.call(message_prefix(25 << 20) + bytes(1000))
        # gRPC grants a MiB at a time.
        wait_until(lambda: connection.windows.get(first, 0) > 1 << 19, 30, "the first may send")
        held = self.counted("goniec_api_in_flight_bytes")
        self.assertGreater(held, 25 << 20)
        others = [connection.call(message_prefix(25 << 20) + bytes(1000)) for _ in range(20)]
        wait_until(lambda: all(stream in connection.ended for stream in others), 30, "the others are refused")
        self.assertEqual(self.counted("goniec_api_in_flight_bytes"), held)
        # Small ones find room.
        self.assertTrue(self.accepts())
        connection.send(frame(RST_STREAM, 0, first, bytes(4)))
        wait_until(lambda: self.counted("goniec_api_in_flight_bytes") == 0, 30, "given back")
        self.delivers()

    def test_streams_that_are_opened_and_reset_run_out_of_allowance(self):
        self.start_api()
        self.figures("before")
        connection = self.connect()
        begun = time.monotonic()
        sent = 0
        while time.monotonic() - begun < 5 and not connection.closed:
            batch = b""
            for _ in range(200):
                stream, begin = connection.headers()
                batch += begin + frame(RST_STREAM, 0, stream, bytes([0, 0, 0, 8]))
            connection.socket.settimeout(1)
            if not connection.send(batch):
                break
            sent += 200
        took = time.monotonic() - begun
        calls = self.calls()
        # 100 at once and 50 a second; what lies in one read comes in one go.
        self.assertLess(calls, 100 + 50 * (took + 5) + 400)
        self.delivers()
        self.assertTrue(self.accepts())
        self.figures(f"{sent} streams sent within {took:.1f} s, {calls:.0f} of them came to gRPC")

    def test_more_streams_than_allowed_end_the_connection(self):
        self.start_api()
        connection = self.connect(token=TOKEN)
        for _ in range(101):
            connection.call()
        wait_until(lambda: connection.closed, 30, "cut")
        self.assertTrue(self.accepts())
        wait_until(lambda: self.counted("goniec_api_calls") == 0, 30, "its calls have ended")

    def test_a_request_that_does_not_come_ends(self):
        self.start_api(request_timeout="1s")
        connection = self.connect(token=TOKEN)
        silent = connection.call()
        halfway = connection.call(message_prefix(1000) + bytes(10))
        wait_until(lambda: {silent, halfway} <= connection.ended, 30, "both have ended")
        wait_until(lambda: self.counted("goniec_api_in_flight_bytes") == 0, 30, "given back")

    def test_calls_that_nobody_admits_keep_no_connection(self):
        """Neither those that need no token and last, nor those that say nothing, nor those of strangers."""
        self.start_api(connections=2)
        for kind, path, begun in (
                ("health watches", "/grpc.health.v1.Health/Watch", message_prefix(0)),
                ("silent health checks", "/grpc.health.v1.Health/Check", b""),
                ("reflection", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", b""),
                ("silent calls", "/goniec.v1.MailService/SendMessage", b"")):
            before = self.counted("goniec_api_connections_cut_total")
            lasting = [self.connect(path=path, token=TOKEN) for _ in range(2)]
            for connection in lasting:
                connection.call(begun)
                connection.send(frame(PING, 0, 0, bytes(8)))
            wait_until(lambda: all(connection.pings for connection in lasting), 30, "gRPC has their calls")
            self.assertTrue(self.accepts(), kind)
            self.assertEqual(self.counted("goniec_api_connections_cut_total"), before + 1, kind)
            wait_until(lambda: any(connection.closed for connection in lasting), 30, "one made room")
            self.close_clients()
            for connection in lasting:
                connection.close()
            wait_until(lambda: self.counted("goniec_api_connections") == 0, 30, "all have gone")
        self.assertFalse(self.api_log_has("connection refused"))
        self.assertIn('goniec_api_connections_cut_total{why="silent"} 4', http(
            f"http://127.0.0.1:{self.api.http_port}/metrics")[1])

    def test_a_connection_with_a_call_makes_no_room(self):
        self.start_api(connections=2)
        busy = [self.connect(token=TOKEN) for _ in range(2)]
        calls = [connection.call(message_prefix(1000) + bytes(10)) for connection in busy]
        wait_until(lambda: self.counted("goniec_api_in_flight_bytes") > 2 * 64 << 10, 30, "both are admitted")
        self.assertIsNone(self.accepts())
        wait_until(lambda: self.api_log_has("api.connections"), 30, "the log says which limit")
        self.assertEqual(self.counted("goniec_api_connections_cut_total"), 0)
        for connection, stream in zip(busy, calls):
            self.assertNotIn(stream, connection.ended)

    def test_a_client_has_a_part_of_the_connections(self):
        self.start_api(connections_per_client=2)
        own = [self.connect() for _ in range(2)]
        wait_until(lambda: self.counted("goniec_api_connections") == 2, 30, "both are open")
        third = self.connect()
        wait_until(lambda: third.closed, 30, "turned away")
        self.assertIn('goniec_api_connections_refused_total{limit="client"} 1', http(
            f"http://127.0.0.1:{self.api.http_port}/metrics")[1])
        other = self.connect(source="127.0.0.2")
        other.send(frame(PING, 0, 0, bytes(8)))
        wait_until(lambda: other.pings, 30, "who comes from elsewhere is served")
        self.assertFalse(any(connection.closed for connection in own))

    def test_calls_that_nobody_admits_are_bounded(self):
        """1,004 of them; whose are the oldest is cut."""
        # A call keeps its place until its end has been told: one that follows at once needs another.
        self.start_api(max_calls=4)
        watching = []
        for _ in range(15):
            watching.append(self.connect(path="/grpc.health.v1.Health/Watch"))
            streams = [watching[-1].call(message_prefix(0)) for _ in range(100)]
            wait_until(lambda c=watching[-1], s=streams: c.closed or c.answered >= set(s), 30, "all are open")
            self.assertTrue(self.accepts())
        wait_until(lambda: sum(connection.closed for connection in watching) >= 5, 30, "some are cut")
        self.assertLessEqual(sum(len(c.answered - c.ended) for c in watching if not c.closed), 1004)
        self.assertFalse(watching[-1].closed)
        self.assertTrue(watching[0].closed)

    def test_answers_that_are_not_taken_keep_their_places(self):
        """A client that grants no window for them has as many calls as its tenant may hold, and harms nobody."""
        self.system.outbound_more["api"]["tokens"].append(self.token("another", "other"))
        self.start_api(max_calls=30)
        connections = [self.connect(token="another", path="/goniec.v1.MailService/GetServerInfo", settings=NO_WINDOW)
                       for _ in range(12)]
        for connection in connections:
            streams = []
            for _ in range(90):
                stream, begin = connection.headers()
                connection.send(begin + frame(DATA, END_STREAM, stream, message_prefix(0)))
                streams.append(stream)
            wait_until(lambda c=connection, s=streams: c.closed or c.answered >= set(s), 30, "all have their answers")
        self.assertEqual(sum(len(c.answered - c.ended) for c in connections), 10, "a third of the places")
        # A call that was refused is in hand until gRPC has told its end.
        wait_until(lambda: self.counted("goniec_api_calls") == 10, 30, "the ends of all others have been told")
        self.assertIn('code="OK",rpc="GetServerInfo"} 10', http(f"http://127.0.0.1:{self.api.http_port}/metrics")[1])
        self.assertTrue(self.accepts(), "the other tenant goes on")
        self.assertEqual(self.counted("goniec_api_connections_cut_total"), 0)
        # Cut in the end, and what they held is given back.
        wait_until(lambda: self.counted("goniec_api_calls") == 0, 100, "given back")
        self.assertIn('goniec_api_connections_cut_total{why="stalled"} 1', http(
            f"http://127.0.0.1:{self.api.http_port}/metrics")[1])
        self.assertTrue(self.accepts())

    def test_a_tenant_leaves_places_to_others(self):
        self.system.outbound_more["api"]["tokens"].append(self.token("another", "other"))
        self.start_api(max_calls=30)
        connection = self.connect(token="another")
        silent = {connection.call() for _ in range(40)}
        wait_until(lambda: len(connection.ended) == 30, 30, "what is beyond a third is refused")
        self.assertIn('code="RESOURCE_EXHAUSTED",rpc="SendMessage"} 30', http(
            f"http://127.0.0.1:{self.api.http_port}/metrics")[1])
        # A call that was refused is in hand until gRPC has told its end.
        wait_until(lambda: self.counted("goniec_api_calls") == 10, 30, "the ends of all others have been told")
        self.assertTrue(self.accepts(), "the other tenant goes on")
        for stream in silent - connection.ended:
            connection.send(frame(RST_STREAM, 0, stream, bytes(4)))
        wait_until(lambda: self.counted("goniec_api_calls") == 0, 30, "given back")

    def test_a_request_of_many_small_fields_is_not_parsed(self):
        import grpc
        from goniec.v1 import mail_service_pb2 as pb
        self.start_api()
        request = pb.SendMessageRequest(raw=b"x", tags=[""] * (8 << 20))
        before = resident(self.api)[1]
        channel = self.enterContext(grpc.insecure_channel(
            f"127.0.0.1:{self.api.api_port}", options=[("grpc.enable_http_proxy", 0),
                                                       ("grpc.max_send_message_length", -1)]))
        from goniec.v1 import mail_service_pb2_grpc
        with self.assertRaises(grpc.RpcError) as refused:
            mail_service_pb2_grpc.MailServiceStub(channel).SendMessage(
                request, metadata=[("authorization", f"Bearer {TOKEN}")], timeout=60)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(refused.exception.details(), "the request has more than 20000 fields")
        # As read it is 16 MiB, parsed it would be 30 times as much; a sanitizer keeps more than it has to.
        self.assertLess(resident(self.api)[1] - before, 160)
        self.assertTrue(self.accepts())
        wait_until(lambda: self.counted("goniec_api_in_flight_bytes") == 0, 30, "given back")

    def test_what_grpc_says_last_is_passed_on(self):
        """Before it hangs up it says why, also to a client that goes on talking."""
        self.start_api()
        for _ in range(30):
            connection = self.connect()
            while not connection.closed:
                connection.send(frame(PING, 0, 0, bytes(8)) * 50)
            connection.reader.join(30)
            self.assertEqual(connection.goodbye, "too_many_pings")

    def test_what_is_not_read_of_a_client_is_bounded_in_the_kernel_too(self):
        """While too much of it lies with gRPC that nobody has admitted, a connection is not read."""
        self.start_api()
        connection = self.connect(path="/grpc.health.v1.Health/Check")
        connection.socket.settimeout(1)
        sent, good = 0, True
        while good and sent < 64 << 20:
            stream, begin = connection.headers()
            octets = begin + b"".join(frame(DATA, 0, stream, (message_prefix(25 << 20) if at == 0 else b"") + bytes(10000))
                                      for at in range(6))
            good = connection.send(octets)
            sent += len(octets) if good else 0
        self.assertGreater(sent, 256 << 10)
        kept = unread(self.api.api_port)
        self.assertGreater(kept, 0)
        self.assertLessEqual(kept, 256 << 10)
        self.assertTrue(self.accepts())

    def test_with_few_descriptors_idle_connections_harm_nobody(self):
        """1,200 of them where 1,024 files may be open."""
        self.system.outbound_more["api"].update(connections=1000, connections_per_client=2000)
        http_port, api_port = free_port(), free_port()
        self.api = self.system._add("api", [
            "prlimit", "--nofile=1024:1024", f"{BIN}/goniec-outbound", "--config",
            self.system.outbound_config("api", http_port, api_port)])
        self.api.http_port, self.api.api_port = http_port, api_port
        self.system.wait_ready(http_port, self.api)
        self.assertIn('"setting":"api.connections"', self.api.log())
        # So many are here, too.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < 4096 else 4096, hard))
        idle = []
        for _ in range(1200):
            idle.append(self.enterContext(socket.create_connection(("127.0.0.1", api_port), 10)))
            idle[-1].sendall(PREFACE + frame(SETTINGS, 0, 0))
        self.assertEqual(http(f"http://127.0.0.1:{self.api.http_port}/healthz")[0], 200)
        self.assertTrue(self.accepts(), "an idle one makes room")
        wait_until(lambda: self.counted("goniec_api_connections") < 257, 30, "those beyond the limit have gone")
        self.assertGreater(self.counted("goniec_api_connections_cut_total"), 900)
        self.assertNotIn("Too many open files", self.api.log())
        self.delivers()
        self.figures(f"{len(idle)} idle connections")

    def test_a_killed_api_takes_no_delivery_along(self):
        self.start_api()
        accepted = self.accepts()
        self.assertTrue(accepted)
        self.api.kill()
        self.delivers()
        wait_until(lambda: len(self.system.received()) == 2, 30, "what it accepted is delivered")
        self.system.start_outbound("api")
        wait_until(lambda: self.accepts(), 30, "it accepts again")


if __name__ == "__main__":
    unittest.main()
