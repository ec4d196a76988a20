#include "outbound/outcome/expiry.h"

#include <string>
#include <utility>

#include "outbound/outcome/outcomes.h"

namespace goniec::outbound {

queue::v1::Outcome ExpiredAfter(const queue::v1::Outcome* last) {
  queue::v1::Outcome outcome;
  if (last != nullptr) {
    outcome = *last;
    if (last->reason() != queue::v1::REASON_EXPIRED) outcome.set_last_reason(last->reason());
  } else {
    outcome = MakeOutcome(outcomes::kExpired, queue::v1::PHASE_ROUTE);
  }
  outcome.set_reason(outcomes::kExpired.reason);
  if (outcome.enhanced_code().empty())
    outcome.set_enhanced_code(std::string(outcomes::kExpired.enhanced_code));
  return outcome;
}

std::vector<Result> ExpiredResults(const Result& ended, const LastOutcomes& last) {
  const bool said_something = ended.outcome.reason() != queue::v1::REASON_UNSPECIFIED;
  std::map<std::string, Result> by_outcome;
  for (const std::uint32_t position : ended.recipients) {
    const queue::v1::Outcome* outcome = said_something ? &ended.outcome : nullptr;
    if (const auto known = last.find(position); ended.verdict == Verdict::kNotTried && known != last.end()) {
      outcome = &known->second;
    }
    Result& result = by_outcome[outcome == nullptr ? std::string() : outcome->SerializeAsString()];
    if (result.recipients.empty()) {
      result.verdict = ended.verdict;
      result.outcome = ExpiredAfter(outcome);
    }
    result.recipients.push_back(position);
  }
  std::vector<Result> results;
  results.reserve(by_outcome.size());
  for (auto& [key, result] : by_outcome) results.push_back(std::move(result));
  return results;
}

}  // namespace goniec::outbound
