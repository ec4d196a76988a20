#include "common/queue/audit.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/mail/ulid.h"
#include "common/queue/broker.h"
#include "common/queue/config.h"
#include "common/queue/events.h"
#include "common/queue/jetstream.h"
#include "common/queue/message_finder.h"
#include "common/queue/stream_state.h"
#include "common/queue/subjects.h"

namespace goniec::queue {
namespace {

// Beyond it a share of the messages is looked at: 100 MB or so.
constexpr std::size_t kMostOpenMessages = 250'000;
constexpr int kLooks = 3;

// The part of a copy's subject behind place and lane, for either class: where the copy of this recipient
// lies.
std::string CopyTail(MailClass mail_class, const std::string& id, const OpenRecipients::Message& message,
                     std::uint32_t generation, const std::string& domain) {
  const std::string subject = WaitSubject(0, mail_class, message.tenant, id, generation, domain);
  return subject.substr(std::string_view("wait.0.").size());
}

}  // namespace

Audit::Audit(Broker& broker, MessageFinder& finder, const QueueConfig& config,
             std::function<std::string(const std::string& address)> domain_of)
    : broker_(broker),
      finder_(finder),
      config_(config),
      domain_of_(std::move(domain_of)),
      tail_(broker, config) {}

asio::awaitable<absl::StatusOr<AuditReport>> Audit::Run(std::chrono::seconds age) {
  const WallTime now = broker_.Now();
  absl::Status read = co_await tail_.ReadNew([this](const v1::Event& event) {
    recipients_.Add(event);
    if (recipients_.open().size() > kMostOpenMessages) recipients_.KeepShare(recipients_.share_bits() + 1);
  });
  if (!read.ok()) co_return read;
  if (read = co_await ListCopies(); !read.ok()) co_return read;

  AuditReport report;
  if (read = co_await ReadReady(report); !read.ok()) co_return read;
  for (const auto& [id, message] : recipients_.open()) {
    const WallTime accepted = mail::TimeOf(id);
    report.oldest = std::min(report.oldest.value_or(accepted), accepted);
    if (accepted > now - age) {
      report.young += message.recipient_count - message.ended;
      continue;
    }
    const auto& open = message.recipients;
    const bool all_moved = open.size() + message.ended >= message.recipient_count &&
                           std::all_of(open.begin(), open.end(),
                                       [&](const auto& entry) { return HasCopy(id, message, entry.second); });
    if (all_moved) {
      report.queued += open.size();
      continue;
    }
    if (read = co_await LookAt(id, message, report); !read.ok()) co_return read;
  }
  report.counts = recipients_.counts();
  report.unreadable_events = tail_.unreadable();
  report.share_bits = recipients_.share_bits();
  co_return report;
}

// By their subjects alone: ids, generations and domains stand in them.
asio::awaitable<absl::Status> Audit::ListCopies() {
  copies_.clear();
  for (int lane = 0; lane < config_.lanes; ++lane) {
    absl::StatusOr<StreamState> state = co_await ReadStreamState(broker_, WaitStream(lane), ">");
    if (!state.ok()) co_return state.status();
    copies_.merge(state->subjects);
  }
  co_return absl::OkStatus();
}

bool Audit::HasCopy(const std::string& id, const OpenMessage& message,
                    const OpenRecipients::Recipient& recipient) const {
  if (recipient.generation == 0) return false;
  const std::string domain = domain_of_(recipient.address);
  for (const MailClass mail_class : {MailClass::kTransactional, MailClass::kBulk}) {
    const std::string tail = CopyTail(mail_class, id, message, recipient.generation, domain);
    for (int lane = 0; lane < config_.lanes; ++lane) {
      if (copies_.contains(absl::StrCat("wait.", lane, ".", tail))) return true;
      if (copies_.contains(absl::StrCat("due.", lane, ".", tail))) return true;
    }
  }
  return false;
}

asio::awaitable<absl::Status> Audit::LookAt(std::string id, OpenMessage message, AuditReport& report) {
  Found found;
  // A mail that moves just then may be missed in the place that it left and in the one that it went to. It
  // does not move that often.
  for (int look = 0; look < kLooks; ++look) {
    absl::StatusOr<Found> seen = co_await Find(id, message);
    if (!seen.ok()) co_return seen.status();
    found = *std::move(seen);
    if (found.unaccounted.empty()) break;
  }
  report.queued += found.queued;
  std::move(found.unaccounted.begin(), found.unaccounted.end(), std::back_inserter(report.unaccounted));
  co_return absl::OkStatus();
}

// One message, everywhere: records first, then its events, for what has left a record has an event by then.
asio::awaitable<absl::StatusOr<Audit::Found>> Audit::Find(const std::string& id, const OpenMessage& message) {
  const absl::StatusOr<std::vector<v1::Mail>> stored = co_await finder_.FindStored(message.tenant, id);
  if (!stored.ok()) co_return stored.status();
  const absl::StatusOr<MessageStatus> status = co_await finder_.FoldEvents(message.tenant, id);
  if (!status.ok()) co_return status.status();
  std::map<std::uint32_t, std::uint32_t> held;  // the youngest record of each recipient
  for (const v1::Mail& mail : *stored) {
    for (const v1::Recipient& recipient : mail.recipients()) {
      std::uint32_t& generation = held[recipient.index()];
      generation = std::max(generation, mail.generation());
    }
  }
  Found found;
  for (std::uint32_t index = 0; index < message.recipient_count; ++index) {
    const auto known = status->recipients.find(index);
    if (known != status->recipients.end() && IsTerminal(known->second.state)) continue;
    // A record of the generation before is one whose move was interrupted: who gets it finishes that.
    const std::uint32_t generation = known == status->recipients.end() ? 0 : known->second.generation;
    const auto record = held.find(index);
    if (record != held.end() && record->second + 1 >= generation) {
      ++found.queued;
      continue;
    }
    UnaccountedRecipient lost{id, message.tenant, index, "", 0};
    if (known != status->recipients.end()) {
      lost.address = known->second.address;
      lost.generation = known->second.generation;
    }
    found.unaccounted.push_back(std::move(lost));
  }
  co_return found;
}

asio::awaitable<absl::Status> Audit::ReadReady(AuditReport& report) {
  for (int lane = 0; lane < config_.lanes; ++lane) {
    const absl::StatusOr<StreamState> state = co_await ReadStreamState(broker_, ReadyStream(lane));
    if (!state.ok()) co_return state.status();
    report.ready_records += state->messages;
    if (state->messages == 0) continue;
    const absl::StatusOr<StoredMessage> first =
        co_await GetNextMessage(broker_, ReadyStream(lane), "ready.>");
    v1::Record record;
    if (!first.ok() || !record.ParseFromString(first->data) || record.mails().empty()) continue;
    const WallTime accepted = FromProto(record.mails(0).accept_time());
    report.oldest = std::min(report.oldest.value_or(accepted), accepted);
  }
  const absl::StatusOr<StreamState> aside = co_await ReadStreamState(broker_, kQuarantineStream);
  if (aside.ok()) report.quarantined = aside->messages;
  co_return absl::OkStatus();
}

}  // namespace goniec::queue
