// Whether a stored record is one that a publisher of ours can have made: complete, and the one that its
// subject says. What is not (forged, damaged, of an incompatible version) is set aside by the worker, see
// quarantine.h. Pure; thread-safe.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

// `subject` is where it lies (ready., wait., due.). Not OK: what is wrong, for the log.
absl::Status CheckRecord(const v1::Record& record, std::string_view subject);

}  // namespace goniec::queue
