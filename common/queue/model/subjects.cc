#include "common/queue/model/subjects.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/text.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {
namespace {

constexpr std::size_t kMaxTenantLength = 32;
constexpr std::size_t kMaxDomainTokens = 200;
// What is kept of a domain that is too long, before the hash that stands for the rest.
constexpr std::size_t kKeptOfLongDomain = 150;
constexpr char kQuarantinePrefix[] = "quarantine.";
constexpr char kHeld[] = "held";
// Of <place>.<lane>.<class>.….
constexpr std::size_t kClassToken = 2;
constexpr char kHexDigits[] = "0123456789abcdef";

// FNV-1a, 64 bits. It decides where the events of a message lie, so it may never change.
std::uint64_t Fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

std::string Hex(std::uint64_t value) {
  std::string out(16, '0');
  for (std::size_t i = out.size(); i-- > 0; value >>= 4) out[i] = kHexDigits[value & 15];
  return out;
}

std::string Numbered(const char* prefix, int number) {
  return prefix + std::to_string(number);
}

bool IsTokenCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

// One domain label, or a whole literal, as one subject token.
std::string Token(std::string_view text) {
  std::string token;
  for (const char c : AsciiLower(text)) {
    if (IsTokenCharacter(c)) {
      token += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      token += '-';
      token += kHexDigits[byte >> 4];
      token += kHexDigits[byte & 15];
    }
  }
  return token.empty() ? "-" : token;
}

// "[192.0.2.1]" -> "ip4-192-0-2-1", "[IPv6:2001:db8::1]" -> "ip6-2001-db8--1". Other tags of RFC 5321 §4.1.3
// are written out.
std::string LiteralToken(std::string_view content) {
  constexpr std::string_view kIpv6Tag = "ipv6:";
  const std::string lower = AsciiLower(content);
  const bool ipv6 = lower.starts_with(kIpv6Tag);
  std::string address = ipv6 ? lower.substr(kIpv6Tag.size()) : lower;
  const std::string_view allowed = ipv6 ? "0123456789abcdef:." : "0123456789.";
  if (address.empty() || address.find_first_not_of(allowed) != std::string::npos)
    return "literal-" + Token(lower);
  std::replace_if(address.begin(), address.end(), [](char c) { return c == ':' || c == '.'; }, '-');
  return (ipv6 ? "ip6-" : "ip4-") + address;
}

std::string ReversedLabels(std::string_view domain) {
  std::string tokens;
  while (!domain.empty()) {
    const std::size_t dot = domain.rfind('.');
    const std::string_view label = dot == std::string_view::npos ? domain : domain.substr(dot + 1);
    if (!tokens.empty()) tokens += '.';
    tokens += Token(label);
    if (dot == std::string_view::npos) break;
    domain = domain.substr(0, dot);
  }
  return tokens.empty() ? "-" : tokens;
}

std::string LaneAndClass(std::string_view prefix, int lane, std::string_view class_token) {
  std::string subject(prefix);
  subject += '.';
  subject += std::to_string(lane);
  subject += '.';
  subject += class_token;
  return subject;
}

std::string& AppendToken(std::string& subject, std::string_view token) {
  subject += '.';
  return subject += token;
}

// What follows the class in a copy's subject, whatever its generation and domain.
std::string MessageTail(std::string_view tenant, std::string_view message_id) {
  std::string tail(".");
  tail += tenant;
  return AppendToken(tail, AsciiLower(message_id)) + ".>";
}

// What follows the site in a record's from the shelf, whatever its minute.
std::string SlotTail(std::string_view tenant, int slot) {
  std::string tail(".");
  tail += tenant;
  return AppendToken(tail, std::to_string(slot)) + ".*";
}

std::string PlacePrefix(const ShelfPlace& place) {
  std::string prefix = LaneAndClass(kHeld, place.lane, ClassToken(place.mail_class));
  AppendToken(prefix, place.site);
  return AppendToken(prefix, place.tenant);
}

}  // namespace

std::string_view ClassToken(MailClass mail_class) {
  return mail_class == MailClass::kBulk ? "bulk" : "transactional";
}

int SlotOf(std::string_view message_or_record_id) {
  std::uint64_t hash = Fnv1a(AsciiLower(message_or_record_id.substr(0, kRecordIdLength)));
  // Folded, so that all 64 bits count.
  std::uint64_t folded = 0;
  for (; hash != 0; hash >>= 12) folded ^= hash & (kSlots - 1);
  return static_cast<int>(folded);
}

int ShardOf(int slot, int event_shards) {
  return slot % event_shards;
}

