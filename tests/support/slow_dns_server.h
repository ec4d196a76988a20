// A name server that takes its time: it answers every MX, A and AAAA question over UDP after a fixed delay,
// and never those for names with a label "silent" in them. MX of NAME is mail.NAME; addresses are loopback
// ones. Its methods are thread-safe; it has a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

namespace goniec::test {

class SlowDnsServer {
 public:
  explicit SlowDnsServer(std::chrono::milliseconds delay);
  ~SlowDnsServer();
  SlowDnsServer(const SlowDnsServer&) = delete;
  SlowDnsServer& operator=(const SlowDnsServer&) = delete;

  // For dns.servers: "127.0.0.1@PORT".
  [[nodiscard]] std::string address() const;
  // Questions that came, repeated ones included.
  [[nodiscard]] std::uint64_t questions() const { return questions_; }
  // Names with "silent" are answered from now on.
  void Speak() { speaks_ = true; }

 private:
  void Run();

  const std::chrono::milliseconds delay_;
  const int socket_;
  std::atomic<std::uint64_t> questions_ = 0;
  std::atomic<bool> speaks_ = false;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace goniec::test
