#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/hold/shelf.h"
#include "outbound/route/router.h"
#include "outbound/site/breaker.h"
#include "outbound/site/cluster.h"
#include "outbound/site/keeper_state.h"

namespace goniec::outbound {
namespace {

using queue::ShelfPlace;
using std::chrono::milliseconds;
using Word = queue::v1::SiteWord;

// Sites that are dealt with at once; the others' turn comes with a later tick.
constexpr std::size_t kProbingAtOnce = 16;
// Rounds of draining at once: each holds records in memory.
constexpr std::size_t kDrainsAtOnce = 4;
// Of a closed site, in one round: records that are routed anew, and domains that the DNS is asked about.
constexpr std::size_t kRoutedARound = 100;
constexpr std::size_t kLookupsARound = 32;
// As long as rounds find mail for elsewhere, another follows; so many are in vain before the next waits for a
// probe. What comes back to the shelf, since another worker's resolver knows the old route still, waits for
// that as well.
constexpr int kRoundsInVain = 10;
constexpr milliseconds kDrainAgain{1'000};
// A probe that could not be sent is tried again after that.
constexpr milliseconds kProbeAgain{1'000};
constexpr std::size_t kForgottenAtOnce = 100;

double Random() {
  static thread_local std::minstd_rand generator(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace

void Keeper::State::BeginProbeIfDue(const std::string& token, KeptSite& site, BootTime now) {
  const Words::Known* known = parts.cluster.words().Find(token);
  if (known == nullptr || now < site.next_probe || site.probing || probing >= kProbingAtOnce) return;
  if (!BeginProbe(known->word, parts.cluster.members().self, parts.broker.Now())) return;
  site.next_probe = now + kProbeAgain;
  SpawnProbing(token, site, Probe(shared_from_this(), token));
}

void Keeper::State::EndProbeIfLost(const std::string& token, KeptSite& site, std::uint64_t epoch,
                                   BootTime now) {
  if (site.outstanding() > 0) {
    site.nothing_since.reset();
  } else if (!site.nothing_since) {
    site.nothing_since = now;
  } else if (now - *site.nothing_since > kProbeLostAfter && !site.probing && probing < kProbingAtOnce) {
    SpawnProbing(token, site, EndLostProbe(shared_from_this(), token, epoch));
  }
}

void Keeper::State::SpawnProbing(const std::string& token, KeptSite& site, asio::awaitable<void> work) {
  site.probing = true;
  ++probing;
  SpawnLogged(parts.executor, tasks, "probe", RunProbing(shared_from_this(), token, std::move(work)));
}

asio::awaitable<void> Keeper::State::RunProbing(std::shared_ptr<State> self, std::string token,
                                                asio::awaitable<void> work) {
  try {
    co_await std::move(work);
  } catch (const std::exception& e) {
    observe::Error("a closed site's keeper failed", {{"site", token}, {"error", e.what()}});
  }
  --self->probing;
  if (KeptSite* site = self->Find(token)) {
    site->probing = false;
    // What was counted meanwhile may have been counted before the probe was there.
    site->nothing_since.reset();
  }
}

asio::awaitable<std::optional<std::pair<ShelfPlace, queue::StoredMessage>>> Keeper::State::FirstOnShelf(
    std::vector<ShelfPlace> shelves) {
  for (const ShelfPlace& place : turns.InOrder(std::move(shelves))) {
    const KeptShelf* shelf = Find(place);
    if (shelf == nullptr || BootClock::now() < shelf->next_look) continue;
    absl::StatusOr<std::vector<queue::StoredMessage>> records =
        co_await queue::ReadShelf(parts.broker, place, 0, 1);
    // Another lane's may do.
    if (!records.ok()) continue;
    if (!records->empty()) co_return std::pair(place, std::move(records->front()));
    co_await FoundEmpty(place);
  }
  co_return std::nullopt;
}

asio::awaitable<void> Keeper::State::Probe(std::shared_ptr<State> self, std::string token) {
  const auto first = co_await self->FirstOnShelf(self->ShelvesOf(token));
  // Nobody wants to go there.
  if (!first || self->stopped) co_return;
  const auto& [place, record] = *first;
  Words& words = self->parts.cluster.words();
  const absl::StatusOr<std::optional<Word>> word =
      co_await words.Change(token, [self](const std::optional<Word>& known) {
        return BeginProbe(known, self->parts.cluster.members().self, self->parts.broker.Now());
      });
  if (!word.ok() || !*word) co_return;
  if (KeptSite* site = self->Find(token)) site->probed = (*word)->epoch();
  const absl::Status sent =
      co_await queue::Release(self->parts.broker, place.lane, record, {(*word)->epoch()});
  observe::Info("probe of a closed site", {{"site", (*word)->site()},
                                           {"failures", (*word)->failures()},
                                           {"error", sent.ok() ? "" : Message(sent)}});
  // If it is not there, it is found to be lost.
  if (!sent.ok()) co_return;
  self->released.Add();
  const absl::Status off = co_await queue::TakeOff(self->parts.broker, place.lane, record);
  if (!off.ok()) observe::Debug("probe not taken off its shelf", {{"error", Message(off)}});
  if (KeptSite* site = self->Find(token)) site->drain_until = self->parts.broker.Now();
  self->WantDrain(token);
}

asio::awaitable<void> Keeper::State::EndLostProbe(std::shared_ptr<State> self, std::string token,
                                                  std::uint64_t epoch) {
  if (KeptSite* site = self->Find(token)) site->probed = 0;
  const absl::StatusOr<std::optional<Word>> word = co_await self->parts.cluster.words().Change(
      token, [self, epoch, random = Random()](const std::optional<Word>& known) {
        return ProbeLost(known, epoch, self->parts.broker.Now(), random);
      });
  if (!word.ok() || !*word) co_return;
  self->probes.With("lost").Add();
  observe::Info("probe lost", {{"site", (*word)->site()}});
}

// Beside everything else, for it waits for the DNS; a few at a time, for they hold records.
void Keeper::State::WantDrain(const std::string& token) {
  KeptSite* site = Find(token);
  if (site == nullptr || std::exchange(site->draining, true)) return;
  to_drain.push_back(token);
  BeginDrains();
}

void Keeper::State::GoOnDraining(const std::string& token, const KeptSite& site, BootTime now) {
  if (site.drains_left == 0 || site.draining || now < site.next_drain) return;
  if (site.outstanding() < kRoutedARound) WantDrain(token);
}

void Keeper::State::BeginDrains() {
  while (!stopped && drains < kDrainsAtOnce && !to_drain.empty()) {
    ++drains;
    SpawnLogged(parts.executor, tasks, "drain", RunDrain(shared_from_this(), std::move(to_drain.front())));
    to_drain.pop_front();
  }
}

asio::awaitable<void> Keeper::State::RunDrain(std::shared_ptr<State> self, std::string token) {
  try {
    co_await Drain(self, token);
  } catch (const std::exception& e) {
    observe::Error("draining a closed site failed", {{"site", token}, {"error", e.what()}});
  }
  --self->drains;
  if (KeptSite* site = self->Find(token)) site->draining = false;
  self->BeginDrains();
}

asio::awaitable<void> Keeper::State::Drain(std::shared_ptr<State> self, std::string token) {
  Elsewhere elsewhere(self->parts.router, token, kLookupsARound);
  const KeptSite* before = self->Find(token);
  if (before == nullptr) co_return;
  DrainCursor cursor = before->drain;
  const std::size_t drained = co_await DrainRound(self->parts.broker, elsewhere, self->ShelvesOf(token),
                                                  cursor, kRoutedARound, before->drain_until);
  self->released.Add(static_cast<double>(drained));
  if (KeptSite* site = self->Find(token)) {
    site->drain = cursor;
    site->drains_left = drained > 0 ? kRoundsInVain : std::max(site->drains_left - 1, 0);
    site->next_drain = BootClock::now() + kDrainAgain;
  }
}

asio::awaitable<void> Keeper::State::ForgetOldWords() {
  const auto self = shared_from_this();
  std::vector<std::string> old;
  const WallTime now = parts.broker.Now();
  for (const auto& [token, known] : parts.cluster.words().all()) {
    if (old.size() >= kForgottenAtOnce) break;
    if (!known.word || known.later || sites.contains(token) || !IsForgettable(*known.word, now)) continue;
    if (parts.cluster.IsKeeper(token)) old.push_back(token);
  }
  for (const std::string& token : old) {
    if (stopped) break;
    (void)co_await parts.cluster.words().Forget(token);
  }
  forgetting = false;
}

// What became of a probe of ours.
void Keeper::State::NoteProbe(const std::string& token) {
  KeptSite* site = Find(token);
  if (site == nullptr || site->probed == 0) return;
  const Words::Known* known = parts.cluster.words().Find(token);
  if (known == nullptr || !known->word || known->word->epoch() <= site->probed) return;
  const bool next = known->word->epoch() == site->probed + 1;
  site->probed = 0;
  if (!next) return;
  if (known->word->state() == Word::STATE_OPEN) probes.With("worked").Add();
  if (known->word->state() == Word::STATE_CLOSED) probes.With("failed").Add();
}

}  // namespace goniec::outbound
