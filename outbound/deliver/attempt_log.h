// The line that the log has for each outcome of an attempt. Thread-safe.
#pragma once

#include "goniec/queue/v1/queue.pb.h"
#include "outbound/outcome/result.h"

namespace goniec::outbound {

void LogAttempt(const queue::v1::Mail& mail, const Result& result);

}  // namespace goniec::outbound
