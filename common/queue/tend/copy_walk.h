// Goes through the copies in WAIT, page by page, in the order in which they were stored: lane after lane, and
// again from the beginning. A copy that is there all the while is met once in each pass; one that is stored
// meanwhile is met later in the same pass. Reads only (by direct get: a replica may lag).
//
// Confined to one coroutine at a time.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"

namespace goniec::queue {

class Broker;
struct QueueConfig;
struct StoredMessage;

class CopyWalk {
 public:
  // Both must outlive it.
  CopyWalk(Broker& broker, const QueueConfig& config) : broker_(broker), config_(config) {}

  // The next page of `most` copies, or the rest of the pass. `each` gets them with their lane. An error is
  // the broker's (GetDirectBatch); the next call goes on where this one stopped.
  asio::awaitable<absl::Status> Page(std::size_t most, std::function<void(int, const StoredMessage&)> each);

  // The pass under way, from 1.
  [[nodiscard]] std::uint64_t pass() const { return passes_ended_ + 1; }
  [[nodiscard]] std::uint64_t passes_ended() const { return passes_ended_; }
  // The pass that meets everything that is stored from now on until it ends.
  [[nodiscard]] std::uint64_t next_whole_pass() const {
    return lane_ == 0 && next_ == 1 ? pass() : pass() + 1;
  }

 private:
  Broker& broker_;
  const QueueConfig& config_;
  int lane_ = 0;
  std::uint64_t next_ = 1;  // sequence in the lane's stream
  std::uint64_t passes_ended_ = 0;
};

}  // namespace goniec::queue
