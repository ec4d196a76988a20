"""Reads the message on standard input with Python's email package; prints each field and each attachment's name, decoded,
a line each: a name, a space, the value's UTF-8 in hexadecimal digits."""
import email
import email.policy
import sys

message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
for name, value in message.items():
    print(name, str(value).encode("utf-8", "surrogateescape").hex())
for part in message.walk():
    if part.get_filename() is not None:
        print("filename", part.get_filename().encode("utf-8", "surrogateescape").hex())
        print("content", part.get_content().hex() if isinstance(part.get_content(), bytes)
              else part.get_content().encode().hex())
for part in message.walk():
    if part.defects:
        print("defects", str(part.defects).encode().hex())
