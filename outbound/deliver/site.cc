#include "outbound/deliver/site.h"

#include <algorithm>

#include "outbound/route/mx_hosts.h"

namespace goniec::outbound {
namespace {

constexpr int kMaxPauseDoublings = 10;
constexpr int kMaxPauseFactor = 10;
// After a pause the next failure is still one in a row for so long.
constexpr std::chrono::minutes kFailureMemory(10);

}  // namespace

bool Site::MayOpen(const DeliverConfig& config, BootTime now) const {
  return now >= no_opening_before && opening < std::max<std::size_t>(1, ready) &&
         opening + ready < config.connections_per_site;
}

bool Site::IsDown(BootTime now) const {
  return failure && ready == 0 && now < no_opening_before;
}

bool Site::IsStuck(const DeliverConfig& config, BootTime now) const {
  return ready == 0 && opening > 0 && now - opening_since > config.max_wait;
}

void Site::NoteReady() {
  failure.reset();
  failures_in_a_row = 0;
}

void Site::NoteFailure(const DeliverConfig& config, const queue::v1::Outcome& outcome, BootTime now) {
  failure = outcome;
  const int factor = std::min(1 << std::min(failures_in_a_row, kMaxPauseDoublings), kMaxPauseFactor);
  ++failures_in_a_row;
  no_opening_before = now + config.failed_site_pause * factor;
}

bool Site::IsForgettable(BootTime now) const {
  const auto past = [now](const auto& note) { return note.second <= now; };
  return jobs == 0 && opening == 0 && ready == 0 && (!failure || now > no_opening_before + kFailureMemory) &&
         std::all_of(address_failed_until.begin(), address_failed_until.end(), past) &&
         std::all_of(plain_until.begin(), plain_until.end(), past);
}

std::vector<Candidate> Site::CandidatesOf(const Route& route, std::size_t limit, BootTime now) const {
  std::vector<Candidate> good;
  for (const Candidate& candidate : route.candidates) {
    const auto failed = address_failed_until.find(candidate.endpoint);
    if (failed == address_failed_until.end() || now >= failed->second) good.push_back(candidate);
  }
  if (good.empty()) good = route.candidates;
  return SomeOfEachHost(good, limit);
}

}  // namespace goniec::outbound
