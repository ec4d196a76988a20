// Limits are the cluster's: what one worker may use of them, and which worker keeps a site. Every worker
// reckons it from the same members (common/queue/broker/presence.h) in the same way, so the shares of all add
// up to the limit and never to more. Whole connections are dealt out in the order of the site's ranking of
// workers: of one connection the first worker has all, the others none; a site's keeper is the first too.
// Rates are divided evenly.
//
// Who is not confirmed uses the lower share: what it would have beside twice as many workers, but at least
// one of a limit above one if it had one. Of a limit of one it has nothing then, even if it knows of no
// others: a newcomer that it cannot hear of may have it. So of a limit above one, each worker that is cut off
// from the others may use one connection more than its limit has, for as long as it is. Who does not count
// has nothing.
//
// Pure; thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/queue/broker/presence.h"

namespace goniec::outbound {

// The members in the order in which they stand for `site` (rendezvous hashing): when one goes, only its own
// sites change hands.
std::vector<std::string> RankingOf(std::string_view site, const std::vector<std::string>& members);

// True if we keep the site: first in its ranking, and confirmed.
[[nodiscard]] bool IsKeeper(std::string_view site, const queue::Members& members);

// Of a limit of connections or mails at once. When a worker goes, nobody's share falls.
std::size_t ShareOf(std::size_t limit, std::string_view site, const queue::Members& members);

// Of a rate (mails or recipients in a time): a factor, above 0 and at most 1. Who does not count yet is taken
// as one more that is not confirmed.
double RateShareOf(const queue::Members& members);

}  // namespace goniec::outbound
