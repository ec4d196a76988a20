"""Puts mail on a shelf of HELD as a move would have put it there (common/queue/README.md), records of 16 mails."""

import base64
import hashlib
import time

from audit import base32, new_event, slot_of
from nats_fill import Filling

MAILS_IN_A_RECORD = 16
LIFE = 5 * 24 * 3600  # seconds


def fill_shelf(port, mails, site_port, domain="held.test", tenant="default"):
    """For the site at 127.0.0.1:`site_port`; all of it has days to live. How many records that are."""
    from goniec.queue.v1 import queue_pb2 as pb
    begin = int((time.time() - 3600) * 1000)
    expire = int(time.time()) + LIFE
    site = site_token(f"host:127.0.0.1:{site_port}")
    records = 0
    with Filling(port) as filling:
        for number in range(0, mails, MAILS_IN_A_RECORD):
            record_id = base32(begin + number, 10) + base32(number * 0x9E3779B97F4A7C15 & (1 << 70) - 1, 14)
            record, events = pb.Record(record_id=record_id), pb.EventRecord()
            for index in range(min(MAILS_IN_A_RECORD, mails - number)):
                message_id = record_id + base32(index, 2)
                mail = record.mails.add(message_id=message_id, mail_class=pb.MAIL_CLASS_TRANSACTIONAL, tenant=tenant,
                                        mail_from="a@sender.test", recipient_count=1, generation=1,
                                        inline_body=b"x" * 76 + b"\r\n" + (b"y" * 76 + b"\r\n") * 12)
                mail.accept_time.FromSeconds(expire - LIFE - 3600)
                mail.expire_time.FromSeconds(expire)
                mail.recipients.add(index=0, address=f"someone{number}@{domain}")
                events.events.append(new_event(pb, message_id, pb.EVENT_TYPE_ACCEPTED))
                moved = new_event(pb, message_id, pb.EVENT_TYPE_HELD)
                moved.generation = 1
                events.events.append(moved)
            slot = slot_of(record_id)
            filling.publish(f"held.0.transactional.{site}.{tenant}.{slot}.{expire // 60}", record.SerializeToString())
            filling.publish(f"event.0.{tenant}.{slot}.late", events.SerializeToString())
            records += 1
    return records


def site_token(site):
    """outbound/route/route.cc, SiteToken."""
    return base64.b32encode(hashlib.sha256(site.encode()).digest()).decode().lower()[:26]
