#include "outbound/consume/conclude.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "common/queue/events/events.h"
#include "outbound/route/route.h"

namespace goniec::outbound {
namespace {

using queue::v1::Event;

// A result whose recipients are tried again: at a time, or when their site's shelf is emptied.
struct Retry {
  const Result* result;
  std::optional<WallTime> at;
};

bool IsNotTriedFor(const Result& result, queue::v1::Reason reason) {
  return result.verdict == Verdict::kNotTried && result.outcome.reason() == reason;
}

// The broker may have given the record to somebody else.
bool IsForfeit(const Result& result) {
  return IsNotTriedFor(result, queue::v1::REASON_BROKER);
}

bool IsShutdown(const Result& result) {
  return IsNotTriedFor(result, queue::v1::REASON_SHUTDOWN);
}

// The site takes no more, or lets nobody in.
bool IsBusy(const Result& result) {
  return IsNotTriedFor(result, queue::v1::REASON_SITE_BUSY) ||
         IsNotTriedFor(result, queue::v1::REASON_SITE_CLOSED);
}

// It comes again when the site does: not tried for its sake, or tried in vain as it closed. What may have
// been delivered is tried again only if the retry policy says so (DecideNext).
bool WaitsForSite(const Result& result) {
  if (IsBusy(result)) return true;
  return result.verdict == Verdict::kTemporary && result.site_closed && !result.outcome.ambiguous();
}

// All that is tried again of the leg waits for its site.
bool GoesToShelf(const LegResults& leg, WallTime now) {
  if (leg.site.empty() || queue::FromProto(leg.mail.expire_time()) < now + kLeastOnShelf) return false;
  return std::all_of(leg.results.begin(), leg.results.end(), [](const Result& result) {
    const bool ends = result.verdict == Verdict::kDelivered || result.verdict == Verdict::kPermanent;
    return ends || WaitsForSite(result);
  });
}

// Mail of this very shelf, whose site is open.
bool StaysDue(const LegResults& leg) {
  if (leg.shelf_site.empty() || leg.shelf_site != SiteToken(leg.site)) return false;
  return std::none_of(leg.results.begin(), leg.results.end(), [](const Result& result) {
    return result.site_closed || IsNotTriedFor(result, queue::v1::REASON_SITE_CLOSED);
  });
}

Told ToldOf(Next next) {
  switch (next) {
    case Next::kDelivered:
      return Told::kDelivered;
    case Next::kExpire:
      return Told::kExpired;
    case Next::kBounce:
    case Next::kUnknownOutcome:
      return Told::kBounced;
    case Next::kRetry:
      break;
  }
  return Told::kDeferred;
}

queue::v1::EventType EventTypeOf(Told told) {
  switch (told) {
    case Told::kDelivered:
      return queue::v1::EVENT_TYPE_DELIVERED;
    case Told::kBounced:
      return queue::v1::EVENT_TYPE_BOUNCED;
    case Told::kExpired:
      return queue::v1::EVENT_TYPE_EXPIRED;
    case Told::kDeferred:
    case Told::kBusy:
      break;
  }
  return queue::v1::EVENT_TYPE_DEFERRED;
}

void AddEnd(const queue::v1::Mail& mail, Next next, Result result, WallTime now, Conclusion& conclusion) {
  const Told told = ToldOf(next);
  Event event = queue::MakeEvent(mail, EventTypeOf(told), result.recipients, now);
  event.set_attempts(mail.attempts() + (result.verdict == Verdict::kNotTried ? 0 : 1));
  *event.mutable_outcome() = result.outcome;
  if (next == Next::kUnknownOutcome) {
    event.mutable_outcome()->set_reason(queue::v1::REASON_OUTCOME_UNKNOWN);
  }
  conclusion.events.push_back(std::move(event));
  conclusion.tellings.push_back({told, std::move(result)});
  conclusion.ended = true;
}

void AddEnds(const LegResults& leg, Next next, const Result& result, WallTime now, Conclusion& conclusion) {
  if (next != Next::kExpire) return AddEnd(leg.mail, next, result, now, conclusion);
  for (Result& expired : ExpiredResults(result, leg.last)) {
    AddEnd(leg.mail, next, std::move(expired), now, conclusion);
  }
}

void AddMove(const LegResults& leg, const std::vector<Retry>& retries, std::uint32_t attempts, WallTime now,
             Conclusion& conclusion) {
  std::vector<std::uint32_t> positions;
  std::optional<WallTime> at = retries.front().at;
  for (const Retry& retry : retries) {
    positions.insert(positions.end(), retry.result->recipients.begin(), retry.result->recipients.end());
    at = std::min(at, retry.at);
  }
  std::sort(positions.begin(), positions.end());
  std::variant<queue::ToWait, queue::ToHeld> to;
  if (at.has_value()) {
    to = queue::ToWait{leg.domain, *at};
  } else {
    to = queue::ToHeld{.site = SiteToken(leg.site), .site_name = leg.site};
  }
  // Others of the leg may have been tried.
  const bool tried = std::any_of(retries.begin(), retries.end(), [](const Retry& retry) {
    return retry.result->verdict != Verdict::kNotTried;
  });
  if (!at.has_value() && !tried) attempts = leg.mail.attempts();
  conclusion.move = queue::MakeMove(leg.record, leg.mail, positions, std::move(to), attempts);
  for (const Retry& retry : retries) {
    const Told told = IsBusy(*retry.result) ? Told::kBusy : Told::kDeferred;
    const queue::v1::EventType type = at.has_value() ? EventTypeOf(told) : queue::v1::EVENT_TYPE_HELD;
    Event event = queue::MakeEvent(leg.mail, type, retry.result->recipients, now);
    event.set_generation(conclusion.move->record.mails(0).generation());
    event.set_attempts(attempts);
    if (at.has_value()) *event.mutable_next_attempt_time() = queue::ToProto(*at);
    *event.mutable_outcome() = retry.result->outcome;
    conclusion.events.push_back(std::move(event));
    conclusion.tellings.push_back({told, *retry.result});
  }
}

}  // namespace

const char* ToldName(Told told) {
  switch (told) {
    case Told::kDelivered:
      return "delivered";
    case Told::kBounced:
      return "bounced";
    case Told::kExpired:
      return "expired";
    case Told::kDeferred:
      return "deferred";
    case Told::kBusy:
      return "busy";
  }
  return "unknown";
}

std::chrono::milliseconds PauseOfStaying(std::uint64_t delivery_count) {
  constexpr std::uint64_t kMostDoublings = 6;
  constexpr std::chrono::milliseconds kLongest = std::chrono::minutes(1);
  const std::uint64_t doublings = std::min(std::max<std::uint64_t>(delivery_count, 1) - 1, kMostDoublings);
  return std::min<std::chrono::milliseconds>(std::chrono::seconds(std::int64_t{1} << doublings), kLongest);
}

Conclusion Conclude(const LegResults& leg, const RetryPolicy& policy, WallTime now,
                    const std::function<double()>& random) {
  Conclusion conclusion;
  const bool tried = std::any_of(leg.results.begin(), leg.results.end(),
                                 [](const Result& result) { return result.verdict != Verdict::kNotTried; });
  const std::uint32_t attempts = leg.mail.attempts() + (tried ? 1 : 0);
  std::vector<Retry> retries;
  const bool to_shelf = GoesToShelf(leg, now);
  const bool stays = to_shelf && StaysDue(leg);
  for (const Result& result : leg.results) {
    conclusion.forfeit = conclusion.forfeit || IsForfeit(result);
    if (IsForfeit(result) || IsShutdown(result)) {
      conclusion.returned = true;
      continue;
    }
    if (result.outcome.ambiguous()) conclusion.ambiguous += result.recipients.size();
    if (stays && IsBusy(result)) {
      conclusion.returned = true;
      conclusion.stays = true;
      conclusion.tellings.push_back({Told::kBusy, result});
      continue;
    }
    if (to_shelf && WaitsForSite(result)) {
      retries.push_back({&result, std::nullopt});
      continue;
    }
    const Decision decision = DecideNext(policy, {.verdict = result.verdict,
                                                  .ambiguous = result.outcome.ambiguous(),
                                                  .ambiguous_policy = leg.mail.ambiguous_policy(),
                                                  .wait = result.wait,
                                                  .attempts = attempts,
                                                  .now = now,
                                                  .expire_time = queue::FromProto(leg.mail.expire_time()),
                                                  .random = random()});
    if (decision.next == Next::kRetry) {
      retries.push_back({&result, decision.at});
    } else {
      AddEnds(leg, decision.next, result, now, conclusion);
    }
  }
  if (!conclusion.returned && !retries.empty()) AddMove(leg, retries, attempts, now, conclusion);
  return conclusion;
}

}  // namespace goniec::outbound
