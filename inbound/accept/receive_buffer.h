// What the kernel may keep of a client that is not read for a while, as while the broker takes no chunk. It
// is in the container's memory and in nobody's count, and by itself grows to megabytes a connection. Few
// connections get what a fast line needs; where there are many each gets less. Asked by SmtpServer for every
// connection that it takes. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

namespace goniec::inbound {

inline constexpr std::size_t kMostReceiveBuffer = 128 * 1024;
inline constexpr std::size_t kLeastReceiveBuffer = 16 * 1024;
inline constexpr std::size_t kReceiveBuffers = 32 << 20;

// SO_RCVBUF of a connection, when `open` are there with it. The kernel takes twice as much.
constexpr std::size_t ReceiveBuffer(std::size_t open) {
  return std::clamp(kReceiveBuffers / std::max<std::size_t>(open, 1), kLeastReceiveBuffer,
                    kMostReceiveBuffer);
}

}  // namespace goniec::inbound
