// The end of recipients whose time for delivery is over: what the last attempt came to, and that no other
// follows. Asked by outbound/consume/conclude. Pure functions; thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "goniec/queue/v1/queue.pb.h"
#include "outbound/outcome/result.h"

namespace goniec::outbound {

// What events say of earlier attempts, by position in mail.recipients().
using LastOutcomes = std::map<std::uint32_t, queue::v1::Outcome>;

// The last attempt's outcome with reason EXPIRED, its own reason in `last_reason`. Without an attempt
// (nullptr), an outcome of ours.
queue::v1::Outcome ExpiredAfter(const queue::v1::Outcome* last);

// `ended` taken apart by what the last attempt of its recipients came to: that is `ended` itself if it was an
// attempt, else what `last` knows, else what `ended` says instead of one, if it says something. Verdicts are
// ended.verdict.
std::vector<Result> ExpiredResults(const Result& ended, const LastOutcomes& last);

}  // namespace goniec::outbound
