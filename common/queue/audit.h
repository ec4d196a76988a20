// The audit: for all mail accepted more than five minutes ago, accepted = ended + queued, by id. Events say
// what was accepted and what has ended; every recipient that is left must lie in a stored record. Run once by
// `goniec audit`, and again and again, from where it stopped, by one of the workers. Reads only.
//
// Confined to one coroutine at a time.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/queue/event_tail.h"
#include "common/queue/open_recipients.h"

namespace goniec::queue {

class Broker;
class MessageFinder;
struct QueueConfig;

// What is younger may be on its way between two places.
inline constexpr std::chrono::minutes kAuditAge{5};

struct UnaccountedRecipient {
  std::string message_id;
  std::string tenant;
  std::uint32_t index = 0;
  std::string address;  // empty if no event has named it
  std::uint32_t generation = 0;
};

struct AuditReport {
  OpenRecipients::Counts counts;
  std::uint64_t queued = 0;         // recipients that have not ended and lie in a record, as far as looked at
  std::uint64_t young = 0;          // recipients too young to be looked at
  std::uint64_t ready_records = 0;  // accepted, perhaps without any event yet
  std::uint64_t quarantined = 0;    // records set aside
  std::uint64_t unreadable_events = 0;
  std::vector<UnaccountedRecipient> unaccounted;
  std::optional<WallTime> oldest;  // acceptance of the oldest mail that has not ended
  int share_bits = 0;              // one in 2^n messages was looked at
};

class Audit {
 public:
  // `domain_of`: as SettlementContext's. All must outlive it.
  Audit(Broker& broker, MessageFinder& finder, const QueueConfig& config,
        std::function<std::string(const std::string& address)> domain_of);

  // `age` is kAuditAge but in tests. kUnavailable: the broker could not be asked, nothing is known.
  asio::awaitable<absl::StatusOr<AuditReport>> Run(std::chrono::seconds age = kAuditAge);

  // As of the last Run().
  [[nodiscard]] const OpenRecipients& recipients() const { return recipients_; }
  // WAIT's subjects as of the last Run(), under wait. and due.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& copies() const { return copies_; }

 private:
  using OpenMessage = OpenRecipients::Message;
  asio::awaitable<absl::Status> ListCopies();
  [[nodiscard]] bool HasCopy(const std::string& id, const OpenMessage& message,
                             const OpenRecipients::Recipient& recipient) const;
  asio::awaitable<absl::Status> LookAt(std::string id, OpenMessage message, AuditReport& report);
  struct Found {
    std::uint64_t queued = 0;
    std::vector<UnaccountedRecipient> unaccounted;
  };
  asio::awaitable<absl::StatusOr<Found>> Find(const std::string& id, const OpenMessage& message);
  asio::awaitable<absl::Status> ReadReady(AuditReport& report);

  Broker& broker_;
  MessageFinder& finder_;
  const QueueConfig& config_;
  std::function<std::string(const std::string&)> domain_of_;
  EventTail tail_;
  OpenRecipients recipients_;
  std::map<std::string, std::uint64_t> copies_;
};

}  // namespace goniec::queue
