// Between the clock's times and google.protobuf.Timestamp, for records, events and the API. Pure;
// thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "google/protobuf/timestamp.pb.h"

namespace goniec::queue {

// The first second that the clock cannot show (in the year 2262).
inline constexpr std::int64_t kEndOfTime = 9'223'372'036;

inline google::protobuf::Timestamp ToProto(WallTime time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  google::protobuf::Timestamp stamp;
  stamp.set_seconds(seconds.count());
  stamp.set_nanos(static_cast<std::int32_t>(std::chrono::nanoseconds(since - seconds).count()));
  return stamp;
}

// Of a time that we wrote. What the clock cannot show becomes the nearest that it can.
inline WallTime FromProto(const google::protobuf::Timestamp& stamp) {
  const std::chrono::seconds seconds(
      std::clamp<std::int64_t>(stamp.seconds(), 3 - kEndOfTime, kEndOfTime - 3));
  return WallTime(
      std::chrono::duration_cast<WallTime::duration>(seconds + std::chrono::nanoseconds(stamp.nanos())));
}

// Of a time that a caller gave: nothing if it is no valid Timestamp, before 1970, or beyond what the clock
// shows.
inline std::optional<WallTime> ValidTime(const google::protobuf::Timestamp& stamp) {
  if (stamp.seconds() < 0 || stamp.seconds() >= kEndOfTime) return std::nullopt;
  if (stamp.nanos() < 0 || stamp.nanos() > 999'999'999) return std::nullopt;
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::seconds(stamp.seconds()) +
                                                                 std::chrono::nanoseconds(stamp.nanos())));
}

}  // namespace goniec::queue
