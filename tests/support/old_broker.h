// A listener that says what a nats-server of a given version says to a client that connects, and no more: for
// tests of how the services treat a broker that is too old, without keeping old servers at hand. Runs on its
// own thread until it is destroyed.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace goniec::test {

class OldBroker {
 public:
  explicit OldBroker(const std::string& version);
  ~OldBroker();
  OldBroker(const OldBroker&) = delete;
  OldBroker& operator=(const OldBroker&) = delete;

  [[nodiscard]] std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

 private:
  void Run();

  std::uint16_t port_ = 0;
  std::string info_;
  int listener_ = -1;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace goniec::test
