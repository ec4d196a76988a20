#include "outbound/api/http2_guard.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace goniec::outbound {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// RFC 9113 §6.
constexpr std::uint8_t kData = 0;
constexpr std::uint8_t kHeaders = 1;
constexpr std::uint8_t kRstStream = 3;
constexpr std::uint8_t kSettings = 4;
constexpr std::uint8_t kContinuation = 9;
constexpr std::uint8_t kEndStream = 0x1;
constexpr std::uint8_t kEndHeaders = 0x4;
constexpr std::uint8_t kPadded = 0x8;
constexpr std::uint8_t kPriority = 0x20;

constexpr std::size_t kFrameHeader = 9;
// What is made of a frame by whoever reads it takes more memory than the octets of a shorter one.
constexpr std::uint32_t kWorthAFrame = 256;
constexpr std::size_t kPriorityOctets = 5;
// gRPC takes 8 KiB of metadata; with our token a block must still fit in one frame of 16 KiB.
constexpr std::size_t kMaxHeaderBlock = 16'000;

void AppendFrameHeader(const FrameCutter::Header& header, std::size_t length, std::uint8_t flags,
                       std::string& out) {
  const std::uint32_t id = header.stream;
  for (const std::uint32_t octet :
       {static_cast<std::uint32_t>(length >> 16), static_cast<std::uint32_t>(length >> 8),
        static_cast<std::uint32_t>(length), static_cast<std::uint32_t>(header.type),
        static_cast<std::uint32_t>(flags), id >> 24, id >> 16, id >> 8, id}) {
    out.push_back(static_cast<char>(octet & 0xFF));
  }
}

// A literal field that is not indexed, its strings as they are (RFC 7541 §6.2.2). Both are shorter than 127.
void AppendLiteral(std::string_view name, std::string_view value, std::string& out) {
  out.push_back('\0');
  out.push_back(static_cast<char>(name.size()));
  out += name;
  out.push_back(static_cast<char>(value.size()));
  out += value;
}

}  // namespace

void Allowance::Refill(BootTime now) {
  if (refilled_ != BootTime()) {
    left_ = std::min(most_, left_ + a_second_ * std::chrono::duration<double>(now - refilled_).count());
  }
  refilled_ = now;
}

void Allowance::Take(BootTime now) {
  Refill(now);
  left_ -= 1;
}

bool Allowance::IsOverdrawn(BootTime now) {
  Refill(now);
  return left_ < 0;
}

bool FrameCutter::Next(std::string_view& bytes, Piece& piece) {
  if (!in_payload_) {
    const std::size_t taken = std::min(bytes.size(), kFrameHeader - head_size_);
    std::copy_n(bytes.begin(), taken, head_.begin() + static_cast<std::ptrdiff_t>(head_size_));
    head_size_ += taken;
    bytes.remove_prefix(taken);
    if (head_size_ < kFrameHeader) return false;
    const auto octet = [this](std::size_t i) { return static_cast<std::uint32_t>(head_[i]); };
    header_ = {.length = octet(0) << 16 | octet(1) << 8 | octet(2),
               .type = head_[3],
               .flags = head_[4],
               .stream = (octet(5) << 24 | octet(6) << 16 | octet(7) << 8 | octet(8)) & 0x7FFFFFFF};
    head_size_ = 0;
    in_payload_ = true;
    left_ = header_.length;
    piece = {.is_header = true, .payload = {}, .last = false};
    return true;
  }
  if (bytes.empty() && left_ > 0) return false;
  const std::size_t taken = std::min<std::size_t>(bytes.size(), left_);
  left_ -= static_cast<std::uint32_t>(taken);
  in_payload_ = left_ > 0;
  piece = {.is_header = false, .payload = bytes.substr(0, taken), .last = !in_payload_};
  bytes.remove_prefix(taken);
  return true;
}

Http2Guard::Http2Guard(const GuardLimits& limits, IncomingCalls& calls)
    : limits_(limits),
      calls_(calls),
      resets_(limits.resets, limits.resets_a_second),
      control_(limits.control_frames, limits.control_frames_a_second) {}

Http2Guard::~Http2Guard() {
  EndAll();
}

