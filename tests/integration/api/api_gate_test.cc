// The port of the API by itself: the test is the client, and what stands for gRPC behind it.
#include "outbound/api/api_gate.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/observe/metrics.h"
#include "tests/support/process.h"

namespace goniec::outbound {
namespace {

using std::chrono::seconds;

constexpr std::string_view kBegin("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
constexpr std::string_view kPing(
    "\0\0\x08\6\0\0\0\0\0"
    "12345678",
    17);

int ConnectTo(int port, int host) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  constexpr int kSmall = 4096;
  setsockopt(client, SOL_SOCKET, SO_RCVBUF, &kSmall, sizeof kSmall);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + static_cast<std::uint32_t>(host));
  EXPECT_EQ(bind(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return client;
}

// All of it, to a socket that does not block; false if the other end is gone.
bool SendAll(int socket, std::string_view octets) {
  while (!octets.empty()) {
    pollfd ready{.fd = socket, .events = POLLOUT, .revents = 0};
    if (poll(&ready, 1, 30'000) != 1) return false;
    const ssize_t sent = send(socket, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) octets.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

int State(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_state : -1;
}
int ErrorOf(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  EXPECT_EQ(getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size), 0);
  return error;
}

// What stands for gRPC is the other end of each connection.
class ApiGateTest : public testing::Test {
 protected:
  void Open(seconds fetch_limit) {
    config_.listen.port = 0;
    config_.max_calls = 1;
    auto gate = ApiGate::Open({config_, calls_, metrics_, fetch_limit});
    ASSERT_TRUE(gate.ok()) << gate.status();
    gate_ = *std::move(gate);
    gate_->Start([this](int socket) {
      const std::lock_guard lock(mutex_);
      served_.push_back(socket);
    });
  }
  ~ApiGateTest() override {
    gate_.reset();
    for (const int socket : served_) close(socket);
    for (const int client : clients_) close(client);
  }
  // A connection whose client has begun, from this address of 127.0.0.0/24.
  int Client(int host = 1) {
    clients_.push_back(ConnectTo(gate_->port(), host));
    EXPECT_TRUE(SendAll(clients_.back(), kBegin));
    return clients_.back();
  }
  // The other end of a connection.
  int Served(std::size_t connection = 0) {
    EXPECT_TRUE(test::WaitUntil([&] {
      const std::lock_guard lock(mutex_);
      return served_.size() > connection;
    }));
    const std::lock_guard lock(mutex_);
    return served_.at(connection);
  }
  // Begins so many calls, which nobody has admitted yet.
  void SendCalls(int client, int calls) {
    std::string frames;
    for (int i = 0; i < calls; ++i) frames += Headers(next_stream_++ * 2 + 1);
    ASSERT_TRUE(SendAll(client, frames));
  }
  // And waits until the gate has them.
  void BeginCalls(int client, int calls) {
    const std::size_t expected = calls_.size() + static_cast<std::size_t>(calls);
    SendCalls(client, calls);
    ASSERT_TRUE(test::WaitUntil([&] { return calls_.size() == expected; }));
  }
  static std::string Headers(std::uint32_t stream) {
    std::string frame("\0\0\0\1\4\0\0\0\0", 9);
    for (int i = 0; i < 4; ++i) frame[5 + i] = static_cast<char>(stream >> (24 - 8 * i));
    return frame;
  }
  static bool IsCut(int client) {
    std::array<char, 1> octet;
    const ssize_t got = recv(client, octet.data(), octet.size(), MSG_DONTWAIT | MSG_PEEK);
    return got == 0 || (got < 0 && errno != EAGAIN);
  }
  bool HasCut(const std::string& why, int connections) {
    return absl::StrContains(metrics_.Render(), absl::StrCat("goniec_api_connections_cut_total{why=\"", why,
                                                             "\"} ", connections, "\n"));
  }
  // The call of what came to gRPC last.
  std::shared_ptr<IncomingCall> CallAt(int socket) {
    std::string heard;
    EXPECT_TRUE(test::WaitUntil([&] {
      std::array<char, 4096> buffer;
      const ssize_t got = recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got > 0) heard.append(buffer.data(), static_cast<std::size_t>(got));
      return heard.find(kCallTokenKey) != std::string::npos && heard.size() >= heard.find(kCallTokenKey) + 46;
    }));
    return calls_.Find(heard.substr(heard.rfind(kCallTokenKey) + 14, 32));
  }

  ApiConfig config_;
  IncomingCalls calls_;
  observe::Metrics metrics_;
  std::unique_ptr<ApiGate> gate_;
  std::mutex mutex_;
  std::vector<int> served_;
  std::vector<int> clients_;
  std::uint32_t next_stream_ = 0;
};

// What gRPC says before it hangs up reaches the client, also one that goes on talking and reads slowly.
TEST_F(ApiGateTest, PassesOnWhatWasSaidBeforeTheServerHungUp) {
  Open(seconds(60));
  const int client = Client();
  // A frame of data for no stream: more than lies anywhere on the way.
  std::string words(600'000, 'x');
  words.replace(0, 9, std::string_view("\x09\x27\xB7\0\0\0\0\0\1", 9));
  std::thread server([&, socket = Served()] {
    EXPECT_TRUE(SendAll(socket, words));
    shutdown(socket, SHUT_RDWR);
  });
  std::string heard;
  std::array<char, 4096> buffer;
  ssize_t got = 0;
  while ((got = recv(client, buffer.data(), buffer.size(), 0)) > 0) {
    heard.append(buffer.data(), static_cast<std::size_t>(got));
    if (heard.size() < words.size()) (void)SendAll(client, kPing);  // whether or not anybody listens
  }
  server.join();
  EXPECT_EQ(heard.size(), words.size());
  EXPECT_TRUE(heard == words);
}

// RST would destroy last words that are still on their way.
TEST_F(ApiGateTest, WhatAClientSaysBehindTheEndDrawsNoReset) {
  Open(seconds(60));
  const int client = Client();
  ASSERT_TRUE(SendAll(Served(), kPing));
  shutdown(Served(), SHUT_RDWR);
  std::array<char, 4096> buffer;
  ASSERT_EQ(recv(client, buffer.data(), buffer.size(), MSG_WAITALL), static_cast<ssize_t>(kPing.size()));
  ASSERT_TRUE(SendAll(client, kPing));
  shutdown(client, SHUT_WR);
  ASSERT_TRUE(test::WaitUntil([&] { return State(client) == TCP_CLOSE; }));
  EXPECT_EQ(ErrorOf(client), 0);
}

// Those that were admitted have a place, and are bounded by that.
TEST_F(ApiGateTest, OnlyCallsThatWaitAreCountedAsWaiting) {
  Open(seconds(60));
  for (int i = 0; i < 11; ++i) {
    const int client = Client(2);
    BeginCalls(client, 1);
    const std::shared_ptr<IncomingCall> call = CallAt(Served(static_cast<std::size_t>(i)));
    ASSERT_NE(call, nullptr);
    call->Admit();
    BeginCalls(client, 90);
  }
  EXPECT_EQ(calls_.size(), 11u * 91u);
  EXPECT_EQ(calls_.waiting(), 11u * 90u);
  const int honest = Client();
  BeginCalls(honest, 11);
  EXPECT_EQ(calls_.waiting(), 1'001u);
  EXPECT_FALSE(IsCut(honest));
  EXPECT_TRUE(HasCut("silent", 0));
}

// The oldest one is of somebody who has only a few.
TEST_F(ApiGateTest, WhoHasTheMostCallsThatWaitIsCutFirst) {
  Open(seconds(60));
  const int honest = Client(1);
  BeginCalls(honest, 3);
  std::vector<int> others;
  // Each of them has fewer than the one, but they are of one client.
  for (int i = 0; i < 10; ++i) BeginCalls(others.emplace_back(Client(2)), i == 4 ? 99 : 90);
  const int one = Client(3);
  SendCalls(one, 100);
  ASSERT_TRUE(test::WaitUntil([&] { return HasCut("silent", 1) && calls_.waiting() == 3 + 9 * 90 + 100; }));
  EXPECT_TRUE(IsCut(others[4]));
  EXPECT_FALSE(IsCut(honest));
  EXPECT_FALSE(IsCut(one));
}

// As with one that grants no window: its calls would keep their places.
TEST_F(ApiGateTest, AClientThatDoesNotTakeAnAnswerIsCut) {
  Open(seconds(1));
  const int client = Client();
  BeginCalls(client, 1);
  const std::shared_ptr<IncomingCall> call = CallAt(Served());
  ASSERT_NE(call, nullptr);
  call->Admit();
  EXPECT_EQ(calls_.size(), 1u);
  call->Finish(BootClock::now());
  ASSERT_TRUE(test::WaitUntil([&] { return IsCut(client); }));
  EXPECT_TRUE(HasCut("stalled", 1));
  EXPECT_EQ(calls_.size(), 0u);
}

}  // namespace
}  // namespace goniec::outbound
