// One record in a worker's hands, as the broker delivered it: how to acknowledge it, and for how long it is
// ours.
//
// The lease: the broker gives a record to somebody else `ack_wait` after it was delivered or after our last
// sign of work (+WPI). `Leased()` is true for two thirds of that, counted from the sending of the last sign
// that the broker answered: while it is true, nobody else has the record. In a cluster it is also over half
// of ack_wait after the last write that a stream has confirmed (Broker::last_confirmed; the worker sees to it
// that there is one). See README.md, "The holder rule".
//
// Confined to the executor of its Puller.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/queue/broker/broker.h"

namespace goniec {
class TaskGroup;
}

namespace goniec::queue {

// What the subject for acknowledgements says ($JS.ACK.…).
struct DeliveryInfo {
  std::string stream;
  std::string consumer;
  std::uint64_t delivery_count = 0;  // 1 the first time, as far as the server remembers
  std::uint64_t stream_sequence = 0;
  WallTime stored_at;
};
std::optional<DeliveryInfo> ParseAckSubject(const std::string& subject);

class Delivery : public std::enable_shared_from_this<Delivery> {
 public:
  Delivery(Broker& broker, asio::any_io_executor executor, IncomingMessage message, DeliveryInfo info,
           std::chrono::milliseconds ack_wait);

  [[nodiscard]] const DeliveryInfo& info() const { return info_; }
  [[nodiscard]] const std::string& subject() const { return message_.subject; }
  // Valid until ReleasePayload().
  [[nodiscard]] std::string_view payload() const { return message_.data; }
  [[nodiscard]] bool resend() const { return resend_; }
  // Set if it was released from a shelf as a probe of its site: the epoch in which it is one.
  [[nodiscard]] std::optional<std::uint64_t> probe_epoch() const { return probe_epoch_; }
  // Frees the payload once it is parsed; subject and info stay.
  void ReleasePayload();

  // Done with it. A lost acknowledgement brings the record back, to be looked at and acknowledged again.
  void Acknowledge();
  // Gives it back: at once, or after `delay`. Only while it is surely ours: a "give it back" that lies in a
  // connection that stands still would later take the record from its next holder. So the broker is asked
  // first; without its answer the record returns by itself. `tasks` is left when that is decided.
  void GiveBack(TaskGroup& tasks, std::chrono::milliseconds delay = std::chrono::milliseconds(0));
  // Sends a sign of work if the last one is a third of ack_wait old. Called every now and then while in hand.
  void KeepIfDue();

  // The connection on which it came is gone, and perhaps the server's memory of the delivery with it: a sign
  // of work would be answered all the same. The lease runs out by itself.
  void StopRenewing() { renewing_ = false; }

  [[nodiscard]] bool Leased() const;
  // From now on not leased: it is somebody else's.
  void Forfeit() { forfeited_ = true; }

 private:
  void SendBack(std::chrono::milliseconds delay);

  Broker& broker_;
  asio::any_io_executor executor_;
  IncomingMessage message_;
  DeliveryInfo info_;
  std::chrono::milliseconds ack_wait_;
  bool resend_;
  std::optional<std::uint64_t> probe_epoch_;
  bool forfeited_ = false;
  bool renewing_ = true;
  const BootTime received_;
  BootTime confirmed_;  // sending time of the last sign that was answered
  BootTime last_sign_;
};

// In a cluster, the confirmed writes that leases stand on: one is made whenever a tenth of ack_wait has
// passed without. Called by the worker every now and then while it has anything in hand. Confined to its
// owner's executor.
class LeaseProof {
 public:
  LeaseProof(Broker& broker, std::chrono::milliseconds ack_wait) : broker_(broker), ack_wait_(ack_wait) {}
  void KeepIfDue();

 private:
  Broker& broker_;
  const std::chrono::milliseconds ack_wait_;
  BootTime asked_;
};

}  // namespace goniec::queue
