"""What lies in the queue's streams (proto/goniec/queue/v1/queue.proto), as far as tests ask for it."""

DELIVERED = 4  # EventType


def mails(record):
    """(message id, inline body) of each mail of a Record."""
    for number, value in fields(record):
        if number == 2:
            mail = dict(fields(value))
            yield mail[1].decode(), bytes(mail.get(12, b""))


def events(record):
    """(message id, type) of each event of an EventRecord."""
    for number, value in fields(record):
        if number == 1:
            event = dict(fields(value))
            yield event[2].decode(), event.get(4, 0)


def fields(message):
    """(number, value) of each field: an integer, or bytes (of a group: what is in it)."""
    at = 0
    while at < len(message):
        number, value, at = _field(message, at)
        yield number, value


def _field(message, at):
    tag, at = _varint(message, at)
    kind = tag & 7
    if kind == 0:
        value, at = _varint(message, at)
    elif kind == 3:
        start = end = at
        while _varint(message, end)[0] != tag + 1:  # the end of the group
            _, _, end = _field(message, end)
        value, at = message[start:end], _varint(message, end)[1]
    else:
        size, at = _varint(message, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        value, at = message[at:at + size], at + size
    return tag >> 3, value, at


def _varint(message, at):
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
