"""What a run has proven: everything accepted has ended, and every copy too many has its reason.

A recipient may get a mail twice in two cases that no MTA can rule out (RFC 5321 §4.1.1.4, RFC 1047): a fault fell between
the final dot and the stored event, or the sender was not told 250 and sent it again. Both are looked for, not assumed:
the sink's log says when a copy came and from which worker, the events say when that was stored, the plan's record says
what was wrong at that time.
"""

import collections
import datetime

from jetstream import Streams
from traffic import number_of, site_of

# Between our clock's reading of a fault and its effect in another process.
SLACK = 0.3
# A copy without an event of its own: its worker lost it so soon after the dot.
UNRECORDED = 1.0


def timestamp(text):
    """Of RFC 3339 with up to nine digits behind the point."""
    text = text.replace("Z", "+00:00")
    if "." in text:
        head, rest = text.split(".")
        digits = rest[:rest.index("+")]
        text = f"{head}.{digits[:6]:0<6}{rest[len(digits):]}"
    return datetime.datetime.fromisoformat(text).timestamp()


class Copy:
    """One arrival at the sink, for one recipient."""

    def __init__(self, entry):
        self.time = timestamp(entry["time"])
        self.worker = entry["helo"].split(".")[0]
        self.answered = entry["accepted"]


class Ends:
    """The terminal events as they are stored: (id, index) → [(when it was stored, type)]."""

    def __init__(self, nats_port):
        from goniec.queue.v1 import queue_pb2 as pb
        terminal = {pb.EVENT_TYPE_DELIVERED: "DELIVERED", pb.EVENT_TYPE_BOUNCED: "BOUNCED",
                    pb.EVENT_TYPE_EXPIRED: "EXPIRED", pb.EVENT_TYPE_CANCELLED: "CANCELLED",
                    pb.EVENT_TYPE_SUPPRESSED: "SUPPRESSED"}
        self.of = collections.defaultdict(list)
        self.held = 0  # recipients that were put on a shelf
        known = set()
        with Streams(nats_port) as streams:
            for stream in streams.names("EVENTS_"):
                for stored, payload in streams.messages(stream):
                    for event in pb.EventRecord.FromString(payload).events:
                        if event.event_id in known:
                            continue
                        known.add(event.event_id)
                        if event.type == pb.EVENT_TYPE_HELD:
                            self.held += len(event.recipients)
                        if event.type not in terminal:
                            continue
                        for recipient in event.recipients:
                            self.of[event.message_id, recipient.address].append(
                                (timestamp(stored), terminal[event.type]))


class Verdict:
    def __init__(self, ledger, faults, entries, ends):
        self.ledger, self.faults, self.ends = ledger, faults, ends
        self.copies = collections.defaultdict(list)  # (id, recipient) → copies
        for entry in entries:
            for recipient in entry["rcpts"]:
                self.copies[entry["id"], recipient].append(Copy(entry))
        self.unexplained = []
        self.counts = collections.Counter()

    def run(self, mails_of):
        """`mails_of(id)`: the Mail of an accepted id."""
        self.lost = [f"{message_id} to {recipient}" for message_id in self.ledger.accepted
                     for recipient, end in zip(mails_of(message_id).recipients, mails_of(message_id).ends())
                     if end == "DELIVERED" and not self.copies.get((message_id, recipient))]
        self.wrong_ends = [f"{message_id} to {recipient}: {[kind for _, kind in self.ends.of[message_id, recipient]]}"
                           for message_id in self.ledger.accepted
                           for recipient, end in zip(mails_of(message_id).recipients, mails_of(message_id).ends())
                           if {kind for _, kind in self.ends.of[message_id, recipient]} != {end}]
        self.counts["ends stored twice"] = sum(len(found) - 1 for found in self.ends.of.values() if len(found) > 1)
        for key, copies in self.copies.items():
            if len(copies) > 1:
                self._same_id(key, copies)
        self._two_ids()

    def _same_id(self, key, copies):
        self.counts["came twice under one id"] += len(copies) - 1
        stored = sorted(moment for moment, _ in self.ends.of[key])
        proper = []
        for copy in copies:
            why = self._between_dot_and_event(copy, stored, site_of(key[1]))
            if why is None:
                proper.append(copy)
            else:
                self.counts[f"  {why}"] += 1
        if len(proper) > 1:
            self.unexplained.append(f"{key[0]} to {key[1]} came {len(copies)} times: " + ", ".join(
                f"{each.time:.3f} from {each.worker}" for each in copies) +
                "; ends stored at " + ", ".join(f"{each:.3f}" for each in stored))
        elif not proper:
            self.counts[f"  {why}"] -= 1  # one of them is the mail itself

    def _between_dot_and_event(self, copy, stored, site):
        """`site`: of the recipient. What kept this copy from being recorded in time; None if nothing did."""
        if not copy.answered:
            return "the reply to the dot was lost"
        own = next((moment for moment in stored if moment >= copy.time - SLACK), None)
        until = own if own is not None else copy.time + UNRECORDED
        for fault in self.faults:
            on_the_way = fault.target in (copy.worker, "sink", site) or fault.target.startswith("nats")
            if on_the_way and fault.overlaps(copy.time - SLACK, until + SLACK):
                return "between dot and event at a fault"
        return None

    def _two_ids(self):
        ids = collections.defaultdict(set)
        for message_id, recipient in self.copies:
            ids[number_of(recipient)].add(message_id)
        for number, found in ids.items():
            missed = [window for window in self.ledger.unanswered.get(number, ())
                      if any(fault.overlaps(window[0] - SLACK, window[1] + SLACK) for fault in self.faults)]
            known = [each for each in found if each in self.ledger.accepted]
            more = len(found) - 1 if known else len(found)
            self.counts["sent again after a lost 250"] += max(0, more)
            if more > len(missed):
                self.unexplained.append(f"mail {number} came under {len(found)} ids, and {len(missed)} of its "
                                        f"attempts had no answer at a fault: {', '.join(sorted(found))}")