void Http2Guard::EndAll() {
  for (const auto& [id, stream] : streams_) calls_.Close(stream->opened.token);
  streams_.clear();
}

BootTime Http2Guard::waiting_since() const {
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [](const auto& entry) { return !entry.second->opened.call->admitted(); });
  return found == streams_.end() ? BootTime::max() : found->second->begun;
}

BootTime Http2Guard::unfetched_since() const {
  BootTime since = BootTime::max();
  for (const auto& [id, stream] : streams_) since = std::min(since, stream->opened.call->finished());
  return since;
}

bool Http2Guard::Refuse(std::string_view why) {
  why_ = why;
  return false;
}

bool Http2Guard::TakePreface(std::string_view& bytes, std::string& out) {
  const std::string_view expected = kPreface.substr(preface_);
  const std::size_t taken = std::min(bytes.size(), expected.size());
  if (bytes.substr(0, taken) != expected.substr(0, taken)) return Refuse("not HTTP/2");
  out += bytes.substr(0, taken);
  bytes.remove_prefix(taken);
  preface_ += taken;
  return true;
}

bool Http2Guard::FromClient(std::string_view bytes, BootTime now, std::string& out) {
  if (preface_ < kPreface.size() && !TakePreface(bytes, out)) return false;
  FrameCutter::Piece piece;
  while (preface_ == kPreface.size() && from_client_.Next(bytes, piece)) {
    if (piece.is_header ? !OnHeader(now) : !OnPayload(piece.payload, piece.last, now, out)) return false;
  }
  return true;
}

bool Http2Guard::OnHeader(BootTime now) {
  const FrameCutter::Header& frame = from_client_.header();
  if (!begun_ && frame.type != kSettings) return Refuse("not HTTP/2");
  begun_ = true;
  payload_begun_ = false;
  if (header_stream_ != 0 && (frame.type != kContinuation || frame.stream != header_stream_)) {
    return Refuse("a header block was interrupted");
  }
  switch (frame.type) {
    case kData:
      // No gRPC client does it, and messages would have to be looked for behind it.
      if ((frame.flags & kPadded) != 0) return Refuse("padded data");
      if (frame.length < kWorthAFrame && (frame.flags & kEndStream) == 0) control_.Take(now);
      return true;
    case kHeaders: {
      if (frame.stream % 2 == 0) return Refuse("a stream of the server's");
      block_.clear();
      block_octets_ = frame.length;
      header_stream_ = frame.stream;
      if (frame.stream <= last_stream_) {
        control_.Take(now);  // trailers, or nonsense
      } else if (streams_.size() >= limits_.streams) {
        return Refuse("more streams than allowed");
      }
      break;
    }
    case kContinuation:
      if (header_stream_ == 0) return Refuse("no header block to continue");
      control_.Take(now);
      block_octets_ += frame.length;
      break;
    case kRstStream:
      // Of a stream that has ended it is a frame only: some clients send it behind every answer.
      (streams_.contains(frame.stream) ? resets_ : control_).Take(now);
      EndStream(frame.stream);
      return true;
    default:
      control_.Take(now);
      return true;
  }
  return block_octets_ <= kMaxHeaderBlock || Refuse("a header block is too large");
}

bool Http2Guard::OnPayload(std::string_view payload, bool last, BootTime now, std::string& out) {
  const FrameCutter::Header& frame = from_client_.header();
  if (frame.type == kHeaders || frame.type == kContinuation) {
    block_ += payload;
    return !last || OnHeaderBlock(now, out);
  }
  if (!std::exchange(payload_begun_, true)) AppendFrameHeader(frame, frame.length, frame.flags, out);
  out += payload;
  return frame.type != kData || OnData(payload);
}