std::string ReadyStream(int lane) {
  return Numbered("READY_", lane);
}
std::optional<int> LaneOfReady(std::string_view stream) {
  constexpr std::string_view kPrefix = "READY_";
  int lane = 0;
  if (!stream.starts_with(kPrefix) || !absl::SimpleAtoi(ToAbsl(stream.substr(kPrefix.size())), &lane)) {
    return std::nullopt;
  }
  return lane < 0 ? std::nullopt : std::optional<int>(lane);
}
std::string WaitStream(int lane) {
  return Numbered("WAIT_", lane);
}
std::string HeldStream(int lane) {
  return Numbered("HELD_", lane);
}
std::string EventsStream(int shard) {
  return Numbered("EVENTS_", shard);
}

MailClass ClassOf(const v1::Mail& mail) {
  return mail.mail_class() == v1::MAIL_CLASS_BULK ? MailClass::kBulk : MailClass::kTransactional;
}

std::string ReadyConsumer(MailClass mail_class) {
  return std::string(ClassToken(mail_class));
}

std::string ReadySubject(int lane, MailClass mail_class, std::string_view tenant, int slot) {
  std::string subject = LaneAndClass("ready", lane, ClassToken(mail_class));
  AppendToken(subject, tenant);
  return AppendToken(subject, std::to_string(slot));
}

std::string ReadyFilter(int lane, MailClass mail_class) {
  return LaneAndClass("ready", lane, ClassToken(mail_class)) + ".>";
}

std::string ReadySlotFilter(int lane, std::string_view tenant, int slot) {
  std::string subject = LaneAndClass("ready", lane, "*");
  AppendToken(subject, tenant);
  return AppendToken(subject, std::to_string(slot));
}

std::string WaitSubject(int lane, MailClass mail_class, std::string_view tenant, std::string_view message_id,
                        std::uint32_t generation, std::string_view domain) {
  std::string subject = LaneAndClass("wait", lane, ClassToken(mail_class));
  AppendToken(subject, tenant);
  AppendToken(subject, AsciiLower(message_id));
  AppendToken(subject, std::to_string(generation));
  return AppendToken(subject, DomainTokens(domain));
}

std::string DueSubject(std::string_view wait_subject) {
  const std::size_t dot = wait_subject.find('.');
  return "due" + std::string(dot == std::string_view::npos ? std::string_view() : wait_subject.substr(dot));
}

std::int64_t MinuteOf(WallTime time) {
  const auto minute = std::chrono::floor<std::chrono::minutes>(time.time_since_epoch()).count();
  return std::max<std::int64_t>(minute, 0);
}

std::string HeldSubject(const ShelfPlace& place, int slot, std::int64_t minute) {
  std::string subject = PlacePrefix(place);
  AppendToken(subject, std::to_string(slot));
  return AppendToken(subject, std::to_string(minute));
}

std::string ShelfFilter(const ShelfPlace& place) {
  return PlacePrefix(place) + ".*.*";
}

std::string SiteShelfFilter(int lane, std::string_view site) {
  std::string subject = LaneAndClass(kHeld, lane, "*");
  return AppendToken(subject, site.empty() ? "*" : site) + ".*.*.*";
}

std::string ShelfMinuteFilter(int lane, std::int64_t minute) {
  std::string subject = LaneAndClass(kHeld, lane, "*.*.*.*");
  return AppendToken(subject, std::to_string(minute));
}

std::string ReleasedFilter(int lane) {
  return LaneAndClass("due", lane, kHeld) + ".>";
}

std::optional<OnShelf> ParseHeld(std::string_view subject) {
  std::vector<std::string> tokens = absl::StrSplit(ToAbsl(subject), '.');
  if (IsReleased(subject)) {
    tokens.erase(tokens.begin() + kClassToken);
    tokens[0] = kHeld;
  }
  OnShelf shelf;
  if (tokens.size() != 7 || tokens[0] != kHeld || !absl::SimpleAtoi(tokens[1], &shelf.place.lane) ||
      !absl::SimpleAtoi(tokens[5], &shelf.slot) || !absl::SimpleAtoi(tokens[6], &shelf.minute)) {
    return std::nullopt;
  }
  const bool bulk = tokens[2] == ClassToken(MailClass::kBulk);
  if (!bulk && tokens[2] != ClassToken(MailClass::kTransactional)) return std::nullopt;
  if (shelf.place.lane < 0 || shelf.slot < 0 || shelf.slot >= kSlots || shelf.minute < 0) return std::nullopt;
  shelf.place.mail_class = bulk ? MailClass::kBulk : MailClass::kTransactional;
  shelf.place.site = std::move(tokens[3]);
  shelf.place.tenant = std::move(tokens[4]);
  return shelf;
}

std::string ReleasedSubject(std::string_view held_subject) {
  std::vector<std::string> tokens = absl::StrSplit(ToAbsl(held_subject), '.');
  tokens[0] = "due";
  if (tokens.size() > kClassToken) tokens.insert(tokens.begin() + kClassToken, kHeld);
  return absl::StrJoin(tokens, ".");
}

