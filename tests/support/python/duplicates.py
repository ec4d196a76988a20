"""Copies too many, in tests that kill: each must be one of the two that no MTA can rule out (RFC 5321 §4.1.1.4, RFC 1047).
One id twice: it was between its final dot and its event when its worker was killed. Two ids of one mail: the sender was
not told its 250 and sent it again."""

import collections
import json
import sys

from ledger import number_of, timestamp


def recorded_deliveries(system, message_id, kills):
    """Deliveries of which a worker knew, and lived long enough to store the event. Another copy is one that was
    between its final dot and its event when its worker was killed. `kills`: (name, before, after) each."""
    recorded = []
    for line in system.log_lines(message_id).splitlines():
        worker, text = line.split(": ", 1)
        entry = json.loads(text)
        if entry["event"] != "delivered":
            continue
        moment = timestamp(entry["time"])
        if not any(target == worker and -0.1 < killed - moment < 1.0 for target, killed, _ in kills):
            recorded.append((worker, moment))
    return recorded


def check_duplicates(test, system, ledger, kills):
    """Of what the sink received, beside what the senders' ledger says."""
    accepted, by_id = dict(ledger.accepted), collections.defaultdict(list)
    for entry in system.received():
        entry["time"] = timestamp(entry["time"])
        by_id[entry["id"]].append(entry)
    twice = [message_id for message_id, found in by_id.items() if len(found) > 1]
    for message_id in twice:
        safe = recorded_deliveries(system, message_id, kills)
        test.assertLessEqual(
            len(safe), 1, f"{message_id} came twice, and no kill explains it.\nat the sink: "
            + ", ".join(f"{e['time']:.3f} on {e['connection']}" for e in by_id[message_id])
            + "\nkills: " + ", ".join(f"{target} {start:.3f}" for target, start, _ in kills)
            + "\n" + system.log_lines(message_id))
    ids_of = collections.defaultdict(set)
    for message_id, found in by_id.items():
        ids_of[found[0]["rcpts"][0]].add(message_id)
    for recipient, ids in ids_of.items():
        number = number_of(recipient)
        test.assertLessEqual(len(ids) - 1, ledger.lost_replies[number],
                             f"mail {number} was accepted more often than replies were lost")
    unknown = set(by_id) - set(accepted)
    for message_id in unknown:
        number = number_of(by_id[message_id][0]["rcpts"][0])
        test.assertGreater(ledger.lost_replies[number], 0, f"{message_id} was delivered and never accepted")
    print(f"{len(twice)} came twice, {len(unknown)} whose reply was lost", file=sys.stderr)
