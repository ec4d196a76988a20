#include "common/queue/events/open_recipients.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/hash/hash.h"
#include "common/mail/ulid.h"
#include "common/queue/model/message_status.h"

namespace goniec::queue {
namespace {

std::uint64_t KeyOf(const std::string& message_id, std::uint32_t index) {
  return absl::HashOf(message_id, index);
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

bool OpenRecipients::InShare(const std::string& message_id) const {
  auto share = std::prev(shares_.end());
  if (shares_.size() > 1) {
    const WallTime accepted = mail::TimeOf(message_id);
    while (share != shares_.begin() && accepted < share->since) --share;
  }
  const std::uint64_t mask = (std::uint64_t{1} << share->bits) - 1;
  return (absl::HashOf(message_id) & mask) == 0;
}

void OpenRecipients::Add(const v1::Event& event, std::uint64_t page) {
  if (!InShare(event.message_id())) return;
  const auto known = open_.find(event.message_id());
  if (known == open_.end()) {
    // Nothing that has ended comes back: a repeated acceptance, a notice, a second end.
    const bool all_ended = std::all_of(
        event.recipients().begin(), event.recipients().end(),
        [&](const v1::EventRecipient& about) { return Ended(event.message_id(), about.index()); });
    if (all_ended) {
      Message ended;
      for (const v1::EventRecipient& about : event.recipients()) AddTo(ended, event, about, page);
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
  for (const v1::EventRecipient& about : event.recipients()) AddTo(message, event, about, page);
  if (message.ended >= message.recipient_count) open_.erase(event.message_id());
}

void OpenRecipients::AddTo(Message& message, const v1::Event& event, const v1::EventRecipient& about,
                           std::uint64_t page) {
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
  if (!IsMove(event.type()) || event.generation() <= recipient.generation) return;
  recipient = {.generation = event.generation(), .due_page = page};
}

void OpenRecipients::Met(const std::string& message_id, std::uint32_t index, std::uint32_t generation,
                         std::uint64_t page) {
  const auto message = open_.find(message_id);
  if (message == open_.end()) return;
  const auto recipient = message->second.recipients.find(index);
  if (recipient == message->second.recipients.end()) return;
  // A copy of the generation before is one whose move was interrupted: who gets it finishes that.
  if (generation + 1 >= recipient->second.generation) recipient->second.met_page = page;
}

void OpenRecipients::Met(const std::string& message_id, std::uint64_t page) {
  const auto message = open_.find(message_id);
  if (message == open_.end()) return;
  for (auto& [index, recipient] : message->second.recipients) recipient.met_page = page;
}

void OpenRecipients::HalveShare() {
  const int bits = share_bits() + 1;
  for (Share& share : shares_) share.bits = std::max(share.bits, bits);
  const auto same = [](const Share& a, const Share& b) { return a.bits == b.bits; };
  shares_.erase(std::unique(shares_.begin(), shares_.end(), same), shares_.end());
  std::erase_if(open_, [&](const auto& entry) { return !InShare(entry.first); });
}

void OpenRecipients::DoubleShare(WallTime now) {
  if (share_bits() > 0) shares_.push_back({now, share_bits() - 1});
}

}  // namespace goniec::queue
