// What a stream holds now, as its leader says (STREAM.INFO). Reads only. Thread-safe.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace goniec::queue {

class Broker;

struct StreamState {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  // Of the oldest message that is kept, and of the newest that was ever stored (0: none).
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  // When these two were stored; the epoch if it is not known.
  WallTime first_time;
  WallTime last_time;
  // When the stream was made.
  WallTime created;
  // Those that match the filter, with the number of their messages. Empty without a filter.
  std::map<std::string, std::uint64_t> subjects;
};

// With a filter (wildcards allowed) all subjects that match, however many; several requests, so a subject
// that comes or goes meanwhile may be missing. kNotFound if there is no such stream.
asio::awaitable<absl::StatusOr<StreamState>> ReadStreamState(Broker& broker, std::string stream,
                                                             std::string subjects_filter = "");

// Calls `each` with every subject that matches the filter and the number of its messages, page by page: for
// more subjects than should lie in memory at once. A subject that comes or goes meanwhile may be missing or
// be told twice. The limit is a page's: the server lists all that match for each of them.
asio::awaitable<absl::Status> ReadSubjects(
    Broker& broker, std::string stream, std::string filter,
    std::function<void(const std::string& subject, std::uint64_t messages)> each,
    std::chrono::milliseconds limit = std::chrono::seconds(5));

}  // namespace goniec::queue
