// Between the clock's times and google.protobuf.Timestamp. Pure.
#pragma once

#include <optional>

#include "common/base/clock.h"
#include "google/protobuf/timestamp.pb.h"

namespace goniec::outbound {

inline void ToProto(WallTime time, google::protobuf::Timestamp& stamp) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  stamp.set_seconds(seconds.count());
  stamp.set_nanos(static_cast<std::int32_t>(std::chrono::nanoseconds(since - seconds).count()));
}

// Nothing if it is not a valid Timestamp, or beyond what the clock can show (year 2262).
inline std::optional<WallTime> FromProto(const google::protobuf::Timestamp& stamp) {
  constexpr std::int64_t kLatest = 9'223'372'036;
  if (stamp.seconds() < 0 || stamp.seconds() >= kLatest || stamp.nanos() < 0 || stamp.nanos() > 999'999'999) {
    return std::nullopt;
  }
  return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::seconds(stamp.seconds()) +
                                                                 std::chrono::nanoseconds(stamp.nanos())));
}

}  // namespace goniec::outbound
