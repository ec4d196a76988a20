#include "common/http/http_server.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "common/http/health.h"
#include "common/net/ip_address.h"
#include "common/observe/metrics.h"

namespace goniec::http {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr size_t kMaxClients = 64;
// Taken in one round, so that what has waited longest in the kernel's queue comes soon.
constexpr size_t kAcceptedAtOnce = 64;
constexpr int kBacklog = 1024;  // the kernel lowers it to net.core.somaxconn
// Descriptors that are kept for the time when the process has no others: a probe is answered then, too.
constexpr size_t kSpareFiles = 4;
constexpr size_t kMaxRequestBytes = 8192;
constexpr std::chrono::seconds kClientLimit{5};

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";

std::string Response(std::string_view status, std::string_view type, std::string_view body, bool head) {
  return absl::StrCat("HTTP/1.1 ", ToAbsl(status), "\r\nContent-Type: ", ToAbsl(type),
                      "\r\nContent-Length: ", body.size(),
                      "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n", ToAbsl(head ? "" : body));
}

// `request` holds at least a whole request line.
std::string Answer(std::string_view request, const observe::Metrics& metrics, const Health& health) {
  const std::string_view line = request.substr(0, request.find("\r\n"));
  const size_t first = line.find(' ');
  const size_t second = line.rfind(' ');
  if (first == std::string_view::npos || second <= first ||
      line.substr(second + 1).substr(0, 7) != "HTTP/1.") {
    return Response("400 Bad Request", kText, "this is not HTTP/1.1\n", false);
  }
  const std::string_view method = line.substr(0, first);
  std::string_view path = line.substr(first + 1, second - first - 1);
  path = path.substr(0, path.find('?'));
  const bool head = method == "HEAD";
  if (method != "GET" && !head)
    return Response("405 Method Not Allowed", kText, "only GET and HEAD\n", false);
  if (path == "/metrics") return Response("200 OK", kPrometheus, metrics.Render(), head);
  if (path == "/healthz") return Response("200 OK", kText, "ok\n", head);
  if (path == "/readyz") {
    return Response(health.ready() ? "200 OK" : "503 Service Unavailable", kJson, health.Json(), head);
  }
  return Response("404 Not Found", kText, "there are /metrics, /healthz and /readyz\n", head);
}

// A listening socket on `endpoint`, or -1 with errno.
int Listen(const net::Endpoint& endpoint) {
  sockaddr_storage storage{};
  const socklen_t size = net::ToSockaddr(endpoint, storage);
  const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0 && listen(fd, kBacklog) == 0)
    return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

uint16_t BoundPort(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return net::FromSockaddr(storage).port;
}

}  // namespace

