#include "common/queue/events/message_finder.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/mail/ulid.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/events/events.h"
#include "common/queue/model/config.h"
#include "common/queue/model/record_check.h"
#include "common/queue/model/subjects.h"
#include "common/queue/streams/stream_state.h"

namespace goniec::queue {
namespace {

using Json = nlohmann::json;

// The first answer usually holds all that is asked for; what comes after it in the slot would be sent for
// nothing.
constexpr int kFirstBatch = 8;
constexpr int kNextBatches = 64;
// Of a batch: hundreds of records are looked at together, and one's events may be many and large.
constexpr std::size_t kBatchBytes = kMaxEventRecordBytes;
// Clocks differ by up to ten seconds (a service farther off is unready), and an id is made before its record
// is sent.
constexpr std::chrono::seconds kBeforeId{60};
// Late events are those more than 60 s after the id's time; half of that is left for the clocks.
constexpr std::chrono::seconds kLateFrom{30};
constexpr std::chrono::seconds kReplicationKnown{1};

// Where in EVENTS one of the two subjects of a slot has been read up to.
struct Walk {
  std::string stream;
  std::string subject;
  WallTime from;
  // The sequence to go on at; 0: nothing was read yet, start at `from`.
  std::uint64_t next = 0;
};

// A message is addressed by tenant and id: both are in every subject, so that nobody finds another tenant's.
struct Address {
  std::string tenant;
  std::string id;
  int slot = 0;
  int shard = 0;
};

std::optional<Address> ParseAddress(const std::string& tenant, const std::string& message_id, int shards) {
  std::optional<std::string> id = mail::ParseUlid(message_id);
  if (!id.has_value() || !IsValidTenant(tenant)) return std::nullopt;
  const int slot = SlotOf(*id);
  return Address{tenant, *std::move(id), slot, ShardOf(slot, shards)};
}

Walk EarlyWalk(const Address& address) {
  return {EventsStream(address.shard), EventSubject(address.shard, address.tenant, address.slot),
          mail::TimeOf(address.id) - kBeforeId};
}

Walk LateWalk(const Address& address) {
  return {EventsStream(address.shard), LateEventSubject(address.shard, address.tenant, address.slot),
          mail::TimeOf(address.id) - kBeforeId};
}

bool LateEventsMayExist(const Address& address, WallTime now) {
  return now > mail::TimeOf(address.id) + kLateFrom;
}

void FoldRecord(const StoredMessage& stored, StatusFold& fold) {
  v1::EventRecord record;
  if (!record.ParseFromString(stored.data)) return;
  for (const v1::Event& event : record.events()) fold.Add(event, {stored.sequence, stored.stored_at});
}

// "Not there" is an answer only if the stream was there to be asked; otherwise nobody knows.
absl::Status NotAnAnswer(const absl::Status& status, std::string_view context) {
  return absl::UnavailableError(absl::StrCat(ToAbsl(context), ": ", ToAbsl(Message(status))));
}
bool IsNoMessage(const absl::Status& status) {
  return absl::IsNotFound(status) && absl::StrContains(status.message(), "10037");
}

// As GetNextMessage, but "there is none" is a value and all other failures are kUnavailable.
asio::awaitable<absl::StatusOr<std::optional<StoredMessage>>> Next(Broker& broker, std::string stream,
                                                                   std::string subject, std::uint64_t from) {
  absl::StatusOr<StoredMessage> stored = co_await GetNextMessage(broker, stream, std::move(subject), from);
  if (IsNoMessage(stored.status())) co_return std::optional<StoredMessage>();
  if (!stored.ok()) co_return NotAnAnswer(stored.status(), stream);
  co_return std::optional<StoredMessage>(*std::move(stored));
}

// Everything that is stored under the subject, first to last.
asio::awaitable<absl::Status> ReadAll(Broker& broker, std::string stream, std::string subject,
                                      std::function<void(const StoredMessage&)> each) {
  for (std::uint64_t from = 1;;) {
    const absl::StatusOr<std::optional<StoredMessage>> stored = co_await Next(broker, stream, subject, from);
    if (!stored.ok()) co_return stored.status();
    if (!stored->has_value()) co_return absl::OkStatus();
    from = (*stored)->sequence + 1;
    each(**stored);
  }
}

using Each = std::function<void(const StoredMessage&)>;
// Whether what comes from this sequence of the subject on can matter no more.
using Enough = std::function<bool(std::uint64_t next)>;

// Whatever replica answers; it may lag.
asio::awaitable<absl::Status> ReadDirect(Broker& broker, Walk& walk, const Each& each, const Enough& enough) {
  int size = walk.next == 0 ? kFirstBatch : kNextBatches;
  for (;;) {
    const absl::StatusOr<DirectBatch> batch =
        co_await GetDirectBatch(broker, walk.stream, walk.subject, size, walk.from, walk.next, kBatchBytes);
    if (!batch.ok()) co_return NotAnAnswer(batch.status(), walk.stream);
    for (const StoredMessage& stored : batch->messages) {
      each(stored);
      walk.next = stored.sequence + 1;
    }
    if (batch->messages.empty() || batch->pending == 0 || enough(walk.next)) co_return absl::OkStatus();
    size = kNextBatches;
  }
}

// The leader's first sequence of the subject at or after a time, 0 if there is none.
asio::awaitable<absl::StatusOr<std::uint64_t>> FirstAtLeader(Broker& broker, const Walk& walk) {
  const Json request = {{"next_by_subj", walk.subject},
                        {"start_time", absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", absl::FromChrono(walk.from),
                                                        absl::UTCTimeZone())}};
  const absl::StatusOr<std::string> answer =
      co_await CallApi(broker, absl::StrCat("STREAM.MSG.GET.", walk.stream), request.dump());
  if (IsNoMessage(answer.status())) co_return std::uint64_t{0};
  if (!answer.ok()) co_return NotAnAnswer(answer.status(), walk.stream);
  const Json read = Json::parse(*answer, nullptr, false);
  if (!read.is_object() || !read.contains("message") || !read["message"].contains("seq") ||
      !read["message"]["seq"].is_number_unsigned()) {
    co_return absl::UnavailableError(absl::StrCat(walk.stream, ": the broker's answer cannot be read"));
  }
  co_return read["message"]["seq"].get<std::uint64_t>();
}

// What the leader has beyond that. A replica that lags has the beginning of what the leader has, so it is
// enough to go on where the direct reading ended.
asio::awaitable<absl::Status> ReadAtLeader(Broker& broker, Walk& walk, const Each& each,
                                           const Enough& enough) {
  if (walk.next == 0) {
    const absl::StatusOr<std::uint64_t> first = co_await FirstAtLeader(broker, walk);
    if (!first.ok()) co_return first.status();
    if (*first == 0) co_return absl::OkStatus();
    walk.next = *first;
  }
  while (!enough(walk.next)) {
    const absl::StatusOr<std::optional<StoredMessage>> stored =
        co_await Next(broker, walk.stream, walk.subject, walk.next);
    if (!stored.ok()) co_return stored.status();
    if (!stored->has_value()) break;
    each(**stored);
    walk.next = (*stored)->sequence + 1;
  }
  co_return absl::OkStatus();
}

// Goes on with the walk, to its end or until it is enough.
asio::awaitable<absl::Status> ReadOn(Broker& broker, Replication& replication, Walk& walk, Each each,
                                     Enough enough) {
  if (enough(walk.next)) co_return absl::OkStatus();
  if (absl::Status read = co_await ReadDirect(broker, walk, each, enough); !read.ok()) co_return read;
  if (enough(walk.next)) co_return absl::OkStatus();
  const absl::StatusOr<bool> replicated = co_await replication.IsReplicated(broker, walk.stream);
  if (!replicated.ok()) co_return replicated.status();
  if (*replicated) co_return co_await ReadAtLeader(broker, walk, each, enough);
  co_return absl::OkStatus();
}

// Reads the two subjects of a message.
class EventReader {
 public:
  EventReader(Broker& broker, Replication& replication, StatusFold& fold, const Address& address)
      : broker_(broker),
        replication_(replication),
        fold_(fold),
        address_(address),
        early_(EarlyWalk(address)),
        late_(LateWalk(address)) {}

