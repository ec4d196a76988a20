// Turns client addresses away for a while whose sessions end badly again and again (too many errors, refusals
// or connections, talking before the greeting): a limit of one session is no limit for a client that comes
// back at once. An IPv6 client counts by its /64. Made by SmtpServer, which leaves trusted networks out.
// Bounded in memory; the time is given. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>

#include "absl/container/flat_hash_map.h"
#include "common/net/ip_address.h"

namespace goniec::inbound {

class SessionPenalty {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::minutes kPeriod{1};
  // Addresses remembered; one more is not, until a period has passed.
  static constexpr size_t kMostClients = 100'000;

  // `most` bad sessions a period; 0: nobody is turned away.
  explicit SessionPenalty(int most) : most_(most) {}

  void NoteBad(const net::IpAddress& ip, Time now);
  // True until the period of the first bad session is over.
  [[nodiscard]] bool IsBarred(const net::IpAddress& ip, Time now);

 private:
  struct Record {
    Time since;
    int bad = 0;
  };
  // Under mutex_.
  void DropOld(Time now);

  const int most_;
  std::mutex mutex_;
  absl::flat_hash_map<net::IpAddress, Record> records_;
  Time dropped_{};
  std::atomic<bool> any_{false};
};

}  // namespace goniec::inbound
