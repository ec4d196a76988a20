// What a keeper (keeper.h) knows and has under way. Its ticks, what it releases and where it looks are in
// keeper.cc; probes and draining of closed sites in keeper_probe.cc, beside the ticks: a site whose broker or
// DNS is slow keeps no other site waiting.
//
// Confined to the keeper's executor.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/task_group.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/jetstream.h"
#include "outbound/site/elsewhere.h"
#include "outbound/site/keeper.h"
#include "outbound/site/pacing.h"

namespace goniec::outbound {

struct KeptShelf {
  BootTime next_look;
  std::chrono::milliseconds pause{0};  // above 0: found empty the last time
};

struct KeptSite {
  std::optional<bool> ours;  // as long as the members stay
  std::map<queue::ShelfPlace, KeptShelf> shelves;
  // Released records that are not acknowledged, by lane, as they were last counted; and as they are just
  // being counted.
  std::map<int, std::size_t> released;
  std::size_t counted = 0;
  ReleasePace pace;
  std::uint64_t epoch = 0;  // the pace is of this one
  std::optional<BootTime> nothing_since;
  BootTime next_probe;
  std::uint64_t probed = 0;  // the epoch of the probe that we let out
  // A probe is let out, or ended.
  bool probing = false;
  // Records are routed anew from here on.
  bool draining = false;
  // So many rounds follow before the next probe, of what was there at the last one.
  int drains_left = 0;
  WallTime drain_until;
  BootTime next_drain;
  DrainCursor drain;

  [[nodiscard]] std::size_t outstanding() const {
    std::size_t records = 0;
    for (const auto& [lane, in_lane] : released) records += in_lane;
    return records;
  }
};

struct Keeper::State : std::enable_shared_from_this<State> {
  explicit State(KeeperParts the_parts);

  asio::awaitable<void> Run();
  // True if there is anything to look after.
  asio::awaitable<bool> Tick();
  // Tick(), whatever becomes of it.
  asio::awaitable<bool> TickOrTell();
  std::vector<std::string> Ours();
  asio::awaitable<void> CountAll();
  asio::awaitable<absl::Status> CountLane(int lane);
  // Begins what is to be done beside the tick; or returns the site's turn, with the shelves that may have
  // something on them, and adds those that were found empty to `looks`.
  std::optional<SiteTurn> Plan(const std::string& token, KeptSite& site, BootTime now,
                               std::vector<ShelfLook>& looks);
  static asio::awaitable<void> Serve(std::shared_ptr<State> self, SiteTurn turn, std::size_t records);
  asio::awaitable<bool> ServeSome(ToRelease part, std::size_t* served);
  asio::awaitable<void> FoundEmpty(queue::ShelfPlace place);

  // --- Of closed sites (keeper_probe.cc).
  void BeginProbeIfDue(const std::string& token, KeptSite& site, BootTime now);
  void EndProbeIfLost(const std::string& token, KeptSite& site, std::uint64_t epoch, BootTime now);
  void SpawnProbing(const std::string& token, KeptSite& site, asio::awaitable<void> work);
  // One of the two below, and what keeps another from being begun.
  static asio::awaitable<void> RunProbing(std::shared_ptr<State> self, std::string token,
                                          asio::awaitable<void> work);
  static asio::awaitable<void> Probe(std::shared_ptr<State> self, std::string token);
  static asio::awaitable<void> EndLostProbe(std::shared_ptr<State> self, std::string token,
                                            std::uint64_t epoch);
  asio::awaitable<std::optional<std::pair<queue::ShelfPlace, queue::StoredMessage>>> FirstOnShelf(
      std::vector<queue::ShelfPlace> shelves);
  // A round for each probe; and more of them while there is mail that routes elsewhere.
  void WantDrain(const std::string& token);
  void GoOnDraining(const std::string& token, const KeptSite& site, BootTime now);
  void BeginDrains();
  static asio::awaitable<void> RunDrain(std::shared_ptr<State> self, std::string token);
  static asio::awaitable<void> Drain(std::shared_ptr<State> self, std::string token);
  asio::awaitable<void> ForgetOldWords();
  void NoteProbe(const std::string& token);

  void OnMark(const queue::ShelfPlace& place);
  void OnToken(const std::string& token);
  void Wake();
  KeptShelf* Find(const queue::ShelfPlace& place);
  KeptSite* Find(const std::string& token);
  [[nodiscard]] std::vector<queue::ShelfPlace> ShelvesOf(const std::string& token) const;

  KeeperParts parts;
  TaskGroup tasks;
  asio::steady_timer timer;
  observe::Gauge kept;
  observe::Counter released;
  observe::CounterBy probes;
  std::map<std::string, KeptSite> sites;  // all that have marks, by token
  ReleaseTurns turns;
  double mails_a_record;
  // How long the last count took, and in which lanes it failed.
  BootClock::duration count_took{0};
  std::vector<bool> uncounted;
  BootTime forget_at;
  bool forgetting = false;
  std::size_t probing = 0;  // sites
  std::size_t drains = 0;
  std::deque<std::string> to_drain;
  bool woken = false;
  bool stopped = false;
};

}  // namespace goniec::outbound
