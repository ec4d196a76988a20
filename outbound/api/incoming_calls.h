// What is known of a call before gRPC has read anything of it but its metadata: how long the client says that
// the request is. The guard of a connection (http2_guard.h) writes it, the call's reactor (call.h) waits for
// it, reserves memory for it, and only then lets gRPC read. The two find each other by a token that the guard
// adds to the call's metadata.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace goniec::outbound {

// The metadata key of the token. What a client sends under this key is no token of ours and finds no call.
inline constexpr char kCallTokenKey[] = "x-goniec-call";

// The prefix of a gRPC message, as the client sent it.
struct AnnouncedMessage {
  std::uint64_t octets = 0;
  bool compressed = false;
};

class IncomingCall {
 public:
  using OnAnnounced = std::function<void(AnnouncedMessage)>;

  // The guard: once.
  void Announce(AnnouncedMessage message);
  // The reactor: `then` is called once, now or on the guard's thread, unless Forget() comes before.
  void WhenAnnounced(OnAnnounced then);
  void Forget();

  // The reactor has memory for the message: the client may send all of it.
  void Admit() { admitted_ = true; }
  [[nodiscard]] bool admitted() const { return admitted_; }

 private:
  std::mutex mutex_;
  std::optional<AnnouncedMessage> message_;
  OnAnnounced then_;
  std::atomic<bool> admitted_{false};
};

class IncomingCalls {
 public:
  IncomingCalls();

  struct Opened {
    std::string token;
    std::shared_ptr<IncomingCall> call;
  };
  // A call has begun on some connection.
  [[nodiscard]] Opened Open();
  // It has ended, or its connection has.
  void Close(const std::string& token);
  // Null if there is none.
  [[nodiscard]] std::shared_ptr<IncomingCall> Find(std::string_view token) const;
  [[nodiscard]] std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::uint64_t next_;
  const std::uint64_t secret_;
  absl::flat_hash_map<std::string, std::shared_ptr<IncomingCall>> calls_;
};

}  // namespace goniec::outbound
