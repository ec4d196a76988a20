"""What the events say of all mail: how often each kind was told, and how often each mail was tried."""

import collections

from jetstream import Streams


class Told:
    """As the events are stored now, read from a nats-server at this port."""

    def __init__(self, nats_port):
        from goniec.queue.v1 import queue_pb2 as pb
        self.kinds = collections.Counter()  # "HELD" -> recipients of which it was told
        self.reasons = collections.Counter()  # ("DEFERRED", "TIMEOUT") -> recipients
        self.tries = collections.Counter()  # message id -> attempts that were told, the last one included
        self.moves = collections.Counter()  # message id -> events by which recipients went on to another record
        known = set()
        names = pb.EventType.Name
        with Streams(nats_port) as streams:
            for stream in streams.names("EVENTS_"):
                for _, payload in streams.messages(stream):
                    for event in pb.EventRecord.FromString(payload).events:
                        if event.event_id in known:
                            continue
                        known.add(event.event_id)
                        kind = names(event.type).removeprefix("EVENT_TYPE_")
                        reason = pb.Reason.Name(event.outcome.reason).removeprefix("REASON_")
                        self.kinds[kind] += len(event.recipients)
                        self.reasons[kind, reason] += len(event.recipients)
                        self.tries[event.message_id] = max(self.tries[event.message_id], event.attempts)
                        if kind in ("DEFERRED", "HELD"):
                            self.moves[event.message_id] += 1
