// Decides whether a stored record is a Goniec record: complete, and the one that its subject says. Any other
// (forged, damaged, of a later version that says so) is set aside by the worker (quarantine.h). Fields that
// this version does not know are no fault: they are carried on (move.h). Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

// Record.layout up to which this version serves records rightly.
inline constexpr std::uint32_t kKnownLayout = 0;

// `subject` is the one that it is stored under (ready., wait., due., held.). kInvalidArgument says what is
// wrong, for the log.
absl::Status CheckRecord(const v1::Record& record, std::string_view subject);

}  // namespace goniec::queue