bool IsReleased(std::string_view subject) {
  const std::vector<std::string> tokens = absl::StrSplit(ToAbsl(subject), '.');
  return tokens.size() > kClassToken && tokens[0] == "due" && tokens[kClassToken] == kHeld;
}

bool IsHeld(std::string_view subject) {
  return subject.starts_with("held.");
}

std::optional<std::string> MessageIdIn(std::string_view copy_subject) {
  constexpr std::size_t kIdToken = 4;
  const std::vector<std::string> tokens = absl::StrSplit(ToAbsl(copy_subject), '.');
  const bool copy = tokens.size() > kIdToken && (tokens[0] == "wait" || tokens[0] == "due");
  if (!copy || tokens[kClassToken] == kHeld) return std::nullopt;
  return tokens[kIdToken];
}

StoredPlace DuePlace(int lane, std::string_view tenant, std::string_view message_id,
                     std::uint32_t generation) {
  std::string subject = LaneAndClass("due", lane, "*");
  AppendToken(subject, tenant);
  AppendToken(subject, AsciiLower(message_id));
  AppendToken(subject, std::to_string(generation));
  return {WaitStream(lane), subject + ".>", true};
}

StoredPlace ReleasedPlace(int lane, std::string_view tenant, int slot) {
  return {WaitStream(lane), LaneAndClass("due", lane, kHeld) + ".*.*" + SlotTail(tenant, slot), true};
}

std::vector<StoredPlace> CopyFilters(int lane, std::string_view tenant, std::string_view message_id) {
  const int slot = SlotOf(message_id);
  return {{WaitStream(lane), LaneAndClass("wait", lane, "*") + MessageTail(tenant, message_id)},
          {WaitStream(lane), LaneAndClass("due", lane, "*") + MessageTail(tenant, message_id)},
          {HeldStream(lane), LaneAndClass(kHeld, lane, "*.*") + SlotTail(tenant, slot), true},
          ReleasedPlace(lane, tenant, slot)};
}

std::string EventSubject(int shard, std::string_view tenant, int slot) {
  std::string subject = Numbered("event.", shard);
  AppendToken(subject, tenant);
  return AppendToken(subject, std::to_string(slot));
}

std::string LateEventSubject(int shard, std::string_view tenant, int slot) {
  return EventSubject(shard, tenant, slot) + ".late";
}

std::string NoteSubject(std::string_view ready_subject, int event_shards) {
  const std::vector<std::string> tokens = absl::StrSplit(ToAbsl(ready_subject), '.');
  int slot = 0;
  const bool ours = tokens.size() == 5 && tokens[0] == "ready" && IsValidTenant(tokens[3]) &&
                    absl::SimpleAtoi(tokens[4], &slot) && slot >= 0 && slot < kSlots;
  if (!ours) slot = 0;
  return LateEventSubject(ShardOf(slot, event_shards), ours ? tokens[3] : "default", slot);
}

std::string BodySubject(std::string_view body_id, std::uint32_t chunk) {
  std::string subject("body");
  AppendToken(subject, AsciiLower(body_id));
  return AppendToken(subject, std::to_string(chunk));
}

std::string QuarantineSubject(std::string_view subject) {
  return kQuarantinePrefix + std::string(subject);
}

std::string SubjectBeforeQuarantine(std::string_view quarantine_subject) {
  return std::string(quarantine_subject.substr(std::string_view(kQuarantinePrefix).size()));
}

std::vector<std::string> QuarantineFilters(std::string_view tenant, std::string_view message_id) {
  std::string copies = QuarantineSubject("*.*.*");
  AppendToken(copies, tenant);
  AppendToken(copies, AsciiLower(message_id));
  std::string ready = QuarantineSubject("ready.*.*");
  AppendToken(ready, tenant);
  const int slot = SlotOf(message_id);
  const std::string released = QuarantineSubject("due.*.held.*.*") + SlotTail(tenant, slot);
  return {AppendToken(ready, std::to_string(slot)), copies + ".>", released};
}

std::string AbandonedSubject(std::string_view body_id) {
  return "abandoned." + AsciiLower(body_id);
}

std::string DomainTokens(std::string_view domain) {
  const bool literal = domain.size() >= 2 && domain.front() == '[' && domain.back() == ']';
  std::string tokens = literal ? LiteralToken(domain.substr(1, domain.size() - 2)) : ReversedLabels(domain);
  if (tokens.size() <= kMaxDomainTokens) return tokens;
  const std::string hash = Hex(Fnv1a(tokens));
  tokens.resize(kKeptOfLongDomain);
  while (tokens.back() == '.') tokens.pop_back();
  return tokens + "." + hash;
}

bool IsValidTenant(std::string_view tenant) {
  return !tenant.empty() && tenant.size() <= kMaxTenantLength &&
         std::all_of(tenant.begin(), tenant.end(), IsTokenCharacter);
}

}  // namespace goniec::queue
