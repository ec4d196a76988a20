#include "common/queue/open_recipients.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "common/queue/events.h"
#include "common/queue/message_status.h"

namespace goniec::queue {
namespace {

std::uint64_t KeyOf(const std::string& message_id, std::uint32_t index) {
  return absl::HashOf(message_id, index);
}

bool InShare(const std::string& message_id, int bits) {
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  return (absl::HashOf(message_id) & mask) == 0;
}

bool IsMove(v1::EventType type) {
  return type == v1::EVENT_TYPE_DEFERRED || type == v1::EVENT_TYPE_HELD;
}

}  // namespace

const std::uint64_t* OpenRecipients::FindEnd(std::uint64_t recipient) const {
  for (const Ends* ends : {&ends_, &earlier_ends_}) {
    if (const auto found = ends->find(recipient); found != ends->end()) return &found->second;
  }
  return nullptr;
}

bool OpenRecipients::Ended(const std::string& message_id, std::uint32_t index) const {
  return FindEnd(KeyOf(message_id, index)) != nullptr;
}

void OpenRecipients::Remember(std::uint64_t recipient, std::uint64_t event) {
  if (ends_.size() >= remembered_ends_) {
    earlier_ends_ = std::move(ends_);
    ends_.clear();
  }
  ends_.emplace(recipient, event);
}

void OpenRecipients::Add(const v1::Event& event) {
  if (!InShare(event.message_id(), share_bits_)) return;
  const auto known = open_.find(event.message_id());
  if (known == open_.end()) {
    // Nothing that has ended comes back: a repeated acceptance, a notice, a second end.
    const bool all_ended = std::all_of(
        event.recipients().begin(), event.recipients().end(),
        [&](const v1::EventRecipient& about) { return Ended(event.message_id(), about.index()); });
    if (all_ended) {
      Message ended;
      for (const v1::EventRecipient& about : event.recipients()) AddTo(ended, event, about);
      return;
    }
    ++counts_.messages;
    counts_.recipients += event.recipient_count();
  }
  Message& message = open_[event.message_id()];
  if (!event.event_id().empty()) {
    const std::uint64_t hash = absl::HashOf(event.event_id());
    if (std::find(message.events.begin(), message.events.end(), hash) != message.events.end()) return;
    message.events.push_back(hash);
  }
  message.tenant = event.tenant();
  message.recipient_count = std::max(message.recipient_count, event.recipient_count());
  for (const v1::EventRecipient& about : event.recipients()) AddTo(message, event, about);
  if (message.ended >= message.recipient_count) open_.erase(event.message_id());
}

void OpenRecipients::AddTo(Message& message, const v1::Event& event, const v1::EventRecipient& about) {
  const std::uint32_t count = std::max(message.recipient_count, event.recipient_count());
  if (count > 0 && about.index() >= count) return;
  const std::uint64_t key = KeyOf(event.message_id(), about.index());
  const std::uint64_t event_hash = absl::HashOf(event.event_id());
  const std::uint64_t* end = FindEnd(key);
  if (IsTerminal(event.type())) {
    if (end != nullptr) {
      if (*end != event_hash) ++counts_.second_terminals;
      return;
    }
    Remember(key, event_hash);
    ++counts_.ended[event.type()];
    ++message.ended;
    message.recipients.erase(about.index());
    return;
  }
  if (end != nullptr) return;
  Recipient& recipient = message.recipients[about.index()];
  if (recipient.address.empty()) recipient.address = about.address();
  if (!IsMove(event.type()) || event.generation() <= recipient.generation) return;
  recipient.generation = event.generation();
  recipient.next_attempt_time.reset();
  if (event.has_next_attempt_time()) recipient.next_attempt_time = FromProto(event.next_attempt_time());
}

void OpenRecipients::KeepShare(int bits) {
  share_bits_ = bits;
  std::erase_if(open_, [&](const auto& entry) { return !InShare(entry.first, bits); });
}

}  // namespace goniec::queue
