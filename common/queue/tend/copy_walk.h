// Goes through the records in WAIT or in HELD, page by page, in the order in which they were stored: lane
// after lane, and again from the beginning. A record that is stored there all the while is met once in each
// pass; one that is stored anew meanwhile is met later in the same pass. The audit has a walk for each, so
// that neither waits for the other's length. Reads only (by direct get: a replica may lag).
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

enum class WalkedPlace { kWait, kShelf };

class CopyWalk {
 public:
  // Both must outlive it.
  CopyWalk(Broker& broker, const QueueConfig& config, WalkedPlace place)
      : broker_(broker), config_(config), place_(place) {}

  // The next page of `most` copies, or the rest of the pass. A large record from HELD counts as several.
  // `each` gets them with their lane. `now` numbers the pages, rising from 1. An error is the broker's
  // (GetDirectBatch); the next call goes on where this one stopped.
  asio::awaitable<absl::Status> Page(std::size_t most, std::uint64_t now,
                                     std::function<void(int, const StoredMessage&)> each);

  // The page with which the last whole pass began, 0 before the first: what lay here then and ever since was
  // met in that page or later.
  [[nodiscard]] std::uint64_t last_whole_pass() const { return last_began_; }

 private:
  [[nodiscard]] std::string Stream() const;
  // False at the end of a pass.
  bool NextStream();

  Broker& broker_;
  const QueueConfig& config_;
  const WalkedPlace place_;
  int lane_ = 0;
  std::uint64_t next_ = 1;   // sequence in the lane's stream
  std::uint64_t began_ = 0;  // the pass under way; 0: none
  std::uint64_t last_began_ = 0;
};

}  // namespace goniec::queue
