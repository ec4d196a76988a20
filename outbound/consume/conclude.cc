#include "outbound/consume/conclude.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "common/queue/events/events.h"

namespace goniec::outbound {
namespace {

using queue::v1::Event;

// A result whose recipients are tried again.
struct Retry {
  const Result* result;
  WallTime at;
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

bool IsBusy(const Result& result) {
  return IsNotTriedFor(result, queue::v1::REASON_SITE_BUSY);
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
  WallTime at = retries.front().at;
  for (const Retry& retry : retries) {
    positions.insert(positions.end(), retry.result->recipients.begin(), retry.result->recipients.end());
    at = std::min(at, retry.at);
  }
  std::sort(positions.begin(), positions.end());
  conclusion.move = queue::MakeMove(leg.record, leg.mail, positions, queue::ToWait{leg.domain, at}, attempts);
  for (const Retry& retry : retries) {
    const Told told = IsBusy(*retry.result) ? Told::kBusy : Told::kDeferred;
    Event event = queue::MakeEvent(leg.mail, EventTypeOf(told), retry.result->recipients, now);
    event.set_generation(conclusion.move->record.mails(0).generation());
    event.set_attempts(attempts);
    *event.mutable_next_attempt_time() = queue::ToProto(at);
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

Conclusion Conclude(const LegResults& leg, const RetryPolicy& policy, WallTime now,
                    const std::function<double()>& random) {
  Conclusion conclusion;
  const bool tried = std::any_of(leg.results.begin(), leg.results.end(),
                                 [](const Result& result) { return result.verdict != Verdict::kNotTried; });
  const std::uint32_t attempts = leg.mail.attempts() + (tried ? 1 : 0);
  std::vector<Retry> retries;
  for (const Result& result : leg.results) {
    conclusion.forfeit = conclusion.forfeit || IsForfeit(result);
    if (IsForfeit(result) || IsShutdown(result)) {
      conclusion.returned = true;
      continue;
    }
    if (result.outcome.ambiguous()) conclusion.ambiguous += result.recipients.size();
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
