#include "common/net/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/net/io_threads.h"
#include "tests/support/process.h"

namespace goniec::net {
namespace {

using testing::HasSubstr;

const Endpoint kAnyPort = {IpAddress::V4({127, 0, 0, 1}), 0};

int ConnectTo(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  const socklen_t size = ToSockaddr(endpoint, storage);
  const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0) return fd;
  close(fd);
  return -1;
}

TEST(Listener, GivesConnectionsWithTheirPeerToAllThreads) {
  IoThreads threads(2);
  auto listener = Listener::Open(threads, kAnyPort);
  ASSERT_TRUE(listener.ok()) << listener.status();
  std::atomic<int> seen[2] = {0, 0};
  std::atomic<bool> right_peer{true};
  std::atomic<bool> no_delay{true};
  ASSERT_TRUE((*listener)->Listen().ok());
  (*listener)->Start([&](size_t thread, asio::ip::tcp::socket socket, const Endpoint& peer) {
    asio::ip::tcp::no_delay option;
    socket.get_option(option);
    no_delay = no_delay && option.value();
    right_peer = right_peer && peer.ip == kAnyPort.ip && peer.port != 0;
    ++seen[thread];
  });
  // The kernel spreads by a hash of the ports: with 200 connections both get some, but for odds of 2^-199.
  for (int i = 0; i < 200; ++i) {
    const int fd = ConnectTo((*listener)->address());
    ASSERT_GE(fd, 0);
    close(fd);
  }
  EXPECT_TRUE(test::WaitUntil([&] { return seen[0] + seen[1] == 200; }));
  EXPECT_GT(seen[0], 0);
  EXPECT_GT(seen[1], 0);
  EXPECT_TRUE(right_peer);
  EXPECT_TRUE(no_delay);
}

TEST(Listener, AnAddressInUseIsOneLineThatSaysHowToMend) {
  IoThreads threads(1);
  auto first = Listener::Open(threads, kAnyPort);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE((*first)->Listen().ok());
  (*first)->Start([](size_t, asio::ip::tcp::socket, const Endpoint&) {});
  const Endpoint taken = (*first)->address();
  const auto second = Listener::Open(threads, taken);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(second.status()),
            "cannot listen on " + taken.ToString() +
                ": Address already in use; stop what uses it or choose another port");
}

TEST(Listener, StopAcceptingRefusesNewConnections) {
  IoThreads threads(2);
  auto listener = Listener::Open(threads, kAnyPort);
  ASSERT_TRUE(listener.ok());
  std::atomic<int> seen{0};
  ASSERT_TRUE((*listener)->Listen().ok());
  (*listener)->Start([&](size_t, asio::ip::tcp::socket, const Endpoint&) { ++seen; });
  (*listener)->StopAccepting();
  (*listener)->StopAccepting();
  EXPECT_EQ(ConnectTo((*listener)->address()), -1);
  EXPECT_EQ(seen, 0);
}

TEST(Listener, WhenTheSystemRefusesToListenItSaysSoInOneLine) {
  IoThreads threads(1);
  auto listener = Listener::Open(threads, kAnyPort);
  ASSERT_TRUE(listener.ok()) << listener.status();
  // Somebody else listens between bind and listen: two bound sockets may share the address, two listening
  // ones may not.
  const int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage storage{};
  const socklen_t size = ToSockaddr((*listener)->address(), storage);
  ASSERT_EQ(bind(other, reinterpret_cast<const sockaddr*>(&storage), size), 0);
  ASSERT_EQ(listen(other, 1), 0);
  const absl::Status refused = (*listener)->Listen();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(refused), "cannot listen on " + (*listener)->address().ToString() +
                                  ": Address already in use; stop what uses it or choose another port");
  close(other);
}

TEST(Listener, SurvivesAFullFileTable) {
  IoThreads threads(1);
  auto listener = Listener::Open(threads, kAnyPort);
  ASSERT_TRUE(listener.ok());
  std::atomic<int> seen{0};
  ASSERT_TRUE((*listener)->Listen().ok());
  (*listener)->Start([&](size_t, asio::ip::tcp::socket, const Endpoint&) { ++seen; });
  const int client = ConnectTo((*listener)->address());
  ASSERT_TRUE(test::WaitUntil([&] { return seen == 1; }));

  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  rlimit full = before;
  full.rlim_cur = 3;  // below every descriptor that is open: accept(2) fails with EMFILE
  setrlimit(RLIMIT_NOFILE, &full);
  sockaddr_storage storage{};
  const socklen_t size = ToSockaddr((*listener)->address(), storage);
  EXPECT_EQ(connect(second, reinterpret_cast<const sockaddr*>(&storage), size), 0);
  EXPECT_FALSE(test::WaitUntil([&] { return seen > 1; }, std::chrono::milliseconds(150)));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(test::WaitUntil([&] { return seen == 2; }));
  close(client);
  close(second);
}

}  // namespace
}  // namespace goniec::net
