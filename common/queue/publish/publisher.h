// Group commit: mails that wait become one record, one publish, one fsync. Called by inbound/publish and by
// the API.
//
// One commit is in flight for each (lane, class, tenant), four in all; what comes meanwhile forms the next
// record. Classes and tenants take turns (commit_queue.h): who has waited longest for one is next. A lone
// mail goes at once; after a record of several the next one waits a moment for more. A commit without an
// answer is repeated, byte for byte and under the same Nats-Msg-Id, until its record is `commit_limit` old on
// CLOCK_BOOTTIME (checked before every send). No mail joins a record that was ever sent.
//
// It does not store bodies (BodyWriter does, before), and it does not retry for its caller. Thread-safe. Must
// outlive its callers' waits.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/queue/model/subjects.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

class Broker;
class StoreLevel;
struct QueueConfig;

// A record holds at most this much and mail::kMaxMailsPerRecord mails; a mail with an inline body is smaller.
inline constexpr std::size_t kMaxRecordBytes = 512 * 1024;
inline constexpr std::size_t kMaxInlineBody = 256 * 1024;
// Everything of a mail but its body.
inline constexpr std::size_t kMaxEnvelopeBytes = 192 * 1024;

struct Committed {
  std::string message_id;
  // JetStream's sequence of the record in its READY stream, and that stream.
  std::string stream;
  std::uint64_t sequence = 0;
};

struct PublisherStats {
  std::uint64_t records = 0;  // stored
  std::uint64_t mails = 0;    // stored
  std::uint64_t resends = 0;
  std::uint64_t unknown = 0;        // given up without an answer: goniec_commit_unknown_total
  std::uint64_t refused = 0;        // mails refused
  std::uint64_t pending_bytes = 0;  // waiting and in flight now
};

class Publisher {
 public:
  // With a `level` mail is refused while the store is too full for its class. All must outlive it.
  static std::unique_ptr<Publisher> Create(Broker& broker, const QueueConfig& config,
                                           StoreLevel* level = nullptr, const Clock& clock = Clock::Real());
  virtual ~Publisher() = default;

  // Whether a mail of this class would be taken now: asked before a large body is. kResourceExhausted if the
  // store is too full, kUnavailable if it is silent.
  [[nodiscard]] virtual absl::Status Admit(MailClass mail_class) const = 0;

  // Everything but message_id, accept_time (set when it joins), recipient_count and the placeholders must be
  // set. expire_time is by this machine's clock; its offset from the broker's is corrected. Calls `done` once
  // after the record's fate is known: on `home`, together with the others of the record who are told there,
  // or on the broker's thread if `home` is empty (a refusal at once: on the caller's):
  //   OK                  durable: say 250 / OK.
  //   kUnavailable        not stored (broker away, no stream): 451 4.3.0.
  //   kResourceExhausted  not stored (queue full, or too much is waiting here): 451 4.3.1.
  //   kDeadlineExceeded   unknown: 451; the mail may exist.
  //   kInvalidArgument    larger than a record or the envelope limit.
  virtual void Commit(v1::Mail mail, std::function<void(absl::StatusOr<Committed>)> done,
                      asio::any_io_executor home = {}) = 0;
  // The same for coroutines; resumes on their executor.
  asio::awaitable<absl::StatusOr<Committed>> Commit(v1::Mail mail);

  // The store is silent from when a commit has had no answer for a third of `commit_limit` until an answer,
  // another connection, or one `commit_limit` later, when it is tried again. Until then mail is refused at
  // once: a server whose disk is full answers nothing, and nobody should wait for each mail to find out.
  // Called on the broker's thread at each change; set before anything is committed.
  virtual void OnSilence(std::function<void(bool silent)> changed) = 0;

  // Refuses new mails, then calls `done` on the broker's thread when none is left.
  virtual void Drain(std::function<void()> done) = 0;
  [[nodiscard]] virtual PublisherStats stats() const = 0;
};

}  // namespace goniec::queue
