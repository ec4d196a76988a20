// Bodies: inline while small, else chunks in the BODIES stream under an id of their own, stored before the
// record that refers to them.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

class Broker;

// Takes the body of one message as it comes. Confined to the executor of its caller; one call at a time.
class BodyWriter {
 public:
  // `keep` is the time after which the broker drops chunks by itself (the mail's longest life and a day).
  BodyWriter(Broker& broker, std::chrono::seconds keep);
  // Reports chunks of a body that was neither kept nor abandoned, as Abandon does.
  ~BodyWriter();
  BodyWriter(const BodyWriter&) = delete;
  BodyWriter& operator=(const BodyWriter&) = delete;

  // Appends; when more than kMaxInlineBody has come, awaits the storing of a chunk each time one is full.
  // After an error (kUnavailable, kResourceExhausted, kDeadlineExceeded) only Abandon may follow.
  asio::awaitable<absl::Status> Append(std::string_view bytes);
  // True if Append(bytes) would only copy: then AppendNow does the same without a coroutine.
  [[nodiscard]] bool FitsInline(std::size_t more) const;
  void AppendNow(std::string_view bytes);
  // Stores what is held in memory as a chunk, however small, and frees it. After an error as after Append.
  asio::awaitable<absl::Status> Spill();

  // Stores what is left and sets the body and size_bytes (head excluded) of `mail`.
  asio::awaitable<absl::Status> Finish(v1::Mail& mail);
  // The record is durable: the chunks now belong to it.
  void Keep();
  // The record was refused or the message was given up: the chunks are reported on abandoned.<id> and purged.
  void Abandon();

  // Octets so far, and those held in memory now.
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] std::size_t memory() const;
  // Those held at most while and after `more` are appended.
  [[nodiscard]] std::size_t MemoryWith(std::size_t more) const;

 private:
  void Grow(std::size_t more);
  asio::awaitable<absl::Status> StoreChunk(std::string chunk);
  asio::awaitable<absl::Status> FinishAsChunks(v1::Mail& mail);

  Broker& broker_;
  std::chrono::seconds keep_time_;
  std::string buffer_;
  std::string body_id_;
  std::uint32_t chunks_ = 0;
  std::uint64_t size_ = 0;
  bool done_ = false;
};

// One chunk of a stored body. kNotFound: it is gone; kUnavailable, kDeadlineExceeded: ask again.
asio::awaitable<absl::StatusOr<std::string>> ReadBodyChunk(Broker& broker, std::string body_id,
                                                           std::uint32_t chunk);

// Deletes all chunks. Called when the last recipient of the message has ended.
asio::awaitable<absl::Status> DeleteBody(Broker& broker, std::string body_id);

// The id of a mail's inline body once it has left its record: made of the message's id and the body's own
// octets, so that every mover of the mail stores the same chunk under the same id.
std::string MovedBodyId(const v1::Mail& mail);

// Stores `mail`'s inline body and makes it a reference, so that copies stay small. A repetition, by any
// mover, stores nothing new. After an error (kUnavailable, kResourceExhausted, kDeadlineExceeded) the mail is
// as it was, and the chunk perhaps stored: it is not taken away, for another mover may refer to it.
asio::awaitable<absl::Status> MoveBodyToStore(Broker& broker, v1::Mail& mail, std::chrono::seconds keep);

}  // namespace goniec::queue
