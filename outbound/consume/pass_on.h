// Whether a record that comes back from a site's shelf is another worker's to serve: all of the site's
// connections are others', so it would only go to the shelf again. It is given back before it is looked at,
// and comes to another worker, after a pause that grows with each that had it: while the shares change hands,
// nobody may have them.
//
// Pure; thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "common/base/clock.h"
#include "common/queue/model/subjects.h"

namespace goniec::outbound {

inline constexpr std::chrono::milliseconds kPassOnPause{100};
inline constexpr std::chrono::milliseconds kLongestPassOnPause{2'000};

// How long the record should stay away; nothing if it is to be served here: one that is not from a site's
// shelf, that we have a share of connections for (`is_elsewhere` says no), or whose minute is over, which
// needs no connection.
std::optional<std::chrono::milliseconds> PassOn(
    std::string_view subject, std::uint64_t delivery_count, WallTime now,
    const std::function<bool(const queue::ShelfPlace& place)>& is_elsewhere);

}  // namespace goniec::outbound
