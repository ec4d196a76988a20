#include "common/queue/events/events.h"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/mail/ulid.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/events/stalled_writes.h"
#include "common/queue/model/config.h"
#include "common/queue/model/message_status.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::milliseconds kStoreLimit{2'000};
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{2'000};
// Later events of a message lie apart, so that the early ones of a slot are few.
constexpr std::chrono::seconds kLateAfter{60};

// What only the holder may say. The others tell what was seen to happen at the peer, whoever holds the
// recipient now.
bool NeedsLease(const v1::Event& event) {
  switch (event.type()) {
    case v1::EVENT_TYPE_ACCEPTED:
    case v1::EVENT_TYPE_DELIVERED:
      return false;
    case v1::EVENT_TYPE_BOUNCED:
      return event.outcome().reason() != v1::REASON_OUTCOME_UNKNOWN;
    default:
      return true;
  }
}

asio::awaitable<void> Pause(std::chrono::milliseconds span) {
  asio::steady_timer timer(co_await asio::this_coro::executor, span);
  co_await timer.async_wait(asio::use_awaitable);
}

// Where events of this message go when they are stored now: decided by the moment of the sending, so that
// what waited for the broker, or in the queue, does not end up among the early ones.
std::string SubjectAt(const v1::Event& event, const QueueConfig& config, WallTime now) {
  const int slot = SlotOf(event.message_id());
  const int shard = ShardOf(slot, config.event_shards);
  const bool late = now > mail::TimeOf(event.message_id()) + kLateAfter;
  return late ? LateEventSubject(shard, event.tenant(), slot) : EventSubject(shard, event.tenant(), slot);
}

// Events of one record, all in one slot, in pieces that fit into an EventRecord.
std::vector<v1::EventRecord> Split(std::vector<v1::Event> events) {
  std::vector<v1::EventRecord> batches;
  std::size_t bytes = 0;
  for (v1::Event& event : events) {
    const std::size_t size = event.ByteSizeLong() + 8;
    if (batches.empty() || bytes + size > kMaxEventRecordBytes) {
      batches.emplace_back();
      bytes = 0;
    }
    bytes += size;
    *batches.back().add_events() = std::move(event);
  }
  return batches;
}

OutgoingMessage Encode(const v1::EventRecord& record) {
  return {"",
          std::make_shared<const std::string>(record.SerializeAsString()),
          {{kHeaderMessageId, mail::NewUlid(std::chrono::system_clock::now())}}};
}

// How many it took out.
std::size_t LeaveOutWhatNeedsLease(v1::EventRecord& batch) {
  auto& events = *batch.mutable_events();
  const auto from = std::remove_if(events.begin(), events.end(), NeedsLease);
  const auto count = static_cast<std::size_t>(events.end() - from);
  events.erase(from, events.end());
  return count;
}

asio::awaitable<absl::StatusOr<StoredEvents>> StoreBatch(Broker& broker, const QueueConfig& config,
                                                         v1::EventRecord batch, StalledWrites& stalled,
                                                         std::function<bool()> leased,
                                                         std::function<bool()> stop) {
  StoredEvents stored;
  OutgoingMessage message = Encode(batch);
  std::chrono::milliseconds pause = kFirstPause;
  StalledWrites::Mark mark(stalled);
  for (;;) {
    if (!leased() && LeaveOutWhatNeedsLease(batch) > 0) {
      stored.complete = false;
      message = Encode(batch);
    }
    if (batch.events().empty()) co_return stored;
    message.subject = SubjectAt(batch.events(0), config,
                                broker.Now());  // a repetition is dropped by its id whatever the subject
    const PublishResult result = co_await PublishAcknowledged(broker, message, kStoreLimit);
    if (result.state == PublishState::kStored) co_return stored;
    if (mark.Stall()) {
      observe::Warn("events not stored, trying on",
                    {{"subject", message.subject}, {"error", Message(result.status)}});
    }
    if (stop()) co_return absl::CancelledError("stopped before the events were stored");
    co_await Pause(pause);
    if (stop()) co_return absl::CancelledError("stopped before the events were stored");
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace

v1::Event AcceptedEvent(const v1::Mail& mail) {
  v1::Event event;
  event.set_event_id(absl::StrCat(mail.message_id(), ".accepted"));
  event.set_message_id(mail.message_id());
  event.set_tenant(mail.tenant());
  event.set_type(v1::EVENT_TYPE_ACCEPTED);
  *event.mutable_time() = mail.accept_time();
  event.set_recipient_count(mail.recipient_count());
  for (const v1::Recipient& recipient : mail.recipients()) {
    v1::EventRecipient& named = *event.add_recipients();
    named.set_index(recipient.index());
    named.set_address(recipient.address());
  }
  v1::Acceptance& acceptance = *event.mutable_acceptance();
  acceptance.set_mail_class(mail.mail_class());
  acceptance.set_mail_from(mail.mail_from());
  *acceptance.mutable_accept_time() = mail.accept_time();
  *acceptance.mutable_expire_time() = mail.expire_time();
  acceptance.set_size_bytes(mail.size_bytes());
  acceptance.set_internet_message_id(mail.internet_message_id());
  *acceptance.mutable_tags() = mail.tags();
  *acceptance.mutable_metadata() = mail.metadata();
  return event;
}

v1::Event MakeEvent(const v1::Mail& mail, v1::EventType type, const std::vector<std::uint32_t>& positions,
                    WallTime now) {
  v1::Event event;
  event.set_event_id(mail::NewUlid(now));
  event.set_message_id(mail.message_id());
  event.set_tenant(mail.tenant());
  event.set_type(type);
  *event.mutable_time() = ToProto(now);
  event.set_generation(mail.generation());
  event.set_recipient_count(mail.recipient_count());
  for (const std::uint32_t position : positions) {
    const v1::Recipient& recipient = mail.recipients(static_cast<int>(position));
    v1::EventRecipient& named = *event.add_recipients();
    named.set_index(recipient.index());
    named.set_address(recipient.address());
  }
  return event;
}

asio::awaitable<absl::StatusOr<StoredEvents>> StoreEvents(
    Broker& broker, const QueueConfig& config, std::vector<v1::Event> events, StalledWrites& stalled,
    std::function<bool()> leased, std::function<bool()> stop, std::optional<v1::ReadyPlace> ready) {
  StoredEvents all;
  std::vector<v1::EventRecord> batches = Split(std::move(events));
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (ready) {
      ready->set_partial(i + 1 < batches.size());
      *batches[i].mutable_ready() = *ready;
    }
    absl::StatusOr<StoredEvents> stored =
        co_await StoreBatch(broker, config, std::move(batches[i]), stalled, leased, stop);
    if (!stored.ok()) co_return stored.status();
    all.complete = all.complete && stored->complete;
  }
  co_return all;
}

std::optional<v1::ReadyPlace> ReadyPlaceOf(std::string_view stream, std::uint64_t sequence,
                                           WallTime stored_at) {
  const std::optional<int> lane = LaneOfReady(stream);
  if (!lane) return std::nullopt;
  v1::ReadyPlace ready;
  ready.set_lane(static_cast<std::uint32_t>(*lane));
  ready.set_sequence(sequence);
  *ready.mutable_stored_time() = ToProto(stored_at);
  return ready;
}

OutgoingMessage ReadyNote(const QueueConfig& config, std::string_view ready_subject,
                          const v1::ReadyPlace& ready) {
  v1::EventRecord record;
  *record.mutable_ready() = ready;
  OutgoingMessage message = Encode(record);
  message.subject = NoteSubject(ready_subject, config.event_shards);
  message.headers = {
      {kHeaderMessageId, absl::StrCat("note.", ready.lane(), ".", ready.sequence(), ".",
                                      ready.last_sequence(), ".", ready.stored_time().seconds())}};
  return message;
}

}  // namespace goniec::queue