  // To their end, or until all recipients have ended.
  asio::awaitable<absl::Status> ReadEarly() {
    return Read(early_, [this](std::uint64_t) { return fold_.status().AllTerminal(); });
  }
  asio::awaitable<absl::Status> ReadLate() {
    return Read(late_, [this](std::uint64_t) { return fold_.status().AllTerminal(); });
  }
  // Once all have ended: an end under the other subject that lies before these is the one that counts. There
  // can be one only if they were stored when late events were possible.
  asio::awaitable<absl::Status> ReadEarlierEnds() {
    if (!fold_.status().AllTerminal() || fold_.last_end().stored_at < mail::TimeOf(address_.id) + kLateFrom) {
      co_return absl::OkStatus();
    }
    const auto behind = [this](std::uint64_t next) { return next >= fold_.last_end().sequence; };
    if (absl::Status read = co_await Read(late_, behind); !read.ok()) co_return read;
    co_return co_await Read(early_, behind);
  }

 private:
  asio::awaitable<absl::Status> Read(Walk& walk, Enough enough) {
    return ReadOn(
        broker_, replication_, walk, [this](const StoredMessage& stored) { FoldRecord(stored, fold_); },
        std::move(enough));
  }

  Broker& broker_;
  Replication& replication_;
  StatusFold& fold_;
  const Address& address_;
  Walk early_;
  Walk late_;
};

// The message in a stored record; null if it is not there. Valid as long as `record`.
const v1::Mail* FindMail(const v1::Record& record, const Address& address) {
  for (const v1::Mail& mail : record.mails()) {
    if (mail.message_id() == address.id && mail.tenant() == address.tenant) return &mail;
  }
  return nullptr;
}

// The subjects of a place that match: its own, wildcards and all, unless they are asked for first.
asio::awaitable<absl::StatusOr<std::vector<std::string>>> SubjectsIn(Broker& broker, StoredPlace place) {
  std::vector<std::string> subjects;
  if (!place.by_name) {
    subjects.push_back(std::move(place.subject));
    co_return subjects;
  }
  const absl::StatusOr<StreamState> state = co_await ReadStreamState(broker, place.stream, place.subject);
  if (!state.ok()) co_return NotAnAnswer(state.status(), place.stream);
  for (const auto& [subject, count] : state->subjects) subjects.push_back(subject);
  co_return subjects;
}

// The message, if one of the records at its slot in READY holds it.
asio::awaitable<absl::StatusOr<std::optional<v1::Mail>>> ReadReady(Broker& broker, int lanes,
                                                                   const Address& address) {
  for (int lane = 0; lane < lanes; ++lane) {
    const std::string subject = ReadySlotFilter(lane, address.tenant, address.slot);
    for (std::uint64_t from = 1;;) {
      const absl::StatusOr<std::optional<StoredMessage>> stored =
          co_await Next(broker, ReadyStream(lane), subject, from);
      if (!stored.ok()) co_return stored.status();
      if (!stored->has_value()) break;
      from = (*stored)->sequence + 1;
      v1::Record record;
      if (!record.ParseFromString((*stored)->data)) continue;
      if (const v1::Mail* mail = FindMail(record, address)) {
        co_return std::optional<v1::Mail>(*mail);
      }
    }
  }
  co_return std::optional<v1::Mail>();
}

// The message in the records that were set aside: not served, but there.
asio::awaitable<absl::StatusOr<std::vector<v1::Mail>>> ReadSetAside(Broker& broker, const Address& address) {
  std::vector<v1::Mail> found;
  for (const std::string& subject : QuarantineFilters(address.tenant, address.id)) {
    absl::Status read =
        co_await ReadAll(broker, kQuarantineStream, subject, [&](const StoredMessage& message) {
          v1::Record record;
          if (!record.ParseFromString(message.data)) return;
          if (const v1::Mail* mail = FindMail(record, address)) found.push_back(*mail);
        });
    if (!read.ok()) co_return read;
  }
  co_return found;
}

// Not on kLaterShelf, where it waits for a time.
bool IsOnSitesShelf(const std::string& subject) {
  const std::optional<OnShelf> shelf = ParseHeld(subject);
  return IsHeld(subject) && shelf && shelf->place.site != kLaterShelf;
}

absl::Status NoSuchMessage() {
  return absl::NotFoundError("no such message");
}

}  // namespace

