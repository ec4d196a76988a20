#include "outbound/deliver/site.h"

#include <algorithm>
#include <utility>

#include "common/queue/model/timestamps.h"
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
constexpr std::size_t kFewYielding = 5;
// A site is left alone for so long if it could not be said that it is closed.
constexpr std::chrono::seconds kUnstoredPause(30);
// Mail that was judged within this time shows a site at work; and how often that is said of a closed one.
constexpr std::chrono::seconds kAtWorkFor(10);
constexpr std::chrono::seconds kContradictEvery(30);

// How long an address whose STARTTLS failed is spoken to in plain text at once.
constexpr std::chrono::minutes kPlainTime(5);
// How long an extension that failed is left alone: several attempts of a mail.
constexpr std::chrono::hours kBrokenTime(1);
// Each for itself: what is found out of one says nothing of another.
constexpr std::array<bool BrokenExtensions::*, 4> kBroken = {
    &BrokenExtensions::pipelining, &BrokenExtensions::size, &BrokenExtensions::chunking,
    &BrokenExtensions::dsn};

TenantQueue<std::unique_ptr<Job>>::Place PlaceOf(const Job& job) {
  return {job.mail->tenant(), job.mail->mail_class() == queue::v1::MAIL_CLASS_BULK};
}

// Closed, or opened again by a worker who has contradicted: a probe takes three changes from open to open.
bool IsWithoutProbe(const SiteWord& before, const SiteWord& word) {
  if (word.state == SiteState::kClosed) return true;
  if (word.state != SiteState::kOpen || before.state == SiteState::kProbing) return false;
  return word.epoch - before.epoch <= (before.state == SiteState::kOpen ? 2 : 1);
}

}  // namespace

void Site::GaveBack(bool tried, BootTime now) {
  --jobs_;
  if (tried) pace_.Finished(now);
}

void Site::Enqueue(std::unique_ptr<Job> job, BootTime now) {
  Job& queued = *job;
  if (job->released) ++released_;
  queue_.Push(PlaceOf(queued), std::move(job));
  pace_.Waiting(true, now);
  queued.SetBegun(false);  // last: whatever it does, the job is here
}

void Site::EnqueueFirst(std::unique_ptr<Job> job, BootTime now) {
  Job& queued = *job;
  if (job->released) ++released_;
  queue_.PushFirst(PlaceOf(queued), std::move(job));
  pace_.Waiting(true, now);
  queued.SetBegun(false);
}

std::unique_ptr<Job> Site::Taken(std::optional<std::unique_ptr<Job>> job, BootTime now) {
  if (!job) return nullptr;
  if ((*job)->released) --released_;
  pace_.Waiting(!queue_.empty(), now);
  return *std::move(job);
}

template <typename Condition>
std::vector<std::unique_ptr<Job>> Site::TakeIf(const Condition& condition, BootTime now) {
  std::vector<std::unique_ptr<Job>> taken = queue_.TakeAll(condition);
  for (const auto& job : taken) released_ -= job->released ? 1 : 0;
  pace_.Waiting(!queue_.empty(), now);
  return taken;
}

std::unique_ptr<Job> Site::TakeNext(BootTime now) {
  return Taken(queue_.Take(), now);
}

// What was released comes at the pace of the site. It gives way only where it would take the room of others.
std::unique_ptr<Job> Site::TakeTooMany(const DeliverConfig& config, std::size_t waiting_in_all,
                                       BootTime now) {
  const std::size_t most = MostWaitingHere(config, waiting_in_all, now);
  if (queue_.size() <= most) return nullptr;
  const bool released_too = waiting_in_all > config.slots / 2;
  if (!released_too && queue_.size() - released_ <= most) return nullptr;
  return Taken(queue_.TakeOfLargest([&](const auto& job) { return released_too || !job->released; }), now);
}

std::vector<std::unique_ptr<Job>> Site::TakeWaiting(BootTime since, BootTime released_since, BootTime now) {
  return TakeIf(
      [&](const auto& job) { return job->waiting_since() <= (job->released ? released_since : since); }, now);
}

std::vector<std::unique_ptr<Job>> Site::TakeUnadmitted(BootTime now) {
  return TakeIf([this](const auto& job) { return share() == 0 || !Admits(word_, job->probe_epoch); }, now);
}

std::vector<std::unique_ptr<Job>> Site::TakeAll(BootTime now) {
  return TakeIf([](const auto&) { return true; }, now);
}

std::size_t Site::MostWaitingHere(const DeliverConfig& config, std::size_t waiting_in_all,
                                  BootTime now) const {
  // It takes a few round trips until the first mail can go: nothing is known until then, unless it takes
  // long.
  const bool greeting = ready_ == 0 && opening_ > 0 && !IsLate(now);
  const std::size_t most =
      MostWaiting({config.slots, config.mails_per_site, config.max_wait},
                  greeting ? std::nullopt : pace_.PerSecond(now), waiting_in_all - queue_.size());
  if (rates_ == nullptr || !rates_->messages) return most;
  // What goes soon at its rate, however fast the site may be.
  const auto soon = (config.max_wait / 2) * rates_->messages->ours() / limits_.messages->per;
  return std::min(most, 1 + static_cast<std::size_t>(soon));
}

