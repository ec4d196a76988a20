// What follows from what became of a leg's recipients: the events that tell it, the move of those that are
// tried again, what people are told, and whether the record must go back. Asked by RecordWork, which stores,
// logs and counts; when a try is due is decided in outbound/retry, what an expired mail says in
// outbound/outcome/expiry.
//
// Pure but for the ids of events, which are drawn; thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/queue/hold/move.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/outcome/expiry.h"
#include "outbound/outcome/result.h"
#include "outbound/retry/retry.h"

namespace goniec::outbound {

// A leg (one mail's recipients of one domain) and what became of it.
struct LegResults {
  // The mail's; it may have lost its mails.
  const queue::v1::Record& record;
  const queue::v1::Mail& mail;
  const std::string& domain;
  // Where it was routed to (Route::site); empty if nowhere.
  const std::string& site;
  // What events say of attempts before this one.
  const LastOutcomes& last;
  // Every recipient of the leg in one of them.
  const std::vector<Result>& results;
  // The site whose shelf the record was released from, as a token; empty if from none, or as a probe.
  std::string_view shelf_site = {};
};

// What is not tried because its site takes no more, or nobody, goes to the site's shelf until it is released.
// Not so shortly before the mail expires: it would come back for its last minute at once. Nor may its minute
// be over when the record comes to lie there, however long the move takes: ReleaseOverdue (hold/shelf.h)
// counts the current minute as dealt with, and asks only the last ones again.
// Nor is it moved if it comes from the shelf of this very site, which is open: then the record stays due, and
// comes again after a pause. That is no move and no event, and its keeper, who sees that it is not drained,
// releases less.
inline constexpr std::chrono::minutes kLeastOnShelf{5};
// A second, and twice as long each time that the record was delivered, up to a minute.
std::chrono::milliseconds PauseOfStaying(std::uint64_t delivery_count);

// What is counted, by the metric's label, and but for kBusy logged: recipients of a busy or closed site were
// not tried, and are too many to be told one by one.
enum class Told { kDelivered, kBounced, kExpired, kDeferred, kBusy };
const char* ToldName(Told told);

struct Telling {
  Told told = Told::kDelivered;
  Result result;
};

struct Conclusion {
  std::vector<queue::v1::Event> events;
  // All of the leg's recipients that are tried again, together: a second copy of the same mail, generation
  // and domain in WAIT would replace the first. If one of them was tried, all wait.
  std::optional<queue::Move> move;
  // A recipient ended.
  bool ended = false;
  // The record goes back to the broker: the ends among the results are told, and the next holder makes what
  // moves there are anew.
  bool returned = false;
  // It goes back because its site takes no more of it now: after PauseOfStaying().
  bool stays = false;
  // The lease is lost: nothing may be written about the record that needs one.
  bool forfeit = false;
  std::vector<Telling> tellings;
  // Recipients whose message was sent in full and got no reply.
  std::size_t ambiguous = 0;
};

// `random` is called once for each result that does not go to a shelf, and gives numbers in [0, 1).
Conclusion Conclude(const LegResults& leg, const RetryPolicy& policy, WallTime now,
                    const std::function<double()>& random);

}  // namespace goniec::outbound
