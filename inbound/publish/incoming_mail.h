// One message on its way into the queue: takes the body as it comes, then makes the record's Mail of it and
// commits. Made by a connection when its session opens a body; destroying it before Commit() gives the
// message up. Keeps at most what BodyWriter keeps in memory, and counts it against BodyMemory. Decides
// nothing about replies. Confined to its connection's executor.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/queue/body_store.h"
#include "inbound/config.h"
#include "inbound/policy/recipient_policy.h"
#include "inbound/publish/body_memory.h"
#include "inbound/session/transaction.h"

namespace goniec::queue {
class Broker;
class Publisher;
}  // namespace goniec::queue

namespace goniec::inbound {

// What all messages of the process share. All must outlive them.
struct Intake {
  queue::Broker& broker;
  queue::Publisher& publisher;
  BodyMemory& memory;
  const MailConfig& mail;
  // In Received headers.
  const std::string& host_name;
};

class IncomingMail {
 public:
  explicit IncomingMail(const Intake& intake);
  ~IncomingMail();
  IncomingMail(const IncomingMail&) = delete;
  IncomingMail& operator=(const IncomingMail&) = delete;

  // False if Append() has to be awaited, else the bytes were taken. No system call, no suspension.
  [[nodiscard]] bool AppendNow(std::string_view bytes);
  // `bytes` must live until it is done. kResourceExhausted also when BodyMemory is full. After an error the
  // message can only be given up.
  [[nodiscard]] asio::awaitable<absl::Status> Append(std::string_view bytes);

  // The message id once the record is durable. Once, at the end.
  [[nodiscard]] asio::awaitable<absl::StatusOr<std::string>> Commit(const Transaction& transaction,
                                                                    const PeerInfo& peer);

 private:
  // Follows the writer's use of memory; false if there is no room for it.
  [[nodiscard]] bool Account();

  const Intake& intake_;
  queue::BodyWriter writer_;
  uint64_t counted_ = 0;
};

}  // namespace goniec::inbound
