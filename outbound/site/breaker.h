// A site's breaker: when a site is closed, when the next probe is due, and what a probe's end or a failure
// makes of the site's word. The word is stored in the bucket `control` (key site.<token>) by compare-and-set;
// who writes it is decided elsewhere (cluster.h, keeper.h). A word that does not parse, or that a later
// version wrote, is no word: the site stays as it was.
//
// - A failure counts only in the epoch in which its attempt began, and only while the site is open; the end
//   of a probe only in the epoch of the probe. So answers to attempts from before count for nothing.
// - Time alone opens nothing: a closed site is probed, and only a probe that worked opens it; or a worker who
//   has connections there that take mail, for it was closed by one who has none.
// - Pauses between probes grow by a quarter up to a limit, and double with each flap. Opening does not reset
//   them: only a site that has stayed open for longer than kStayedOpen begins anew; one that closes again
//   sooner has flapped and waits longer, in the end longer than one that stays dead.
// - Who writes a word sets `writer`; the functions set all else.
//
// Pure; thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/site/cluster_view.h"

namespace goniec::outbound {

inline constexpr std::chrono::seconds kFirstProbe{5};
inline constexpr std::chrono::minutes kLongestPause{5};
// Of a site that has flapped.
inline constexpr std::chrono::minutes kLongestFlapPause{15};
inline constexpr std::chrono::minutes kStayedOpen{10};
// An open site's word goes after that; then its epochs begin anew, and no attempt lasts for as long.
inline constexpr std::chrono::hours kOpenForgotten{1};
// A closed site's, for which there was no mail to probe it with.
inline constexpr std::chrono::hours kClosedForgotten{48};
// 1 is what this version writes and knows.
inline constexpr std::uint32_t kWordVersion = 1;

// Nothing if it is no word that this version knows.
std::optional<queue::v1::SiteWord> ParseWord(std::string_view stored);
// A later version's: it is left as it is.
[[nodiscard]] bool IsLaterWord(std::string_view stored);
SiteWord ViewOf(const queue::v1::SiteWord& word);

// The next word, or nothing if nothing changes. `word` is the stored one, or empty if there is none: open,
// epoch 0. `random` is uniform in [0, 1): pauses vary by a fifth.
std::optional<queue::v1::SiteWord> AfterFailure(const std::optional<queue::v1::SiteWord>& word,
                                                std::string_view site, std::uint64_t epoch,
                                                const queue::v1::Outcome& outcome, WallTime now,
                                                double random);
std::optional<queue::v1::SiteWord> AfterSuccess(const std::optional<queue::v1::SiteWord>& word,
                                                std::uint64_t epoch, WallTime now);
// A probe goes out: due, and the site is closed.
std::optional<queue::v1::SiteWord> BeginProbe(const std::optional<queue::v1::SiteWord>& word,
                                              std::string_view keeper, WallTime now);
// The probe of `epoch` is nowhere any more, or what it came to says nothing of the site: the site is closed
// as before, and the next probe is due after the same pause. A later probe is left alone.
std::optional<queue::v1::SiteWord> ProbeLost(const std::optional<queue::v1::SiteWord>& word,
                                             std::uint64_t epoch, WallTime now, double random);
// A worker sees the site at work though another has closed it, in `epoch`: it is open again, and what failed
// stays known. A site that is probed by now is left alone.
std::optional<queue::v1::SiteWord> Contradicted(const std::optional<queue::v1::SiteWord>& word,
                                                std::uint64_t epoch, WallTime now);
// In its state for so long that nothing need be remembered: the key may go.
[[nodiscard]] bool IsForgettable(const queue::v1::SiteWord& word, WallTime now);

}  // namespace goniec::outbound
