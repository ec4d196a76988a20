#include "outbound/deliver/site.h"

#include <algorithm>

namespace goniec::outbound {
namespace {

constexpr int kMaxPauseDoublings = 10;
constexpr int kMaxPauseFactor = 10;
// After a pause the next failure is still one in a row for so long.
constexpr std::chrono::minutes kFailureMemory(10);

// How long an address whose STARTTLS failed is spoken to in plain text at once.
constexpr std::chrono::minutes kPlainTime(5);
// How long an extension that failed is left alone: several attempts of a mail.
constexpr std::chrono::hours kBrokenTime(1);

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

PeerMemory Site::MemoryOf(const net::Endpoint& address, BootTime now) const {
  PeerMemory memory;
  const auto plain = plain_until.find(address);
  memory.tls_failed = plain != plain_until.end() && now < plain->second;
  const auto known = broken.find(address);
  if (known != broken.end() && now < known->second.until) memory.broken = known->second.extensions;
  return memory;
}

void Site::NoteTlsFailed(const net::Endpoint& address, BootTime now) {
  plain_until[address] = now + kPlainTime;
}

void Site::NoteBroken(const net::Endpoint& address, const BrokenExtensions& extensions, BootTime now) {
  std::erase_if(broken, [now](const auto& note) { return note.second.until <= now; });
  Broken& note = broken[address];
  note.extensions.Add(extensions);
  note.until = now + kBrokenTime;
}

bool Site::IsForgettable(BootTime now) const {
  const auto past = [now](const auto& note) { return note.second <= now; };
  return jobs == 0 && opening == 0 && ready == 0 && (!failure || now > no_opening_before + kFailureMemory) &&
         std::all_of(address_failed_until.begin(), address_failed_until.end(), past) &&
         std::all_of(plain_until.begin(), plain_until.end(), past) &&
         std::all_of(broken.begin(), broken.end(),
                     [now](const auto& note) { return note.second.until <= now; });
}

std::vector<Candidate> Site::CandidatesOf(const Route& route, std::size_t limit, BootTime now) const {
  std::vector<Candidate> good;
  for (const Candidate& candidate : route.candidates) {
    const auto failed = address_failed_until.find(candidate.endpoint);
    if (failed == address_failed_until.end() || now >= failed->second) good.push_back(candidate);
  }
  if (good.empty()) good = route.candidates;
  if (good.size() > limit) good.resize(limit);
  return good;
}

}  // namespace goniec::outbound
