// Reads the events of all messages, shard by shard, from the oldest that is kept to the newest: once, and
// again from where it stopped. Confined to one coroutine at a time.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

class Broker;
struct QueueConfig;

class EventTail {
 public:
  EventTail(Broker& broker, const QueueConfig& config);

  // What was stored together, and when.
  using Each = std::function<void(const v1::EventRecord&, WallTime)>;
  // Up to what the streams' leaders have when it begins. kUnavailable: the rest is read by the next call.
  asio::awaitable<absl::Status> ReadNew(Each each);
  // Of the shard that is being read: when the oldest event that it has was stored, if older ones are gone.
  [[nodiscard]] WallTime begin() const { return begin_; }
  // Event records that could not be parsed.
  [[nodiscard]] std::uint64_t unreadable() const { return unreadable_; }

 private:
  asio::awaitable<absl::Status> ReadShard(int shard, const Each& each);

  Broker& broker_;
  std::vector<std::uint64_t> next_;  // by shard: the sequence to go on at
  WallTime begin_ = WallTime::min();
  std::uint64_t unreadable_ = 0;
};

}  // namespace goniec::queue
