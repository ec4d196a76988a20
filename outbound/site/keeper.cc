#include "outbound/site/keeper.h"

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/base/task_group.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/broker.h"
#include "common/queue/hold/shelf_marks.h"
#include "common/queue/model/timestamps.h"
#include "outbound/route/router.h"
#include "outbound/site/breaker.h"
#include "outbound/site/cluster.h"
#include "outbound/site/elsewhere.h"
#include "outbound/site/pacing.h"
#include "outbound/site/shelf_release.h"

namespace goniec::outbound {
namespace {

using queue::ShelfPlace;
using std::chrono::milliseconds;
using Word = queue::v1::SiteWord;

// Without anything to do: only marks and words that are old by now.
constexpr milliseconds kIdle{5'000};
// A shelf that was found empty is looked at again after a pause that doubles up to the second.
constexpr milliseconds kFirstPause{250};
constexpr milliseconds kLongestLookPause{1'000};
// Shelves without anything, as far as we know, that are looked at in one tick.
constexpr std::size_t kLooksATick = 64;
// Sites that are served at once; records of one shelf in one go.
constexpr std::size_t kSitesAtOnce = 16;
constexpr std::size_t kMostAtOnce = 256;
// Of a closed site, in one round: records that are routed anew, and domains that the DNS is asked about.
constexpr std::size_t kRoutedARound = 100;
constexpr std::size_t kLookupsARound = 32;
// A probe that could not be sent is tried again after that.
constexpr milliseconds kProbeAgain{1'000};
constexpr std::chrono::seconds kForgetEvery{60};
constexpr std::size_t kForgottenAtOnce = 100;
constexpr double kFirstGuess = 4;  // mails in a record

double Random() {
  static thread_local std::minstd_rand generator(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

struct Shelf {
  BootTime next_look;
  milliseconds pause{0};
};

struct KeptSite {
  std::optional<bool> ours;  // as long as the members stay
  std::map<ShelfPlace, Shelf> shelves;
  ReleasePace pace;
  std::uint64_t epoch = 0;  // the pace is of this one
  std::optional<BootTime> nothing_since;
  BootTime next_probe;
  std::uint64_t probed = 0;  // the epoch of the probe that we let out
  // Records are routed anew from here on.
  bool draining = false;
  DrainCursor drain;
};

// Released records that are not acknowledged, by site.
using Outstanding = std::map<std::string, std::size_t>;

}  // namespace

struct Keeper::State : std::enable_shared_from_this<State> {
  explicit State(KeeperParts the_parts)
      : parts(the_parts),
        timer(parts.executor),
        kept(
            parts.metrics.AddGauge("goniec_kept_sites", "Sites with mail put aside that this worker keeps.")),
        released(parts.metrics.AddCounter(
            "goniec_released_total", "Records that this worker released from the shelves of its sites.")),
        probes(parts.metrics.AddCounterBy("goniec_probes_total",
                                          "Probes of closed sites that this worker let out.", "result",
                                          {"worked", "failed", "lost"})) {}

  asio::awaitable<void> Run();
  asio::awaitable<bool> Tick();
  asio::awaitable<absl::StatusOr<Outstanding>> Count();
  // Adds what is to be done for the site, or its turn.
  void Plan(const std::string& token, KeptSite& site, const Outstanding& outstanding, BootTime now,
            std::vector<SiteTurn>& turns_wanted, std::vector<asio::awaitable<void>>& work);
  static asio::awaitable<void> Serve(std::shared_ptr<State> self, SiteTurn turn, std::size_t records);
  asio::awaitable<bool> ServeSome(ToRelease part, std::size_t* served);
  asio::awaitable<void> FoundEmpty(ShelfPlace place);
  static asio::awaitable<void> Probe(std::shared_ptr<State> self, std::string token);
  asio::awaitable<std::optional<std::pair<ShelfPlace, queue::StoredMessage>>> FirstOnShelf(
      std::vector<ShelfPlace> shelves);
  static asio::awaitable<void> EndLostProbe(std::shared_ptr<State> self, std::string token,
                                            std::uint64_t epoch);
  static asio::awaitable<void> Drain(std::shared_ptr<State> self, std::string token);
  asio::awaitable<void> ForgetOldWords();

  void OnMark(const ShelfPlace& place);
  void OnToken(const std::string& token);
  void NoteProbe(const std::string& token);
  void Wake();
  Shelf* Find(const ShelfPlace& place);
  [[nodiscard]] std::vector<ShelfPlace> ShelvesOf(const std::string& token) const;

  KeeperParts parts;
  TaskGroup tasks;
  asio::steady_timer timer;
  observe::Gauge kept;
  observe::Counter released;
  observe::CounterBy probes;
  std::map<std::string, KeptSite> sites;  // all that have marks, by token
  ReleaseTurns turns;
  double mails_a_record = kFirstGuess;
  std::size_t looks_left = 0;
  BootTime forget_at;
  bool woken = false;
  bool stopped = false;
};

asio::awaitable<void> Keeper::State::Run() {
  const auto self = shared_from_this();
  while (!stopped) {
    woken = false;
    const BootTime began = BootClock::now();
    // Who is not certain of the others keeps nothing.
    const bool certain =
        parts.marks.current() && parts.cluster.words().current() && parts.cluster.members().confirmed;
    bool busy = !certain;
    if (certain) busy = co_await Tick();
    while (!stopped) {
      const auto left = began + (busy || woken ? kKeeperTick : kIdle) - BootClock::now();
      if (left <= BootClock::duration::zero()) break;
      timer.expires_after(left);
      asio::error_code cancelled;  // by Wake() and Stop()
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
  }
}

// True if there is anything to look after.
asio::awaitable<bool> Keeper::State::Tick() {
  if (BootClock::now() >= forget_at) {
    forget_at = BootClock::now() + kForgetEvery;
    co_await ForgetOldWords();
  }
  std::vector<std::string> ours;
  for (auto& [token, site] : sites) {
    if (site.shelves.empty()) continue;
    if (!site.ours) site.ours = parts.cluster.IsKeeper(token);
    if (*site.ours) ours.push_back(token);
  }
  kept.Set(static_cast<double>(ours.size()));
  if (ours.empty()) co_return false;
  const absl::StatusOr<Outstanding> outstanding = co_await Count();
  if (!outstanding.ok()) {
    observe::Debug("released records not counted", {{"error", Message(outstanding.status())}});
    co_return true;
  }
  const BootTime now = BootClock::now();
  looks_left = kLooksATick;
  std::size_t draining = 0;
  std::size_t stuck = 0;
  std::vector<SiteTurn> wanted;
  std::vector<asio::awaitable<void>> work;
  for (const std::string& token : ours) {
    const auto it = sites.find(token);
    if (it == sites.end()) continue;
    Plan(token, it->second, *outstanding, now, wanted, work);
    const auto counted = outstanding->find(token);
    if (counted == outstanding->end()) continue;
    (it->second.pace.IsStuck(now) ? stuck : draining) += counted->second;
  }
  const ReleaseRoom room = RoomOf(parts.slots, mails_a_record, draining, stuck);
  if (!room.unproven_too) {
    std::erase_if(wanted, [this](const SiteTurn& turn) { return !sites.at(turn.site).pace.proven(); });
  }
  const std::vector<std::size_t> shares = turns.ShareOut(wanted, room.records);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (shares[i] > 0) work.push_back(Serve(shared_from_this(), std::move(wanted[i]), shares[i]));
  }
  co_await RunAll(parts.executor, tasks, std::move(work), kSitesAtOnce);
  co_return true;
}

asio::awaitable<absl::StatusOr<Outstanding>> Keeper::State::Count() {
  Outstanding outstanding;
  for (int lane = 0; lane < parts.lanes; ++lane) {
    const auto counts = co_await queue::CountReleased(parts.broker, lane);
    if (!counts.ok()) co_return counts.status();
    for (const auto& [place, records] : *counts) outstanding[place.site] += records;
  }
  co_return outstanding;
}

void Keeper::State::Plan(const std::string& token, KeptSite& site, const Outstanding& outstanding,
                         BootTime now, std::vector<SiteTurn>& turns_wanted,
                         std::vector<asio::awaitable<void>>& work) {
  const auto counted = outstanding.find(token);
  const std::size_t records = counted == outstanding.end() ? 0 : counted->second;
  const SiteWord view = parts.cluster.words().ViewOf(token);
  if (view.epoch != site.epoch) {
    site.epoch = view.epoch;
    site.pace = ReleasePace();
    site.nothing_since.reset();
    site.next_probe = now;
  }
  if (view.state == SiteState::kProbing) {
    if (records > 0) {
      site.nothing_since.reset();
    } else if (!site.nothing_since) {
      site.nothing_since = now;
    } else if (now - *site.nothing_since > kProbeLostAfter) {
      work.push_back(EndLostProbe(shared_from_this(), token, view.epoch));
    }
    return;
  }
  if (view.state == SiteState::kClosed) {
    const Words::Known* known = parts.cluster.words().Find(token);
    if (known == nullptr || now < site.next_probe) return;
    if (BeginProbe(known->word, parts.cluster.members().self, parts.broker.Now())) {
      site.next_probe = now + kProbeAgain;
      work.push_back(Probe(shared_from_this(), token));
    }
    return;
  }
  site.pace.Found(records, now);
  SiteTurn turn{token, site.pace.Room(), {}};
  for (auto& [place, shelf] : site.shelves) {
    if (now < shelf.next_look) continue;
    if (shelf.pause > milliseconds(0)) {
      if (looks_left == 0) continue;
      --looks_left;
    }
    turn.shelves.push_back(place);
  }
  if (turn.room > 0 && !turn.shelves.empty()) turns_wanted.push_back(std::move(turn));
}

asio::awaitable<void> Keeper::State::Serve(std::shared_ptr<State> self, SiteTurn turn, std::size_t records) {
  std::vector<ShelfPlace> order = self->turns.InOrder(std::move(turn.shelves));
  while (records > 0 && !order.empty() && !self->stopped) {
    for (ToRelease& part : SplitAmong(order, records)) {
      part.records = std::min(part.records, kMostAtOnce);
      const ShelfPlace place = part.place;
      std::size_t served = 0;
      const bool more = co_await self->ServeSome(std::move(part), &served);
      records -= std::min(served, records);
      if (!more) std::erase(order, place);
    }
  }
}

// True if there may be more.
asio::awaitable<bool> Keeper::State::ServeSome(ToRelease part, std::size_t* served) {
  const Shelf* before = Find(part.place);
  if (before == nullptr) co_return false;
  const absl::StatusOr<ReleasedFromShelf> some =
      co_await ReleaseFromShelf(parts.broker, part.place, part.records);
  if (!some.ok()) {
    observe::Warn("shelf not released", {{"site", part.place.site}, {"error", Message(some.status())}});
    co_return false;
  }
  *served = some->records;
  released.Add(static_cast<double>(some->records));
  if (some->records > 0) {
    constexpr double kWeight = 0.1;
    const double mails = static_cast<double>(some->mails) / static_cast<double>(some->records);
    mails_a_record += kWeight * (mails - mails_a_record);
  }
  if (const auto it = sites.find(part.place.site); it != sites.end()) {
    it->second.pace.Released(some->records, BootClock::now());
  }
  if (Shelf* shelf = Find(part.place)) {
    if (some->records > 0) shelf->pause = milliseconds(0);
  }
  if (some->was_empty) co_await FoundEmpty(part.place);
  co_return !some->was_empty;
}

asio::awaitable<void> Keeper::State::FoundEmpty(ShelfPlace place) {
  Shelf* shelf = Find(place);
  if (shelf == nullptr) co_return;
  shelf->pause = std::clamp(shelf->pause * 2, kFirstPause, kLongestLookPause);
  shelf->next_look = BootClock::now() + shelf->pause;
  const auto mark = parts.marks.all().find(place);
  if (mark == parts.marks.all().end()) co_return;
  if (BootClock::now() - mark->second.put_at <= queue::kMarkKept) co_return;
  if (!co_await queue::ShelfIsEmpty(parts.broker, place)) co_return;
  const absl::Status removed = co_await parts.marks.Remove(place);
  if (!removed.ok()) observe::Debug("mark not taken away", {{"error", Message(removed)}});
}

asio::awaitable<std::optional<std::pair<ShelfPlace, queue::StoredMessage>>> Keeper::State::FirstOnShelf(
    std::vector<ShelfPlace> shelves) {
  for (const ShelfPlace& place : turns.InOrder(std::move(shelves))) {
    absl::StatusOr<std::vector<queue::StoredMessage>> records =
        co_await queue::ReadShelf(parts.broker, place, 0, 1);
    if (!records.ok()) co_return std::nullopt;
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
  if (const auto it = self->sites.find(token); it != self->sites.end()) it->second.probed = (*word)->epoch();
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
  const auto it = self->sites.find(token);
  if (it == self->sites.end() || std::exchange(it->second.draining, true)) co_return;
  // Beside everything else: it waits for the DNS.
  SpawnLogged(self->parts.executor, self->tasks, "drain", Drain(self, token));
}

asio::awaitable<void> Keeper::State::EndLostProbe(std::shared_ptr<State> self, std::string token,
                                                  std::uint64_t epoch) {
  if (const auto it = self->sites.find(token); it != self->sites.end()) it->second.probed = 0;
  const absl::StatusOr<std::optional<Word>> word = co_await self->parts.cluster.words().Change(
      token, [self, epoch, random = Random()](const std::optional<Word>& known) {
        return ProbeLost(known, epoch, self->parts.broker.Now(), random);
      });
  if (!word.ok() || !*word) co_return;
  self->probes.With("lost").Add();
  observe::Info("probe lost", {{"site", (*word)->site()}});
}

asio::awaitable<void> Keeper::State::Drain(std::shared_ptr<State> self, std::string token) {
  Elsewhere elsewhere(self->parts.router, token, kLookupsARound);
  const auto before = self->sites.find(token);
  if (before == self->sites.end()) co_return;
  DrainCursor cursor = before->second.drain;
  const std::size_t drained =
      co_await DrainRound(self->parts.broker, elsewhere, self->ShelvesOf(token), cursor, kRoutedARound);
  self->released.Add(static_cast<double>(drained));
  const auto it = self->sites.find(token);
  if (it == self->sites.end()) co_return;
  it->second.draining = false;
  it->second.drain = cursor;
}

asio::awaitable<void> Keeper::State::ForgetOldWords() {
  std::vector<std::string> old;
  const WallTime now = parts.broker.Now();
  for (const auto& [token, known] : parts.cluster.words().all()) {
    if (old.size() >= kForgottenAtOnce) break;
    if (!known.word || known.later || sites.contains(token) || !IsForgettable(*known.word, now)) continue;
    if (parts.cluster.IsKeeper(token)) old.push_back(token);
  }
  for (const std::string& token : old) {
    if (stopped) co_return;
    (void)co_await parts.cluster.words().Forget(token);
  }
}

void Keeper::State::OnMark(const ShelfPlace& place) {
  if (stopped || place.site == queue::kLaterShelf || place.lane < 0 || place.lane >= parts.lanes) return;
  if (parts.marks.all().contains(place)) {
    Shelf& shelf = sites[place.site].shelves[place];
    shelf.next_look = BootTime();
    shelf.pause = milliseconds(0);
    return Wake();
  }
  const auto it = sites.find(place.site);
  if (it == sites.end()) return;
  it->second.shelves.erase(place);
  if (!it->second.shelves.empty()) return;
  sites.erase(it);
  turns.Forget(place.site);
}

void Keeper::State::OnToken(const std::string& token) {
  if (stopped) return;
  if (token.empty()) {
    for (auto& [each, site] : sites) site.ours.reset();
  } else {
    NoteProbe(token);
  }
  Wake();
}

// What became of a probe of ours.
void Keeper::State::NoteProbe(const std::string& token) {
  const auto it = sites.find(token);
  if (it == sites.end() || it->second.probed == 0) return;
  const Words::Known* known = parts.cluster.words().Find(token);
  if (known == nullptr || !known->word || known->word->epoch() <= it->second.probed) return;
  const bool next = known->word->epoch() == it->second.probed + 1;
  it->second.probed = 0;
  if (!next) return;
  if (known->word->state() == Word::STATE_OPEN) probes.With("worked").Add();
  if (known->word->state() == Word::STATE_CLOSED) probes.With("failed").Add();
}

void Keeper::State::Wake() {
  woken = true;
  timer.cancel();
}

Shelf* Keeper::State::Find(const ShelfPlace& place) {
  const auto site = sites.find(place.site);
  if (site == sites.end()) return nullptr;
  const auto shelf = site->second.shelves.find(place);
  return shelf == site->second.shelves.end() ? nullptr : &shelf->second;
}

std::vector<ShelfPlace> Keeper::State::ShelvesOf(const std::string& token) const {
  std::vector<ShelfPlace> shelves;
  if (const auto it = sites.find(token); it != sites.end()) {
    for (const auto& [place, shelf] : it->second.shelves) shelves.push_back(place);
  }
  return shelves;
}

Keeper::Keeper(KeeperParts parts) : state_(std::make_shared<State>(parts)) {}

Keeper::~Keeper() = default;

void Keeper::Start() {
  const std::weak_ptr<State> weak = state_;
  state_->parts.cluster.OnTokenChange([weak](const std::string& token) {
    if (const auto self = weak.lock()) self->OnToken(token);
  });
  state_->parts.marks.Start([weak](const ShelfPlace& place) {
    if (const auto self = weak.lock()) self->OnMark(place);
  });
  SpawnLogged(state_->parts.executor, state_->tasks, "keeper", state_->Run());
}

void Keeper::Expect(const ShelfPlace& place) {
  Shelf* shelf = state_->Find(place);
  if (shelf == nullptr || shelf->pause <= kFirstPause) return;
  shelf->pause = kFirstPause;
  shelf->next_look = BootClock::now();
  state_->Wake();
}

void Keeper::CameBack(const std::string& token) {
  if (const auto it = state_->sites.find(token); it != state_->sites.end()) it->second.pace.CameBack();
}

void Keeper::Stop() {
  state_->stopped = true;
  state_->timer.cancel();
}

bool Keeper::WaitFor(std::chrono::milliseconds limit) {
  return state_->tasks.WaitFor(limit);
}

}  // namespace goniec::outbound
