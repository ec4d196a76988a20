"""A stranger's client: generates its code from the proto, sends, asks, watches health and reflection.

usage: client.py HOST:PORT PROTO_FOLDER PROTOC serving|not-serving
"""
import subprocess
import sys
import tempfile

import grpc

ADDRESS, PROTOS, PROTOC, HEALTH = sys.argv[1:]
generated = tempfile.mkdtemp()
subprocess.run(
    [PROTOC, f"-I{PROTOS}", f"--python_out={generated}", f"--grpc_out={generated}",
     "--plugin=protoc-gen-grpc=/usr/bin/grpc_python_plugin", f"{PROTOS}/goniec/v1/mail_service.proto",
     f"{PROTOS}/goniec/rpc/google_rpc.proto"], check=True)
sys.path.insert(0, generated)
from goniec.rpc import google_rpc_pb2  # noqa: E402
from goniec.v1 import mail_service_pb2 as pb, mail_service_pb2_grpc as rpc  # noqa: E402

channel = grpc.insecure_channel(ADDRESS, options=[("grpc.enable_http_proxy", 0)])
api = rpc.MailServiceStub(channel)


def raw_call(method, request):
    call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
    return call(request, timeout=10)


# Composed.
sent = api.SendMessage(pb.SendMessageRequest(composed=pb.ComposedMessage(
    **{"from": pb.Address(address="ala@example.test", display_name="Ala Żółć")},
    to=[pb.Address(address="kot@example.net")], subject="Cześć", text="Hej\n", html="<p>Hej</p>",
    attachments=[pb.Attachment(name="a.txt", content_type="text/plain", content=b"abc")])), timeout=10)
assert sent.durability.sync == pb.Durability.FSYNC, sent
found = api.GetMessage(pb.GetMessageRequest(message_id=sent.message.message_id.upper()), timeout=10)
assert found == sent.message, (found, sent.message)
assert found.recipients[0].state == pb.RecipientStatus.QUEUED

# Raw, as email.message.as_bytes() gives it: with LF.
raw = b"From: ala@example.test\nSubject: x\n\nHej\n"
sent = api.SendMessage(pb.SendMessageRequest(
    envelope=pb.Envelope(mail_from="ala@example.test", to=[pb.EnvelopeRecipient(address="kot@example.net")]),
    raw=raw), timeout=10)
assert sent.message.internet_message_id == sent.message.message_id + "@example.test", sent

# Errors with details.
try:
    api.SendMessage(pb.SendMessageRequest(tags=["a\nb"]), timeout=10)
    raise AssertionError("it took nonsense")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = google_rpc_pb2.Status.FromString(details)
    bad = google_rpc_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in status.details), status
    assert {v.field for v in bad.field_violations} == {"tags[0]", "envelope", "content"}, bad

# Health and reflection, in their wire form: SERVING is 1, NOT_SERVING 2.
expected = {"serving": b"\x08\x01", "not-serving": b"\x08\x02"}[HEALTH]
for name in (b"", b"\x0a\x15goniec.v1.MailService"):
    assert raw_call("/grpc.health.v1.Health/Check", name) == expected, name
reflect = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                request_serializer=bytes, response_deserializer=bytes)
answer = next(reflect(iter([b"\x3a\x00"]), timeout=10))
for service in (b"goniec.v1.MailService", b"goniec.v1.QueueService", b"grpc.health.v1.Health"):
    assert service in answer, answer
print("all good")