// A whole HEADERS or CONTINUATION frame is in block_. The token goes behind the block's last octet.
bool Http2Guard::OnHeaderBlock(BootTime now, std::string& out) {
  const FrameCutter::Header& frame = from_client_.header();
  std::string_view fragment = block_;
  std::uint8_t flags = frame.flags;
  if (frame.type == kHeaders && (flags & kPadded) != 0) {
    if (fragment.empty()) return Refuse("padding without a length");
    const std::size_t padding = static_cast<unsigned char>(fragment.front());
    fragment.remove_prefix(1);
    if (padding > fragment.size()) return Refuse("more padding than frame");
    fragment.remove_suffix(padding);
    flags &= static_cast<std::uint8_t>(~kPadded);
  }
  if (frame.type == kHeaders && (flags & kPriority) != 0) {
    if (fragment.size() < kPriorityOctets) return Refuse("a priority is cut");
    fragment.remove_prefix(kPriorityOctets);
    flags &= static_cast<std::uint8_t>(~kPriority);
  }
  std::string addition;
  if ((flags & kEndHeaders) != 0) {
    header_stream_ = 0;
    if (frame.stream > last_stream_) {
      last_stream_ = frame.stream;
      control_.Give(4);  // what an honest client says around a call: windows, pings, a short request
      auto stream = std::make_unique<Stream>();
      stream->opened = calls_.Open(counts_);
      stream->begun = now;
      AppendLiteral(kCallTokenKey, stream->opened.token, addition);
      // Nothing will come: gRPC says so as soon as it is asked.
      if (frame.type == kHeaders && (flags & kEndStream) != 0) stream->opened.call->Announce({});
      streams_[frame.stream] = std::move(stream);
    }
  }
  AppendFrameHeader(frame, fragment.size() + addition.size(), flags, out);
  absl::StrAppend(&out, absl::string_view(fragment.data(), fragment.size()), addition);
  block_.clear();
  return true;
}

bool Http2Guard::OnData(std::string_view payload) {
  const auto found = streams_.find(from_client_.header().stream);
  // gRPC drops what belongs to no stream.
  return found == streams_.end() || OnMessage(*found->second, payload);
}

// Messages one after the other, each with its prefix.
bool Http2Guard::OnMessage(Stream& stream, std::string_view bytes) {
  while (!bytes.empty()) {
    if (stream.prefix_size < stream.prefix.size()) {
      stream.prefix[stream.prefix_size++] = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      if (stream.prefix_size < stream.prefix.size()) continue;
      std::uint64_t length = 0;
      for (std::size_t i = 1; i < stream.prefix.size(); ++i) length = length << 8 | stream.prefix[i];
      stream.message_left = length;
      stream.unadmitted = 0;
      if (++stream.messages == 1) {
        stream.opened.call->Announce({.octets = length, .compressed = (stream.prefix[0] & 1) != 0});
      }
    }
    const std::size_t taken = std::min<std::uint64_t>(bytes.size(), stream.message_left);
    stream.message_left -= taken;
    stream.unadmitted += taken;
    bytes.remove_prefix(taken);
    // What was admitted is the first one.
    if (stream.messages == 1 && stream.opened.call->admitted()) stream.unadmitted = 0;
    if (stream.unadmitted > limits_.unadmitted_message) return Refuse("a message that nobody has admitted");
    if (stream.message_left == 0) {
      stream.prefix_size = 0;
      stream.unadmitted = 0;
    }
  }
  return true;
}

void Http2Guard::EndStream(std::uint32_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  served_ = served_ || found->second->opened.call->admitted();
  calls_.Close(found->second->opened.token);
  streams_.erase(found);
}

void Http2Guard::FromServer(std::string_view bytes) {
  FrameCutter::Piece piece;
  while (from_server_.Next(bytes, piece)) {
    if (piece.is_header || !piece.last) continue;
    const FrameCutter::Header& frame = from_server_.header();
    const bool ends = (frame.type == kData || frame.type == kHeaders) && (frame.flags & kEndStream) != 0;
    if (ends || frame.type == kRstStream) EndStream(frame.stream);
  }
}

bool Http2Guard::IsOverdrawn(BootTime now) {
  const bool resets = resets_.IsOverdrawn(now);
  return control_.IsOverdrawn(now) || resets;
}

bool Http2Guard::IsFull() const {
  std::uint64_t unadmitted = 0;
  for (const auto& [id, stream] : streams_) {
    if (!stream->opened.call->admitted()) unadmitted += stream->unadmitted;
  }
  return unadmitted > limits_.unadmitted;
}

}  // namespace goniec::outbound
