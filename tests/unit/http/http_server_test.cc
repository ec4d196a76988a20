#include "common/http/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/http/health.h"
#include "common/observe/metrics.h"

namespace goniec::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class HttpServerTest : public testing::Test {
 protected:
  static int Connect(uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  // A whole exchange over a fresh connection.
  static std::string Exchange(uint16_t port, const std::string& request) {
    const int fd = Connect(port);
    std::string response;
    if (write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size())) {
      char buffer[4096];
      ssize_t got = 0;
      while ((got = read(fd, buffer, sizeof buffer)) > 0) response.append(buffer, static_cast<size_t>(got));
    }
    close(fd);
    return response;
  }
  static std::string Get(uint16_t port, const std::string& path) {
    return Exchange(port, "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n");
  }

  observe::Metrics metrics_;
  Health health_;
};

TEST_F(HttpServerTest, ServesMetricsAndProbes) {
  const Condition broker = health_.Add("broker", "not connected");
  metrics_.AddCounter("goniec_things_total", "Things.").Add(3);
  const auto server = HttpServer::Start("127.0.0.1:0", metrics_, health_);
  ASSERT_TRUE(server.ok()) << server.status();
  const uint16_t port = (*server)->port();
  ASSERT_NE(port, 0);
  EXPECT_THAT(Get(port, "/metrics"), HasSubstr("goniec_things_total 3"));
  EXPECT_THAT(Get(port, "/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
  const std::string unready = Get(port, "/readyz");
  EXPECT_THAT(unready, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(unready, HasSubstr(R"({"condition":"broker","reason":"not connected"})"));
  broker.Meet();
  EXPECT_THAT(Get(port, "/readyz"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(Get(port, "/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Exchange(port, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
              StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpServerTest, SurvivesGarbage) {
  const auto server = HttpServer::Start("127.0.0.1:0", metrics_, health_);
  ASSERT_TRUE(server.ok()) << server.status();
  Exchange((*server)->port(), std::string("\0\xff\x16\x03\x01 nonsense\r\n\r\n", 18));
  EXPECT_THAT(Get((*server)->port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, AnIdleClientHoldsNobodyUp) {
  const auto server = HttpServer::Start("127.0.0.1:0", metrics_, health_);
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<int> idle;
  for (int i = 0; i < 10; ++i) idle.push_back(Connect((*server)->port()));
  EXPECT_THAT(Get((*server)->port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
  for (const int fd : idle) close(fd);
}

// Far more than it serves at a time, half of them in the middle of a request.
TEST_F(HttpServerTest, HundredsOfIdleAndSlowClientsDoNotKeepAProbeOut) {
  const auto server = HttpServer::Start("127.0.0.1:0", metrics_, health_);
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<int> idle;
  for (int i = 0; i < 200; ++i) idle.push_back(Connect((*server)->port()));
  for (int i = 0; i < 200; ++i) {
    idle.push_back(Connect((*server)->port()));
    EXPECT_EQ(send(idle.back(), "GET /healthz HT", 15, MSG_NOSIGNAL), 15);
    if (i % 20 == 0) EXPECT_THAT(Get((*server)->port(), "/healthz"), StartsWith("HTTP/1.1 200 ")) << i;
  }
  // None of them has a whole request, and the time limit of none has passed.
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(Get((*server)->port(), "/healthz"), StartsWith("HTTP/1.1 200 ")) << i;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5)) << "waited for time limits";
  for (const int fd : idle) close(fd);
}

TEST_F(HttpServerTest, AFullFileTableDoesNotKeepAProbeOut) {
  const auto server = HttpServer::Start("127.0.0.1:0", metrics_, health_);
  ASSERT_TRUE(server.ok()) << server.status();
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit lowered{std::min<rlim_t>(limit.rlim_cur, 256), limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  std::vector<int> taken;
  for (int fd = dup(client); fd >= 0; fd = dup(client)) taken.push_back(fd);
  EXPECT_EQ(errno, EMFILE);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons((*server)->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n";
  ASSERT_EQ(send(client, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  const timeval patience{10, 0};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char buffer[4096];
  const ssize_t got = recv(client, buffer, sizeof buffer, 0);
  for (const int fd : taken) close(fd);
  close(client);
  setrlimit(RLIMIT_NOFILE, &limit);
  ASSERT_GT(got, 0);
  EXPECT_THAT(std::string(buffer, static_cast<size_t>(got)), StartsWith("HTTP/1.1 200 "));
}

// All of them come in one round, the probe first: it is answered before the others could take its place.
TEST_F(HttpServerTest, InAFullFileTableAProbeIsNotGivenUpForThoseBehindIt) {
  std::promise<void> busy;
  std::promise<void> go_on;
  bool first = true;
  metrics_.BeforeRender([&] {
    if (!std::exchange(first, false)) return;
    busy.set_value();
    go_on.get_future().wait();
  });
  const auto server = HttpServer::Start("127.0.0.1:0", metrics_, health_);
  ASSERT_TRUE(server.ok()) << server.status();
  const uint16_t port = (*server)->port();
  const auto ask = [](int fd, const std::string& path) {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n";
    EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  };
  std::vector<int> others = {Connect(port)};
  ask(others.front(), "/metrics");
  busy.get_future().wait();
  const int probe = Connect(port);
  ask(probe, "/healthz");
  for (int i = 0; i < 20; ++i) others.push_back(Connect(port));

  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit lowered{std::min<rlim_t>(limit.rlim_cur, 256), limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  for (int fd = dup(probe); fd >= 0; fd = dup(probe)) others.push_back(fd);
  go_on.set_value();
  const timeval patience{10, 0};
  setsockopt(probe, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char buffer[4096];
  const ssize_t got = recv(probe, buffer, sizeof buffer, 0);
  for (const int fd : others) close(fd);
  close(probe);
  setrlimit(RLIMIT_NOFILE, &limit);
  ASSERT_GT(got, 0);
  EXPECT_THAT(std::string(buffer, static_cast<size_t>(got)), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, ARequestIsBounded) {
  const auto server = HttpServer::Start("127.0.0.1:0", metrics_, health_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(Exchange((*server)->port(), "GET / HTTP/1.1\r\nX: " + std::string(8192, 'x')),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, AnAddressThatCannotBeBoundIsOneLine) {
  const auto first = HttpServer::Start("127.0.0.1:0", metrics_, health_);
  ASSERT_TRUE(first.ok());
  const std::string taken = "127.0.0.1:" + std::to_string((*first)->port());
  const struct {
    std::string name;
    std::string address;
    std::string message;
  } kCases[] = {
      {"taken", taken,
       "cannot serve HTTP on " + taken + ": Address already in use; choose another address or port"},
      {"not ours", "192.0.2.1:8080",
       "cannot serve HTTP on 192.0.2.1:8080: Cannot assign requested address; choose another address or "
       "port"},
      {"no port", "127.0.0.1",
       "\"127.0.0.1\" is not an address with a port; use for example 127.0.0.1:25 or [::1]:25"},
  };
  for (const auto& c : kCases) {
    const auto server = HttpServer::Start(c.address, metrics_, health_);
    EXPECT_EQ(Message(server.status()), c.message) << c.name;
  }
}

TEST_F(HttpServerTest, ListensOnIpv6) {
  const auto server = HttpServer::Start("[::1]:0", metrics_, health_);
  if (!server.ok() && server.status().message().find("Cannot assign") != absl::string_view::npos) {
    GTEST_SKIP() << "this machine has no IPv6 loopback";
  }
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_NE((*server)->port(), 0);
}

}  // namespace
}  // namespace goniec::http
