// The port of the API by itself: the test is the client, and what stands for gRPC behind it.
#include "outbound/api/api_gate.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include "common/observe/metrics.h"

namespace goniec::outbound {
namespace {

using std::chrono::seconds;

constexpr std::string_view kBegin("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
constexpr std::string_view kPing(
    "\0\0\x08\6\0\0\0\0\0"
    "12345678",
    17);

int ConnectTo(int port) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  constexpr int kSmall = 4096;
  setsockopt(client, SOL_SOCKET, SO_RCVBUF, &kSmall, sizeof kSmall);
  sockaddr_in address{};
  address.sin_family = AF_INET;
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

// What gRPC says before it hangs up reaches the client, also one that goes on talking and reads slowly.
TEST(ApiGateTest, PassesOnWhatWasSaidBeforeTheServerHungUp) {
  ApiConfig config;
  config.listen.port = 0;
  IncomingCalls calls;
  observe::Metrics metrics;
  auto gate = ApiGate::Open({config, calls, metrics});
  ASSERT_TRUE(gate.ok()) << gate.status();
  std::promise<int> served;
  (*gate)->Start([&](int socket) { served.set_value(socket); });
  const int client = ConnectTo((*gate)->port());
  ASSERT_TRUE(SendAll(client, kBegin));
  std::future<int> inner = served.get_future();
  ASSERT_EQ(inner.wait_for(seconds(30)), std::future_status::ready);

  // A frame of data for no stream: more than lies anywhere on the way.
  std::string words(600'000, 'x');
  words.replace(0, 9, std::string_view("\x09\x27\xB7\0\0\0\0\0\1", 9));
  std::thread server([&, socket = inner.get()] {
    EXPECT_TRUE(SendAll(socket, words));
    close(socket);
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
  close(client);
}

}  // namespace
}  // namespace goniec::outbound
