// One TCP connection of goniec-load: a socket that never blocks, and what it has not yet taken of the octets
// to send, which belong to the caller. Knows no SMTP. Confined to one thread.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace goniec::load {

// Where to connect to.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  // The first address of a name. kUnavailable with one line if there is none.
  static absl::StatusOr<Address> Resolve(const std::string& host, const std::string& port);
};

class Connection {
 public:
  Connection() = default;
  ~Connection() { Close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins to connect and has `epoll` report on it with `tag`: input, errors, and output once it has blocked.
  // 0, or the error's number.
  int Open(const Address& address, int epoll, std::size_t tag);
  void Close();
  [[nodiscard]] bool open() const { return socket_ >= 0; }

  // Sends the pieces, at most kPieces, behind what waits; they must live until all is sent. A broken
  // connection takes everything: what the server said before it broke is read first.
  void Send(std::initializer_list<std::string_view> pieces);
  // The socket takes more.
  void Flush();

  // As recv(2): 0 at the end, -1 with errno set.
  ssize_t Read(std::span<char> buffer) const;

 private:
  static constexpr std::size_t kPieces = 8;

  void Want(bool output);

  int socket_ = -1;
  int epoll_ = -1;
  std::size_t tag_ = 0;
  bool blocked_ = false;
  std::array<iovec, kPieces> waiting_{};
  std::size_t count_ = 0;
};

}  // namespace goniec::load