asio::awaitable<absl::StatusOr<bool>> Replication::IsReplicated(Broker& broker, std::string stream) {
  const BootTime asked = BootClock::now();
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(stream);
    if (found != known_.end() && asked - found->second.asked < kReplicationKnown) {
      co_return found->second.replicated;
    }
  }
  const absl::StatusOr<std::string> info = co_await CallApi(broker, absl::StrCat("STREAM.INFO.", stream), "");
  if (!info.ok()) co_return NotAnAnswer(info.status(), stream);
  const Json read = Json::parse(*info, nullptr, false);
  const bool single =
      read.is_object() && read.contains("config") && read["config"].value("num_replicas", 0) == 1;
  const std::lock_guard lock(mutex_);
  known_[stream] = {!single, asked};
  co_return !single;
}

MessageFinder::MessageFinder(Broker& broker, const QueueConfig& config) : broker_(broker), config_(config) {}

// The order makes it safe while the message moves: every step away from a place is an event first (see
// README.md, "The holder rule"), so what is no longer found in READY or as a copy has an event by the time of
// the second reading.
asio::awaitable<absl::StatusOr<MessageStatus>> MessageFinder::Find(std::string tenant,
                                                                   std::string message_id) {
  const std::optional<Address> address = ParseAddress(tenant, message_id, config_.event_shards);
  if (!address.has_value()) co_return NoSuchMessage();
  StatusFold fold(address->id);
  EventReader reader(broker_, replication_, fold, *address);
  if (absl::Status read = co_await reader.ReadEarly(); !read.ok()) co_return read;
  if (!fold.status().AllTerminal()) {
    const absl::StatusOr<std::optional<v1::Mail>> in_ready =
        co_await ReadReady(broker_, config_.lanes, *address);
    if (!in_ready.ok()) co_return in_ready.status();
    if (in_ready->has_value()) fold.AddStored(**in_ready);
    if (in_ready->has_value() && !LateEventsMayExist(*address, broker_.Now())) co_return fold.status();
    if (!in_ready->has_value()) {
      const absl::StatusOr<std::vector<StoredCopy>> copies = co_await FindCopies(tenant, address->id);
      if (!copies.ok()) co_return copies.status();
      for (const StoredCopy& copy : *copies) fold.AddStored(copy.mail, IsOnSitesShelf(copy.subject));
    }
    if (absl::Status read = co_await reader.ReadEarly(); !read.ok()) co_return read;
    if (absl::Status read = co_await reader.ReadLate(); !read.ok()) co_return read;
  }
  if (absl::Status read = co_await reader.ReadEarlierEnds(); !read.ok()) co_return read;
  if (fold.status().recipients.empty()) {
    const absl::StatusOr<std::vector<v1::Mail>> set_aside = co_await ReadSetAside(broker_, *address);
    if (!set_aside.ok()) co_return set_aside.status();
    for (const v1::Mail& mail : *set_aside) fold.AddStored(mail);
  }
  if (fold.status().recipients.empty()) co_return NoSuchMessage();
  co_return fold.status();
}

