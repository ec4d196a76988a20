// Status vocabulary. kUnavailable: try later. kInvalidArgument: the peer's (or the configuration's) fault.
// kFailedPrecondition: our state. kResourceExhausted: a limit of ours. kDeadlineExceeded: no answer in time.
// kInternal: our bug. Thread-safe.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace goniec {

// The same code, with "context: " before the message. OK stays OK. Added once, at the border of a module.
absl::Status WithContext(const absl::Status& status, std::string_view context);

// The message alone, for one log line or one line on a terminal. Valid as long as `status` is.
std::string_view Message(const absl::Status& status);

}  // namespace goniec

// Returns from the enclosing function (or coroutine, with co_return) when `expr` is not OK.
#define GONIEC_RETURN_IF_ERROR(expr)                                                    \
  do {                                                                                  \
    if (absl::Status goniec_status = (expr); !goniec_status.ok()) return goniec_status; \
  } while (false)