class HttpServer::Loop {
 public:
  Loop(int listener, const observe::Metrics& metrics, const Health& health)
      : listener_(listener), stop_(eventfd(0, EFD_CLOEXEC)), metrics_(metrics), health_(health) {
    KeepSpares();
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "goniec-http");
  }
  ~Loop() {
    eventfd_write(stop_, 1);
    thread_.join();
    for (const Client& client : clients_) close(client.fd);
    for (const int fd : spares_) close(fd);
    close(listener_);
    close(stop_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

 private:
  struct Client {
    int fd;
    SteadyTime deadline;
    std::string request;
    std::string response;  // what is left of it; empty: still reading
    bool done = false;
  };

  void Run() {
    std::vector<pollfd> fds;
    while (true) {
      fds.assign({{stop_, POLLIN, 0}, {listener_, POLLIN, 0}});
      for (const Client& client : clients_) {
        fds.push_back({client.fd, static_cast<short>(client.response.empty() ? POLLIN : POLLOUT), 0});
      }
      if (poll(fds.data(), fds.size(), clients_.empty() ? -1 : 250) < 0 && errno != EINTR) return;
      if (fds[0].revents != 0) return;
      for (size_t i = 0; i < clients_.size(); ++i) Serve(clients_[i], fds[i + 2].revents != 0);
      DropDone();
      if (fds[1].revents != 0) AcceptSome();
    }
  }

  void DropDone() {
    std::erase_if(clients_, [](const Client& client) {
      if (client.done) close(client.fd);
      return client.done;
    });
    KeepSpares();
  }

  void KeepSpares() {
    while (spares_.size() < kSpareFiles) {
      const int fd = fcntl(stop_, F_DUPFD_CLOEXEC, 0);
      if (fd < 0) return;
      spares_.push_back(fd);
    }
  }

  void AcceptSome() {
    for (size_t i = 0; i < kAcceptedAtOnce && Accept(); ++i) {
    }
  }

  // False when nobody waits any more.
  bool Accept() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return (errno == EMFILE || errno == ENFILE) ? MakeRoomForFile() : errno == EINTR;
    if (clients_.size() >= kMaxClients) Evict();
    clients_.push_back({fd, std::chrono::steady_clock::now() + kClientLimit, {}, {}});
    // A probe's request lies there already: it is answered whatever others are up to.
    Serve(clients_.back(), true);
    DropDone();
    return true;
  }

  // The file table is full. False if there is nothing to give up: then the connection waits.
  bool MakeRoomForFile() {
    if (!spares_.empty()) {
      close(spares_.back());
      spares_.pop_back();
      return true;
    }
    if (!clients_.empty()) {
      Evict();
      return true;
    }
    // Without a pause this would spin.
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return false;
  }

  // Full: the one that has kept us waiting longest goes, first of those that have not sent a whole request.
  void Evict() {
    // In the order of their coming.
    auto victim = std::find_if(clients_.begin(), clients_.end(),
                               [](const Client& client) { return client.response.empty(); });
    if (victim == clients_.end()) victim = clients_.begin();
    close(victim->fd);
    clients_.erase(victim);
  }

  void Serve(Client& client, bool ready) {
    if (std::chrono::steady_clock::now() > client.deadline) client.done = true;
    if (!ready || client.done) return;
    if (client.response.empty()) Read(client);
    if (!client.response.empty()) Write(client);
  }

  void Read(Client& client) {
    char buffer[4096];
    const ssize_t got = read(client.fd, buffer, sizeof buffer);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      client.done = true;
      return;
    }
    client.request.append(buffer, static_cast<size_t>(got));
    if (client.request.find("\r\n\r\n") != std::string::npos) {
      client.response = Answer(client.request, metrics_, health_);
    } else if (client.request.size() > kMaxRequestBytes) {
      client.response = Response("431 Request Header Fields Too Large", kText, "too large\n", false);
    }
  }

  static void Write(Client& client) {
    const ssize_t sent = send(client.fd, client.response.data(), client.response.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    client.response.erase(0, static_cast<size_t>(std::max<ssize_t>(sent, 0)));
    client.done = sent < 0 || client.response.empty();
  }

  const int listener_;
  const int stop_;
  const observe::Metrics& metrics_;
  const Health& health_;
  std::vector<Client> clients_;  // in the order of their coming
  std::vector<int> spares_;
  std::thread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Loop> loop, uint16_t port) : loop_(std::move(loop)), port_(port) {}
HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address,
                                                              const observe::Metrics& metrics,
                                                              const Health& health) {
  const auto endpoint = net::Endpoint::Parse(address);
  if (!endpoint.ok()) return endpoint.status();
  const int listener = Listen(*endpoint);
  if (listener < 0) {
    return absl::UnavailableError(absl::StrCat("cannot serve HTTP on ", address, ": ", strerror(errno),
                                               "; choose another address or port"));
  }
  const uint16_t port = BoundPort(listener);
  return std::unique_ptr<HttpServer>(new HttpServer(std::make_unique<Loop>(listener, metrics, health), port));
}

}  // namespace goniec::http