asio::awaitable<absl::StatusOr<MessageStatus>> MessageFinder::FoldEvents(std::string tenant,
                                                                         std::string message_id) {
  const std::optional<Address> address = ParseAddress(tenant, message_id, config_.event_shards);
  if (!address.has_value()) co_return NoSuchMessage();
  StatusFold fold(address->id);
  EventReader reader(broker_, replication_, fold, *address);
  if (absl::Status read = co_await reader.ReadEarly(); !read.ok()) co_return read;
  if (absl::Status read = co_await reader.ReadLate(); !read.ok()) co_return read;
  if (absl::Status read = co_await reader.ReadEarlierEnds(); !read.ok()) co_return read;
  co_return fold.status();
}

asio::awaitable<absl::StatusOr<std::map<std::string, MessageStatus>>> MessageFinder::FoldEventsOfAll(
    std::string tenant, std::vector<std::string> message_ids) {
  std::map<std::string, MessageStatus> all;
  std::map<std::string, StatusFold> folds;
  std::optional<Address> first;  // their slot, and time, is that of all
  for (const std::string& message_id : message_ids) {
    const std::optional<Address> address = ParseAddress(tenant, message_id, config_.event_shards);
    if (!address.has_value()) co_return NoSuchMessage();
    if (first.has_value() && mail::RecordIdOf(address->id) != mail::RecordIdOf(first->id)) {
      co_return absl::InvalidArgumentError(
          absl::StrCat(message_id, " is of another record than ", first->id));
    }
    first = address;
    folds.try_emplace(address->id, address->id);
  }
  if (!first.has_value()) co_return all;
  const Each add = [&folds](const StoredMessage& stored) {
    v1::EventRecord record;
    if (!record.ParseFromString(stored.data)) return;
    for (const v1::Event& event : record.events()) {
      const auto found = folds.find(event.message_id());
      if (found != folds.end()) found->second.Add(event, {stored.sequence, stored.stored_at});
    }
  };
  const Enough enough = [&folds](std::uint64_t) {
    return std::all_of(folds.begin(), folds.end(),
                       [](const auto& each) { return each.second.status().AllTerminal(); });
  };
  for (Walk walk : {EarlyWalk(*first), LateWalk(*first)}) {
    if (absl::Status read = co_await ReadOn(broker_, replication_, walk, add, enough); !read.ok()) {
      co_return read;
    }
  }
  for (const auto& [id, fold] : folds) all.emplace(id, fold.status());
  co_return all;
}

