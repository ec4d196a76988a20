// Every stream, subject and header name of the queue, and the places of a message as its id tells them. The
// table is in common/queue/README.md. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

namespace goniec::queue {

namespace v1 {
class Mail;
}

// Slots number 0 to 4095: twelve bits of the hash of the record's part of the id, the same for all its mails.
inline constexpr int kSlots = 4096;
// Characters of a message id that name its record.
inline constexpr int kRecordIdLength = 24;

// Headers of ours.
inline constexpr char kHeaderMessageId[] = "Nats-Msg-Id";
// Present when the publisher repeats a record that may already be stored; its worker looks first.
inline constexpr char kHeaderResend[] = "Goniec-Resend";
inline constexpr char kHeaderSchedule[] = "Nats-Schedule";
inline constexpr char kHeaderScheduleTarget[] = "Nats-Schedule-Target";
inline constexpr char kHeaderExpectedLastSubjectSequence[] = "Nats-Expected-Last-Subject-Sequence";
inline constexpr char kHeaderTtl[] = "Nats-TTL";
// On the trace of a key that was taken out of a bucket, as NATS's own tools write it.
inline constexpr char kHeaderKvOperation[] = "KV-Operation";
inline constexpr char kKvDelete[] = "DEL";
// On what was set aside: stream and sequence that it had, and what is wrong with it.
inline constexpr char kHeaderOrigin[] = "Goniec-Origin";
inline constexpr char kHeaderReason[] = "Goniec-Reason";
// On a record that was released from a shelf as a probe: the site's epoch in which it is one.
inline constexpr char kHeaderProbe[] = "Goniec-Probe";

// The shelf, in the place of a site's, of mail of all sites that waits for a time: what WAIT has no room for
// in the broker's memory. It comes back in the minute that its subject names.
inline constexpr char kLaterShelf[] = "later";

// "transactional" or "bulk": subject tokens.
enum class MailClass { kTransactional, kBulk };
std::string_view ClassToken(MailClass mail_class);
// A mail without a class that this version knows is transactional.
MailClass ClassOf(const v1::Mail& mail);

// FNV-1a 64 of the first 24 characters in lower case, its five groups of 12 bits and the remaining four
// combined by XOR. Fixed for ever: ids that were given out are found by it.
int SlotOf(std::string_view message_or_record_id);
int ShardOf(int slot, int event_shards);

std::string ReadyStream(int lane);
// Of "READY_<lane>"; nothing for another stream.
std::optional<int> LaneOfReady(std::string_view stream);
std::string WaitStream(int lane);
std::string HeldStream(int lane);
std::string EventsStream(int shard);
inline constexpr char kBodiesStream[] = "BODIES";
inline constexpr char kQuarantineStream[] = "QUARANTINE";

// Durable pull consumers.
std::string ReadyConsumer(MailClass mail_class);
inline constexpr char kDueConsumer[] = "due";

std::string ReadySubject(int lane, MailClass mail_class, std::string_view tenant, int slot);
// The subjects that the consumer of a class takes; those of a slot, of either class.
std::string ReadyFilter(int lane, MailClass mail_class);
std::string ReadySlotFilter(int lane, std::string_view tenant, int slot);
// wait.<lane>.<class>.<tenant>.<id>.<generation>.<domain labels reversed>; `due.` with the same tail when it
// fires.
std::string WaitSubject(int lane, MailClass mail_class, std::string_view tenant, std::string_view message_id,
                        std::uint32_t generation, std::string_view domain);
std::string DueSubject(std::string_view wait_subject);
// One site's mail of one class and tenant on the shelf: first in, first out. `site` is a token
// (outbound/route SiteToken), or kLaterShelf for mail of any site that waits for a time.
struct ShelfPlace {
  int lane = 0;
  MailClass mail_class = MailClass::kTransactional;
  std::string site;
  std::string tenant;
  auto operator<=>(const ShelfPlace&) const = default;
};
// Minutes since 1970, never below 0.
std::int64_t MinuteOf(WallTime time);
// held.<lane>.<class>.<site>.<tenant>.<slot>.<minute>. The records of a slot that must come back in the same
// minute lie there together, each with several mails of its own. They come back once that minute has begun:
// on a site's shelf the one in which the first of their mails expires.
std::string HeldSubject(const ShelfPlace& place, int slot, std::int64_t minute);
// Everything in one place; everything of a site (empty: of all); everything of one minute.
std::string ShelfFilter(const ShelfPlace& place);
std::string SiteShelfFilter(int lane, std::string_view site);
std::string ShelfMinuteFilter(int lane, std::int64_t minute);
// What of a shelf's is due in `lane`, whatever the place.
std::string ReleasedFilter(int lane);
// What a subject of the shelf says, or one of a record that has come back from there.
struct OnShelf {
  ShelfPlace place;
  int slot = 0;
  std::int64_t minute = 0;
};
std::optional<OnShelf> ParseHeld(std::string_view subject);
// Where a record that comes back from the shelf is due: due.<lane>.held. with the same tail.
std::string ReleasedSubject(std::string_view held_subject);
bool IsReleased(std::string_view subject);
// On the shelf itself.
bool IsHeld(std::string_view subject);
// Of a copy in WAIT (wait., due.), the one message that it is of; nothing for a record from the shelf.
std::optional<std::string> MessageIdIn(std::string_view copy_subject);

// Everywhere that copies of a message may lie, all generations, in the order in which a copy passes through:
// wait and due; held, and due from there. Records from the shelf hold other messages as well.
struct StoredPlace {
  std::string stream;
  std::string subject;  // with wildcards
  // Too much else lies between those that match and behind the last of them: which there are is best asked
  // first (STREAM.INFO). Where there are none, that is the only request.
  bool by_name = false;
};
std::vector<StoredPlace> CopyFilters(int lane, std::string_view tenant, std::string_view message_id);
// Those of them that are due: a message's own at one generation, whatever the domain; its slot's from the
// shelf.
StoredPlace DuePlace(int lane, std::string_view tenant, std::string_view message_id,
                     std::uint32_t generation);
StoredPlace ReleasedPlace(int lane, std::string_view tenant, int slot);

std::string EventSubject(int shard, std::string_view tenant, int slot);
std::string LateEventSubject(int shard, std::string_view tenant, int slot);
// The subject of a note about a record from READY: under tenant and slot of that record's subject, or of the
// default tenant if it has none.
std::string NoteSubject(std::string_view ready_subject, int event_shards);
std::string BodySubject(std::string_view body_id, std::uint32_t chunk);
// The subject under which a record from `subject` is set aside, and back.
std::string QuarantineSubject(std::string_view subject);
std::string SubjectBeforeQuarantine(std::string_view quarantine_subject);
// Everywhere that a record which holds the message may have been set aside, with wildcards.
std::vector<std::string> QuarantineFilters(std::string_view tenant, std::string_view message_id);
std::string AbandonedSubject(std::string_view body_id);

// A domain or address literal as subject tokens: lower-case A-labels reversed ("org.example"), literals
// encoded ("ip4-192-0-2-1"); each octet other than [a-z0-9-] is written as -xx. At most 200 characters: a
// hash stands for more.
std::string DomainTokens(std::string_view domain);
// [a-z0-9-]{1,32}.
bool IsValidTenant(std::string_view tenant);

}  // namespace goniec::queue
