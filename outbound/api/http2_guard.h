// Watches one HTTP/2 connection between a client and gRPC, frame by frame, for what gRPC cannot be taught:
// the streams that are open are bounded whether or not the client confirms our settings; a message of which
// nobody has admitted more does not grow beyond what HTTP/2's window grants before anything is read; streams
// that are opened and reset, and frames that are only work, run out of allowance. It learns how long each
// message says that it is (incoming_calls.h), and adds the call's token to its metadata.
//
// It knows frames (RFC 9113 §4, §6) and the five octets before a gRPC message, and nothing of their contents:
// a header block is passed on as it is, with one literal field behind it that leaves HPACK's state alone (RFC
// 7541 §6.2.2). What is not HTTP/2 ends the connection.
//
// Pure: bytes in, bytes and decisions out. Confined.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "outbound/api/incoming_calls.h"

namespace goniec::outbound {

struct GuardLimits {
  std::size_t streams = 100;
  // Of a message before it is admitted: HTTP/2's first window. More is sent only by who ignores it, or to a
  // service that reads before anybody has admitted (health, reflection).
  std::size_t unadmitted_message = 64 * 1024;
  // Of all such messages of the connection; then the connection is not read for a while.
  std::size_t unadmitted = 256 * 1024;
  // Streams that the client gives up: so many at once, and so many a second.
  double resets = 100;
  double resets_a_second = 50;
  // Frames that carry neither a call nor a part of a message that is worth a frame.
  double control_frames = 1'000;
  double control_frames_a_second = 500;
};

// So many at once, and so many a second.
class Allowance {
 public:
  Allowance(double most, double a_second) : most_(most), a_second_(a_second), left_(most) {}
  void Take(BootTime now);
  void Give(double more) { left_ = std::min(most_, left_ + more); }
  // True while it is overdrawn.
  [[nodiscard]] bool IsOverdrawn(BootTime now);

 private:
  void Refill(BootTime now);
  const double most_;
  const double a_second_;
  double left_;
  BootTime refilled_;
};

// Cuts a direction of a connection into frames, in whatever pieces it comes.
class FrameCutter {
 public:
  struct Header {
    std::uint32_t length = 0;
    std::uint8_t type = 0;
    std::uint8_t flags = 0;
    std::uint32_t stream = 0;
  };
  // What the next bytes are: the end of a frame's header (see header()), or a part of its payload and whether
  // it is the last one (a frame without payload has one empty part).
  struct Piece {
    bool is_header = false;
    std::string_view payload;
    bool last = false;
  };
  // Takes from the front of `bytes`; nothing if more is needed.
  bool Next(std::string_view& bytes, Piece& piece);
  [[nodiscard]] const Header& header() const { return header_; }

 private:
  std::array<unsigned char, 9> head_{};
  std::size_t head_size_ = 0;
  bool in_payload_ = false;
  std::uint32_t left_ = 0;
  Header header_;
};

class Http2Guard {
 public:
  Http2Guard(const GuardLimits& limits, IncomingCalls& calls);
  ~Http2Guard();
  Http2Guard(const Http2Guard&) = delete;
  Http2Guard& operator=(const Http2Guard&) = delete;

  // What the client sent; what gRPC is to get is appended to `out`. False: the connection is to be closed,
  // and why() says for what.
  [[nodiscard]] bool FromClient(std::string_view bytes, BootTime now, std::string& out);
  // What gRPC sent, which goes on as it is.
  void FromServer(std::string_view bytes);
  [[nodiscard]] std::string_view why() const { return why_; }

  // The client has said what HTTP/2 begins with, and its settings.
  [[nodiscard]] bool is_http2() const { return begun_; }
  [[nodiscard]] std::size_t open_streams() const { return streams_.size(); }
  // One of them was admitted: it is the call of somebody who may make it.
  [[nodiscard]] bool has_admitted() const { return counts_->admitted > 0; }
  // Those that nobody has admitted: they begin, are silent, or of a service that needs no token and may last
  // (health, reflection).
  [[nodiscard]] std::size_t waiting_streams() const { return counts_->waiting; }
  // Since when the one of them that is open for the longest is that. The farthest future if there is none.
  [[nodiscard]] BootTime waiting_since() const;
  // Since when the client has not taken the end of a call that was finished here, of all the longest. The
  // farthest future if there is none.
  [[nodiscard]] BootTime unfetched_since() const;
  // True once after each end of an admitted one.
  [[nodiscard]] bool TakeServed() { return std::exchange(served_, false); }
  // The connection is closed: all of them have ended.
  void EndAll();
  // Nothing more is to be read from the client for the moment.
  [[nodiscard]] bool IsOverdrawn(BootTime now);
  // Too much of messages that nobody has admitted lies with gRPC.
  [[nodiscard]] bool IsFull() const;

 private:
  struct Stream {
    IncomingCalls::Opened opened;
    BootTime begun;
    std::array<unsigned char, 5> prefix{};
    std::size_t prefix_size = 0;
    std::uint64_t message_left = 0;
    std::uint64_t unadmitted = 0;  // octets of the message that is coming, while it is not admitted
    std::uint64_t messages = 0;    // begun
  };

  bool TakePreface(std::string_view& bytes, std::string& out);
  bool OnHeader(BootTime now);
  bool OnPayload(std::string_view payload, bool last, BootTime now, std::string& out);
  bool OnHeaderBlock(BootTime now, std::string& out);
  bool OnData(std::string_view payload);
  bool OnMessage(Stream& stream, std::string_view bytes);
  void EndStream(std::uint32_t id);
  bool Refuse(std::string_view why);

  const GuardLimits limits_;
  IncomingCalls& calls_;
  Allowance resets_;
  Allowance control_;
  FrameCutter from_client_;
  FrameCutter from_server_;
  std::size_t preface_ = 0;
  bool begun_ = false;
  std::uint32_t last_stream_ = 0;
  std::uint32_t header_stream_ = 0;  // of the header block that is coming; 0: none
  std::string block_;                // the frame of it
  std::size_t block_octets_ = 0;
  bool payload_begun_ = false;
  bool served_ = false;
  std::map<std::uint32_t, std::unique_ptr<Stream>> streams_;  // the oldest first
  const std::shared_ptr<CallCounts> counts_ = std::make_shared<CallCounts>();
  std::string_view why_;
};

}  // namespace goniec::outbound
