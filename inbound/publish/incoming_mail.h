// One message on its way into the queue: takes the body as it comes, then makes the record's Mail of it and
// commits. Made by a connection when its session opens a body; destroying it before Commit() gives the
// message up. Keeps no more in memory than BodyWriter does, and holds that in the budget until the commit is
// done; when room gets scarce, the body so far becomes chunks. Decides nothing about replies. Confined to its
// connection's executor.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/net/ip_address.h"
#include "common/queue/publish/body_store.h"
#include "inbound/memory/mail_memory.h"
#include "inbound/policy/recipient_policy.h"
#include "inbound/publish/mail_config.h"
#include "inbound/session/transaction.h"

namespace goniec::queue {
class Broker;
class Publisher;
struct Committed;
}  // namespace goniec::queue

namespace goniec::inbound {

// What all messages of the process share. All must outlive them.
struct Intake {
  queue::Broker& broker;
  queue::Publisher& publisher;
  MailMemory& memory;
  // The same rule for what bodies that are still coming in take of the store: nobody fills the queue with
  // messages that never end.
  MailMemory& unfinished;
  const MailConfig& mail;
  // In Received headers.
  const std::string& host_name;
};

class IncomingMail {
 public:
  IncomingMail(const Intake& intake, std::shared_ptr<ClientMemory> client, const net::IpAddress& peer);
  IncomingMail(const IncomingMail&) = delete;
  IncomingMail& operator=(const IncomingMail&) = delete;

  // False if Append() has to be awaited, else the bytes were taken. No system call, no suspension.
  [[nodiscard]] bool AppendNow(std::string_view bytes);
  // `bytes` must live until it is done. kAborted: the budget of memory has no room; kOutOfRange: that of
  // unfinished bodies in the store. Other errors are BodyWriter's.
  // After any of them the message can only be given up.
  [[nodiscard]] asio::awaitable<absl::Status> Append(std::string_view bytes);
  // True if room is scarce and enough lies in memory to be worth a chunk: to be asked before a wait for the
  // client. Spill() then frees it; after an error as after Append.
  [[nodiscard]] bool ShouldSpill() const;
  [[nodiscard]] asio::awaitable<absl::Status> Spill();

  // The message's id and its record's place, once the record is durable. Once, at the end. Failures as
  // commit_reply.h lists them.
  [[nodiscard]] asio::awaitable<absl::StatusOr<queue::Committed>> Commit(const Transaction& transaction,
                                                                         const PeerInfo& peer);

 private:
  // True if so many octets of this body may lie in the store.
  [[nodiscard]] bool HoldStore(std::uint64_t octets);

  const Intake& intake_;
  const net::IpAddress peer_;
  // Made with the first chunk.
  std::optional<MemoryHold> stored_;
  // Outlives the writer: what that frees is given back afterwards.
  MemoryHold memory_;
  queue::BodyWriter writer_;
};

}  // namespace goniec::inbound
