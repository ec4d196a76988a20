// What is known of a call before gRPC has read anything of it but its metadata: how long the client says that
// the request is. The guard of a connection (http2_guard.h) writes it, the call's reactor (call.h) waits for
// it, reserves memory for it, and only then lets gRPC read. The two find each other by a token that the guard
// adds to the call's metadata.
//
// Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "common/base/clock.h"

namespace goniec::outbound {

// The metadata key of the token. What a client sends under this key is no token of ours and finds no call.
inline constexpr char kCallTokenKey[] = "x-goniec-call";

// The prefix of a gRPC message, as the client sent it.
struct AnnouncedMessage {
  std::uint64_t octets = 0;
  bool compressed = false;
};

// How many calls are open, of a connection or of all: those that nobody has admitted, which begin, are silent
// or need no token; and the others.
struct CallCounts {
  std::atomic<std::size_t> waiting{0};
  std::atomic<std::size_t> admitted{0};
};

class IncomingCall {
 public:
  using OnAnnounced = std::function<void(AnnouncedMessage)>;

  // Counted in both from now on, until it is closed.
  IncomingCall(std::shared_ptr<CallCounts> of_connection, std::shared_ptr<CallCounts> of_all);

  // The guard: once.
  void Announce(AnnouncedMessage message);
  // The reactor: `then` is called once, now or on the guard's thread, unless Forget() comes before.
  void WhenAnnounced(OnAnnounced then);
  void Forget();

  // The reactor has memory for the message: the client may send all of it.
  void Admit();
  [[nodiscard]] bool admitted() const { return stage_ == Stage::kAdmitted; }
  // The reactor has said how the call ends. What it said may still wait for the client to take it.
  void Finish(BootTime now) { finished_ = now.time_since_epoch().count(); }
  // When that was; the farthest future if it has not been.
  [[nodiscard]] BootTime finished() const { return BootTime(BootClock::duration(finished_)); }
  // The guard: the call has ended, or its connection has.
  void Close();

 private:
  enum class Stage { kWaiting, kAdmitted, kClosed };

  const std::array<std::shared_ptr<CallCounts>, 2> counts_;
  std::mutex mutex_;
  std::optional<AnnouncedMessage> message_;
  OnAnnounced then_;
  std::atomic<Stage> stage_{Stage::kWaiting};
  std::atomic<BootClock::rep> finished_{BootTime::max().time_since_epoch().count()};
};

class IncomingCalls {
 public:
  IncomingCalls();

  struct Opened {
    std::string token;
    std::shared_ptr<IncomingCall> call;
  };
  // A call has begun on a connection, which has these counts.
  [[nodiscard]] Opened Open(std::shared_ptr<CallCounts> of_connection = std::make_shared<CallCounts>());
  // It has ended, or its connection has.
  void Close(const std::string& token);
  // Null if there is none.
  [[nodiscard]] std::shared_ptr<IncomingCall> Find(std::string_view token) const;
  [[nodiscard]] std::size_t size() const;
  // Those that nobody has admitted. One step.
  [[nodiscard]] std::size_t waiting() const { return counts_->waiting; }

 private:
  const std::shared_ptr<CallCounts> counts_ = std::make_shared<CallCounts>();
  mutable std::mutex mutex_;
  std::uint64_t next_;
  const std::uint64_t secret_;
  absl::flat_hash_map<std::string, std::shared_ptr<IncomingCall>> calls_;
};

}  // namespace goniec::outbound
