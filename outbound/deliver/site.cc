#include "outbound/deliver/site.h"

#include <algorithm>
#include <utility>

#include "outbound/route/mx_hosts.h"

namespace goniec::outbound {
namespace {

using std::chrono::milliseconds;

constexpr int kMaxPauseDoublings = 10;
constexpr int kMaxPauseFactor = 10;
// After a pause the next failure is still one in a row for so long.
constexpr std::chrono::minutes kFailureMemory(10);
// A site that took a mail is one that works for so long.
constexpr std::chrono::minutes kProvenFor(10);
constexpr std::chrono::seconds kSummaryPeriod(10);
constexpr std::chrono::seconds kGreeting(1);

// How long an address whose STARTTLS failed is spoken to in plain text at once.
constexpr std::chrono::minutes kPlainTime(5);
// How long an extension that failed is left alone: several attempts of a mail.
constexpr std::chrono::hours kBrokenTime(1);
// Each for itself: what is found out of one says nothing of another.
constexpr std::array<bool BrokenExtensions::*, 4> kBroken = {
    &BrokenExtensions::pipelining, &BrokenExtensions::size, &BrokenExtensions::chunking,
    &BrokenExtensions::dsn};

}  // namespace

void Site::GaveBack(bool tried, BootTime now) {
  --jobs_;
  if (tried) pace_.Finished(now);
}

void Site::Enqueue(std::unique_ptr<Job> job, BootTime now) {
  queue_.push_back(std::move(job));
  pace_.Waiting(true, now);
  queue_.back()->SetBegun(false);  // last: whatever it does, the job is here
}

void Site::EnqueueFirst(std::unique_ptr<Job> job, BootTime now) {
  queue_.push_front(std::move(job));
  pace_.Waiting(true, now);
  queue_.front()->SetBegun(false);
}

std::unique_ptr<Job> Site::TakeFirst(BootTime now) {
  if (queue_.empty()) return nullptr;
  std::unique_ptr<Job> job = std::move(queue_.front());
  queue_.pop_front();
  pace_.Waiting(!queue_.empty(), now);
  return job;
}

std::unique_ptr<Job> Site::TakeLast(BootTime now) {
  if (queue_.empty()) return nullptr;
  std::unique_ptr<Job> job = std::move(queue_.back());
  queue_.pop_back();
  pace_.Waiting(!queue_.empty(), now);
  return job;
}

std::size_t Site::MostWaitingHere(const DeliverConfig& config, std::size_t waiting_in_all,
                                  BootTime now) const {
  // It takes a few round trips until the first mail can go: nothing is known until then, unless it takes
  // long.
  const bool greeting = ready_ == 0 && opening_ > 0 && !IsLate(now);
  return MostWaiting({config.slots, config.mails_per_site, config.max_wait},
                     greeting ? std::nullopt : pace_.PerSecond(now), waiting_in_all - queue_.size());
}

milliseconds Site::MovedAway(const DeliverConfig& config, double random, BootTime now) {
  const double guess = IsStuck(config, now) ? kGuessSilent : IsLate(now) ? kGuessLate : kGuess;
  const double per_second = pace_.Assumed(guess, now);
  const milliseconds away = returns_.Next(per_second, jobs_, config.busy_delay_limit, random, now);
  ++moved_.mails;
  moved_.per_second = per_second;
  moved_.longest = std::max(moved_.longest, away);
  return away;
}

std::optional<Site::MovedSummary> Site::TakeMovedSummary(BootTime now) {
  if (moved_.mails == 0 || now < moved_told_ + kSummaryPeriod) return std::nullopt;
  moved_told_ = now;
  return std::exchange(moved_, {});
}

void Site::WaitAnew(BootTime now) {
  for (const auto& job : queue_) job->WaitSince(now);
  pace_.Restart(now);
}

void Site::BeginOpening(BootTime now) {
  if (opening_++ == 0) opening_since_ = now;
}

void Site::Opened(BootTime now) {
  --opening_;
  if (++ready_ == 1) pace_.Restart(now);
  failure_.reset();
  failures_in_a_row_ = 0;
}

void Site::Unpark(const Connection* connection) {
  std::erase_if(idle_, [connection](const auto& idle) { return idle.get() == connection; });
}

std::shared_ptr<Connection> Site::TakeFreshestIdle() {
  if (idle_.empty()) return nullptr;
  std::shared_ptr<Connection> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

std::shared_ptr<Connection> Site::TakeStalestIdle() {
  if (idle_.empty()) return nullptr;
  std::shared_ptr<Connection> connection = std::move(idle_.front());
  idle_.erase(idle_.begin());
  return connection;
}

void Site::NoteDelivered(BootTime now) {
  proven_until_ = now + kProvenFor;
}

bool Site::MayOpen(const DeliverConfig& config, BootTime now) const {
  return now >= no_opening_before_ && opening_ < std::max<std::size_t>(1, ready_) &&
         opening_ + ready_ < config.connections_per_site;
}

bool Site::IsDown(BootTime now) const {
  return failure_ && ready_ == 0 && now < no_opening_before_;
}

bool Site::IsStuck(const DeliverConfig& config, BootTime now) const {
  return ready_ == 0 && opening_ > 0 && now - opening_since_ > config.max_wait;
}

bool Site::IsLate(BootTime now) const {
  return ready_ == 0 && opening_ > 0 && now - opening_since_ >= kGreeting;
}

void Site::NoteFailure(const DeliverConfig& config, const queue::v1::Outcome& outcome, BootTime now) {
  failure_ = outcome;
  const int factor = std::min(1 << std::min(failures_in_a_row_, kMaxPauseDoublings), kMaxPauseFactor);
  ++failures_in_a_row_;
  no_opening_before_ = now + config.failed_site_pause * factor;
}

void Site::NoteAddressFailed(const net::Endpoint& address, milliseconds pause, BootTime now) {
  std::erase_if(address_failed_until_, [now](const auto& note) { return note.second <= now; });
  address_failed_until_[address] = now + pause;
}

PeerMemory Site::MemoryOf(const net::Endpoint& address, BootTime now) const {
  PeerMemory memory;
  const auto plain = plain_until_.find(address);
  memory.tls_failed = plain != plain_until_.end() && now < plain->second;
  const auto known = broken_.find(address);
  if (known == broken_.end()) return memory;
  for (std::size_t i = 0; i < kBroken.size(); ++i) memory.broken.*kBroken[i] = now < known->second[i];
  return memory;
}

void Site::NoteTlsFailed(const net::Endpoint& address, BootTime now) {
  std::erase_if(plain_until_, [now](const auto& note) { return note.second <= now; });
  plain_until_[address] = now + kPlainTime;
}

void Site::NoteBroken(const net::Endpoint& address, const BrokenExtensions& extensions, BootTime now) {
  std::erase_if(broken_, [now](const auto& note) { return std::ranges::max(note.second) <= now; });
  BrokenUntil& until = broken_[address];
  for (std::size_t i = 0; i < kBroken.size(); ++i) {
    if (extensions.*kBroken[i]) until[i] = now + kBrokenTime;
  }
}

bool Site::IsForgettable(BootTime now) const {
  const auto past = [now](const auto& note) { return note.second <= now; };
  return IsIdle() && now >= proven_until_ && !HasMovedSummary() &&
         (!failure_ || now > no_opening_before_ + kFailureMemory) &&
         std::all_of(address_failed_until_.begin(), address_failed_until_.end(), past) &&
         std::all_of(plain_until_.begin(), plain_until_.end(), past) &&
         std::all_of(broken_.begin(), broken_.end(),
                     [now](const auto& note) { return std::ranges::max(note.second) <= now; });
}

std::vector<Candidate> Site::CandidatesOf(const Route& route, std::size_t limit, BootTime now) const {
  std::vector<Candidate> good;
  for (const Candidate& candidate : route.candidates) {
    const auto failed = address_failed_until_.find(candidate.endpoint);
    if (failed == address_failed_until_.end() || now >= failed->second) good.push_back(candidate);
  }
  if (good.empty()) good = route.candidates;
  return SomeOfEachHost(good, limit);
}

}  // namespace goniec::outbound