std::optional<WallTime> Site::OldestWaiting() const {
  std::optional<WallTime> oldest;
  queue_.ForEach([&](const auto& job) {
    const WallTime accepted = queue::FromProto(job->mail->accept_time());
    oldest = oldest ? std::min(*oldest, accepted) : accepted;
  });
  return oldest;
}

std::size_t Site::MostWaitingOfYielding() const {
  return std::max(kFewYielding, 2 * (ready_ + opening_));
}

std::optional<Site::MovedSummary> Site::TakeMovedSummary(BootTime now) {
  if (moved_ == 0 || now < moved_told_ + kSummaryPeriod) return std::nullopt;
  moved_told_ = now;
  return MovedSummary{std::exchange(moved_, 0), pace_.PerSecond(now).value_or(0)};
}

void Site::WaitAnew(BootTime now) {
  queue_.ForEach([now](const auto& job) { job->WaitSince(now); });
  pace_.Restart(now);
}

bool Site::Follow(const SiteWord& word, const Shares& shares, BootTime since) {
  if (word == word_ && shares == shares_) return false;
  shares_ = shares;
  FollowRates(shares, since);
  const bool none =
      (limits_.messages && shares.messages == 0) || (limits_.recipients && shares.recipients == 0);
  window_.SetShare(none ? 0 : shares.connections);
  if (word.epoch > word_.epoch) {
    failure_.reset();
    failures_in_a_row_ = 0;
    const bool no_probe = IsWithoutProbe(word_, word);
    if (!no_probe) no_opening_before_ = {};
    if (!no_probe) refused_in_a_row_ = 0;
    if (!no_probe || word.state != SiteState::kOpen || ready_ == 0) window_.Restart();
  } else if (word.epoch < word_.epoch && word_.state != SiteState::kOpen) {
    // What was assumed could not be stored: no reason to try it sooner.
    no_opening_before_ = std::max(no_opening_before_, since + kUnstoredPause);
  }
  word_ = word;
  return true;
}

void Site::FollowRates(const Shares& shares, BootTime since) {
  if (!limits_.messages && !limits_.recipients) return;
  if (rates_ == nullptr) {
    rates_ = std::make_unique<Rates>();
    if (limits_.messages) rates_->messages.emplace(*limits_.messages, shares.messages, since);
    if (limits_.recipients) rates_->recipients.emplace(*limits_.recipients, shares.recipients, since, true);
    return;
  }
  if (rates_->messages) rates_->messages->Share(shares.messages, since);
  if (rates_->recipients) rates_->recipients->Share(shares.recipients, since);
}

bool Site::RateAllows(BootTime now) const {
  if (rates_ == nullptr) return true;
  return (!rates_->messages || rates_->messages->MayGo(now)) &&
         (!rates_->recipients || rates_->recipients->MayGo(now));
}

BootTime Site::RateNext() const {
  BootTime next{};
  if (rates_ == nullptr) return next;
  if (rates_->messages) next = std::max(next, rates_->messages->next());
  if (rates_->recipients) next = std::max(next, rates_->recipients->next());
  return next;
}

std::size_t Site::MostRecipients(std::size_t limit) const {
  if (rates_ == nullptr || !rates_->recipients) return limit;
  return std::clamp<std::size_t>(rates_->recipients->most_at_once(), 1, limit);
}

void Site::NoteBegun(std::size_t recipients, BootTime now) {
  if (rates_ == nullptr) return;
  if (rates_->messages) rates_->messages->Went(1, now);
  if (rates_->recipients) rates_->recipients->Went(recipients, now);
}

std::size_t Site::MostConnections() const {
  switch (word_.state) {
    case SiteState::kOpen:
      return window_.size();
    case SiteState::kProbing:
      return std::min<std::size_t>(1, window_.share());
    case SiteState::kClosed:
      break;
  }
  return 0;
}

bool Site::TakeTellWorked(std::uint64_t epoch, std::uint64_t failures) {
  const std::pair now_told(epoch, failures);
  return std::exchange(told_worked_, now_told) != now_told;
}

bool Site::TakeContradiction(const SiteWord& word, BootTime now) {
  const SiteWord closed{SiteState::kClosed, word_.epoch + 1};
  if (word_.state != SiteState::kOpen || word != closed || ready_ == 0) return false;
  if (!at_work_ || at_work_->first != word_.epoch || now - at_work_->second > kAtWorkFor) return false;
  if (now < no_contradiction_before_) return false;
  no_contradiction_before_ = now + kContradictEvery;
  return true;
}

void Site::BeginOpening(BootTime now) {
  if (opening_++ == 0) opening_since_ = now;
}

void Site::Opened(BootTime now) {
  --opening_;
  if (++ready_ == 1) pace_.Restart(now);
  failure_.reset();
  failures_in_a_row_ = 0;
  refused_in_a_row_ = 0;
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

bool Site::MayOpen(BootTime now) const {
  return now >= no_opening_before_ && opening_ < std::max<std::size_t>(1, ready_) &&
         opening_ + ready_ < MostConnections();
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
  window_.Restart();
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
  return IsIdle() && word_.state == SiteState::kOpen && now >= proven_until_ && now >= RateNext() &&
         !HasMovedSummary() && (!failure_ || now > no_opening_before_ + kFailureMemory) &&
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
