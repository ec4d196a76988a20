#include "outbound/site/keeper.h"

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/hold/shelf_marks.h"
#include "outbound/site/cluster.h"
#include "outbound/site/keeper_state.h"
#include "outbound/site/shelf_release.h"

namespace goniec::outbound {
namespace {

using queue::ShelfPlace;
using std::chrono::milliseconds;

// Without anything to do: only marks and words that are old by now.
constexpr milliseconds kIdle{5'000};
// What is released is counted no more often than after so many times what that takes the broker, for every
// keeper asks it to list those of all.
constexpr int kCountShare = 10;
constexpr milliseconds kLongestTick{30'000};
// A shelf that was found empty is looked at again after a pause that doubles up to the second.
constexpr milliseconds kFirstPause{250};
constexpr milliseconds kLongestLookPause{1'000};
// Shelves without anything, as far as we know, that are looked at in one tick.
constexpr std::size_t kLooksATick = 64;
// Sites that are served at once; records of one shelf in one go.
constexpr std::size_t kSitesAtOnce = 16;
constexpr std::size_t kMostAtOnce = 256;
constexpr std::chrono::seconds kForgetEvery{60};
constexpr double kFirstGuess = 4;  // mails in a record

}  // namespace

Keeper::State::State(KeeperParts the_parts)
    : parts(the_parts),
      timer(parts.executor),
      kept(parts.metrics.AddGauge("goniec_kept_sites", "Sites with mail put aside that this worker keeps.")),
      released(parts.metrics.AddCounter("goniec_released_total",
                                        "Records that this worker released from the shelves of its sites.")),
      probes(parts.metrics.AddCounterBy("goniec_probes_total",
                                        "Probes of closed sites that this worker let out.", "result",
                                        {"worked", "failed", "lost"})),
      mails_a_record(kFirstGuess),
      uncounted(static_cast<std::size_t>(parts.lanes), false) {}

asio::awaitable<void> Keeper::State::Run() {
  const auto self = shared_from_this();
  while (!stopped) {
    woken = false;
    count_took = {};
    const BootTime began = BootClock::now();
    // Who is not certain of the others keeps nothing.
    const bool certain =
        parts.marks.current() && parts.cluster.words().current() && parts.cluster.members().confirmed;
    bool busy = !certain;
    if (certain) busy = co_await TickOrTell();
    const auto tick = std::clamp<BootClock::duration>(count_took * kCountShare, kKeeperTick, kLongestTick);
    while (!stopped) {
      const auto left = began + (busy || woken ? tick : kIdle) - BootClock::now();
      if (left <= BootClock::duration::zero()) break;
      timer.expires_after(left);
      asio::error_code cancelled;  // by Wake() and Stop()
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
  }
}

// Nobody would keep our sites if the keeper ended by an error.
asio::awaitable<bool> Keeper::State::TickOrTell() {
  try {
    co_return co_await Tick();
  } catch (const std::exception& e) {
    observe::Error("the keeper of sites failed; it goes on", {{"error", e.what()}});
  }
  co_return true;
}

asio::awaitable<bool> Keeper::State::Tick() {
  if (BootClock::now() >= forget_at) {
    forget_at = BootClock::now() + kForgetEvery;
    if (!std::exchange(forgetting, true)) {
      SpawnLogged(parts.executor, tasks, "old words", ForgetOldWords());
    }
  }
  const std::vector<std::string> ours = Ours();
  kept.Set(static_cast<double>(ours.size()));
  if (ours.empty()) co_return false;
  co_await CountAll();
  const BootTime now = BootClock::now();
  std::size_t draining = 0;
  std::size_t stuck = 0;
  std::size_t on_trial = 0;
  std::vector<SiteTurn> wanted;
  std::vector<ShelfLook> looks;
  for (const std::string& token : ours) {
    KeptSite* site = Find(token);
    if (site == nullptr) continue;
    std::optional<SiteTurn> turn = Plan(token, *site, now, looks);
    if (turn) wanted.push_back(*std::move(turn));
    (site->pace.IsStuck(now) ? stuck : draining) += site->outstanding();
    if (site->pace.OnTrial(now)) ++on_trial;
  }
  const ReleaseRoom room =
      RoomOf(parts.slots, parts.cluster.members().names.size(), mails_a_record, draining, stuck);
  if (room.records == 0) co_return true;
  AddLooks(wanted, std::move(looks), kLooksATick);
  turns.LimitTrials(wanted, room.trials - std::min(room.trials, on_trial));
  const std::vector<std::size_t> shares = turns.ShareOut(wanted, room.records);
  std::vector<asio::awaitable<void>> work;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (shares[i] > 0) work.push_back(Serve(shared_from_this(), std::move(wanted[i]), shares[i]));
  }
  co_await RunAll(parts.executor, tasks, std::move(work), kSitesAtOnce);
  co_return true;
}

std::vector<std::string> Keeper::State::Ours() {
  std::vector<std::string> ours;
  for (auto& [token, site] : sites) {
    if (site.shelves.empty()) continue;
    if (!site.ours) site.ours = parts.cluster.IsKeeper(token);
    if (*site.ours) ours.push_back(token);
  }
  return ours;
}

// A lane that cannot be counted stays as it was, and nothing is released from its shelves.
asio::awaitable<void> Keeper::State::CountAll() {
  for (int lane = 0; lane < parts.lanes; ++lane) {
    const BootTime began = BootClock::now();
    const absl::Status counted = co_await CountLane(lane);
    uncounted[static_cast<std::size_t>(lane)] = !counted.ok();
    if (counted.ok()) {
      count_took += BootClock::now() - began;
    } else {
      observe::WarnLimited("released records not counted", {{"lane", lane}, {"error", Message(counted)}});
    }
  }
}

asio::awaitable<absl::Status> Keeper::State::CountLane(int lane) {
  for (auto& [token, site] : sites) site.counted = 0;
  absl::Status read = co_await queue::ListReleased(parts.broker, lane,
                                                   [this](const ShelfPlace& place, std::uint64_t records) {
                                                     if (KeptSite* site = Find(place.site))
                                                       site->counted += records;
                                                   });
  if (!read.ok()) co_return read;
  for (auto& [token, site] : sites) site.released[lane] = site.counted;
  co_return absl::OkStatus();
}

std::optional<SiteTurn> Keeper::State::Plan(const std::string& token, KeptSite& site, BootTime now,
                                            std::vector<ShelfLook>& looks) {
  const SiteWord view = parts.cluster.words().ViewOf(token);
  if (view.epoch != site.epoch) {
    site.epoch = view.epoch;
    site.pace = ReleasePace();
    site.nothing_since.reset();
    site.next_probe = now;
  }
  if (view.state == SiteState::kProbing) {
    // It may lie in a lane that could not be counted.
    const bool all_counted = std::ranges::find(uncounted, true) == uncounted.end();
    if (all_counted) EndProbeIfLost(token, site, view.epoch, now);
    return std::nullopt;
  }
  if (view.state == SiteState::kClosed) {
    BeginProbeIfDue(token, site, now);
    GoOnDraining(token, site, now);
    return std::nullopt;
  }
  site.pace.Found(site.outstanding(), now);
  SiteTurn turn{token, site.pace.Room(), {}, site.pace.proven()};
  if (turn.room == 0) return std::nullopt;
  for (const auto& [place, shelf] : site.shelves) {
    if (now < shelf.next_look || uncounted[static_cast<std::size_t>(place.lane)]) continue;
    if (shelf.pause > milliseconds(0)) {
      looks.push_back({shelf.next_look, place});
    } else {
      turn.shelves.push_back(place);
    }
  }
  return turn;
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
  const KeptShelf* before = Find(part.place);
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
  if (KeptShelf* shelf = Find(part.place)) {
    if (some->records > 0) shelf->pause = milliseconds(0);
  }
  if (some->was_empty) co_await FoundEmpty(part.place);
  co_return !some->was_empty;
}

asio::awaitable<void> Keeper::State::FoundEmpty(ShelfPlace place) {
  KeptShelf* shelf = Find(place);
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

void Keeper::State::OnMark(const ShelfPlace& place) {
  if (stopped || place.site == queue::kLaterShelf || place.lane < 0 || place.lane >= parts.lanes) return;
  if (parts.marks.all().contains(place)) {
    KeptShelf& shelf = sites[place.site].shelves[place];
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

void Keeper::State::Wake() {
  woken = true;
  timer.cancel();
}

KeptSite* Keeper::State::Find(const std::string& token) {
  const auto site = sites.find(token);
  return site == sites.end() ? nullptr : &site->second;
}

KeptShelf* Keeper::State::Find(const ShelfPlace& place) {
  KeptSite* site = Find(place.site);
  if (site == nullptr) return nullptr;
  const auto shelf = site->shelves.find(place);
  return shelf == site->shelves.end() ? nullptr : &shelf->second;
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
  KeptShelf* shelf = state_->Find(place);
  if (shelf == nullptr || shelf->pause <= kFirstPause) return;
  shelf->pause = kFirstPause;
  shelf->next_look = BootClock::now();
  state_->Wake();
}

void Keeper::Stop() {
  state_->stopped = true;
  state_->timer.cancel();
}

bool Keeper::WaitFor(std::chrono::milliseconds limit) {
  return state_->tasks.WaitFor(limit);
}

}  // namespace goniec::outbound