asio::awaitable<absl::StatusOr<std::vector<MessageFinder::StoredCopy>>> MessageFinder::FindCopies(
    std::string tenant, std::string message_id) {
  std::vector<StoredCopy> copies;
  const std::optional<Address> address = ParseAddress(tenant, message_id, config_.event_shards);
  if (!address.has_value()) co_return copies;
  for (int lane = 0; lane < config_.lanes; ++lane) {
    for (const StoredPlace& place : CopyFilters(lane, address->tenant, address->id)) {
      const absl::StatusOr<std::vector<std::string>> subjects = co_await SubjectsIn(broker_, place);
      if (!subjects.ok()) co_return subjects.status();
      for (const std::string& subject : *subjects) {
        absl::Status read =
            co_await ReadAll(broker_, place.stream, subject, [&](const StoredMessage& message) {
              v1::Record record;
              if (!record.ParseFromString(message.data)) return;
              const v1::Mail* mail = FindMail(record, *address);
              if (mail != nullptr) copies.push_back({place.stream, message.subject, message.sequence, *mail});
            });
        if (!read.ok()) co_return read;
      }
    }
  }
  co_return copies;
}

asio::awaitable<absl::StatusOr<std::vector<v1::Mail>>> MessageFinder::FindStored(std::string tenant,
                                                                                 std::string message_id) {
  std::vector<v1::Mail> found;
  const std::optional<Address> address = ParseAddress(tenant, message_id, config_.event_shards);
  if (!address.has_value()) co_return found;
  absl::StatusOr<std::optional<v1::Mail>> in_ready = co_await ReadReady(broker_, config_.lanes, *address);
  if (!in_ready.ok()) co_return in_ready.status();
  if (in_ready->has_value()) found.push_back(**std::move(in_ready));
  absl::StatusOr<std::vector<StoredCopy>> copies =
      co_await FindCopies(std::move(tenant), std::move(message_id));
  if (!copies.ok()) co_return copies.status();
  for (StoredCopy& copy : *copies) found.push_back(std::move(copy.mail));
  co_return found;
}

asio::awaitable<absl::Status> MessageFinder::ReadEarlier(StoredPlace place, std::uint64_t sequence,
                                                         std::function<void(const v1::Record&)> each) {
  const absl::StatusOr<std::vector<std::string>> subjects = co_await SubjectsIn(broker_, place);
  if (!subjects.ok()) co_return subjects.status();
  for (const std::string& subject : *subjects) {
    for (std::uint64_t from = 1; from < sequence;) {
      const absl::StatusOr<std::optional<StoredMessage>> stored =
          co_await Next(broker_, place.stream, subject, from);
      if (!stored.ok()) co_return stored.status();
      if (!stored->has_value() || (*stored)->sequence >= sequence) break;
      from = (*stored)->sequence + 1;
      v1::Record record;
      if (!record.ParseFromString((*stored)->data)) continue;
      if (CheckRecord(record, (*stored)->subject).ok()) each(record);
    }
  }
  co_return absl::OkStatus();
}

}  // namespace goniec::queue
