// Goes through the records in HELD and WAIT, page by page, in the order in which they were stored: lane after
// lane, and again from the beginning. A record that is stored all the while is met once in each pass; one
// that is stored anew meanwhile is met later in the same pass, and so is one that comes back from HELD, for
// WAIT comes after. The audit calls it. Reads only (by direct get: a replica may lag).
//
// Confined to one coroutine at a time.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace goniec::queue {

class Broker;
struct QueueConfig;
struct StoredMessage;

class CopyWalk {
 public:
  // Both must outlive it.
  CopyWalk(Broker& broker, const QueueConfig& config) : broker_(broker), config_(config) {}

  // The next page of `most` copies, or the rest of the pass. A large record from HELD counts as several.
  // `each` gets them with their lane. An error is the broker's (GetDirectBatch); the next call goes on where
  // this one stopped.
  asio::awaitable<absl::Status> Page(std::size_t most, std::function<void(int, const StoredMessage&)> each);

  // The pass under way, from 1.
  [[nodiscard]] std::uint64_t pass() const { return passes_ended_ + 1; }
  [[nodiscard]] std::uint64_t passes_ended() const { return passes_ended_; }
  // The pass that meets everything that is stored from now on until it ends.
  [[nodiscard]] std::uint64_t next_whole_pass() const {
    return lane_ == 0 && on_shelf_ && next_ == 1 ? pass() : pass() + 1;
  }

 private:
  // The stream that is gone through now, and the step to the next one. False at the end of a pass.
  [[nodiscard]] std::string Stream() const;
  bool NextStream();

  Broker& broker_;
  const QueueConfig& config_;
  int lane_ = 0;
  bool on_shelf_ = true;    // HELD, then WAIT
  std::uint64_t next_ = 1;  // sequence in the lane's stream
  std::uint64_t passes_ended_ = 0;
};

}  // namespace goniec::queue
