"""Reads the message on standard input with Python's email package and prints what a mail program would see."""
import email
import email.policy
import sys

message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)


def addresses(name):
    fields = message.get_all(name, [])
    return [f"{a.display_name}|{a.addr_spec}" for field in fields for a in field.addresses]


for name in ("From", "Sender", "Reply-To", "To", "Cc", "Bcc"):
    for address in addresses(name):
        print(f"{name}: {address}")
for name, value in message.items():
    if name in ("Subject", "Date") or name.startswith(("X-", "List-")):
        print(f"{name}: {value}")


def show(part, depth):
    indent = "  " * depth
    if part.is_multipart():
        print(f"{indent}{part.get_content_type()} defects={len(part.defects)}")
        for child in part.iter_parts():
            show(child, depth + 1)
        return
    content = part.get_content()
    text = content.encode("unicode_escape").decode() if isinstance(content, str) else content.hex()
    print(f"{indent}{part.get_content_type()} {part.get('Content-Transfer-Encoding')}"
          f" disposition={part.get_content_disposition()} name={part.get_filename()}"
          f" id={part.get('Content-ID')} {text[:200]}")


show(message, 0)
print(f"defects={len(message.defects)}")
