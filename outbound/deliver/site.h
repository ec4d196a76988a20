// What the dispatcher knows of one site: jobs that wait, how fast it takes them, connections, and what failed
// lately. Values; confined to the dispatcher's executor.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/net/ip_address.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/deliver/client_session.h"
#include "outbound/deliver/deliver_config.h"
#include "outbound/deliver/job.h"
#include "outbound/deliver/site_pace.h"
#include "outbound/route/route.h"
#include "outbound/site/cluster_view.h"
#include "outbound/site/rate_limit.h"
#include "outbound/site/recent_domains.h"
#include "outbound/site/site_rules.h"
#include "outbound/site/tenant_queue.h"
#include "outbound/site/window.h"

namespace goniec::outbound {

class Connection;

class Site {
 public:
  explicit Site(std::string key, const SiteLimits& limits = {}) : key_(std::move(key)), limits_(limits) {}

  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] const SiteLimits& limits() const { return limits_; }

  // --- Jobs. They wait here, are carried by a connection that is being opened, or are on the wire.
  void TakeOver() { ++jobs_; }
  // One was given back; `tried`: the site had its say.
  void GaveBack(bool tried, BootTime now);
  void Enqueue(std::unique_ptr<Job> job, BootTime now);
  void EnqueueFirst(std::unique_ptr<Job> job, BootTime now);
  // The next whose turn it is (site/tenant_queue.h). Null if none waits.
  std::unique_ptr<Job> TakeNext(BootTime now);
  // One that is too many, while `waiting_in_all` wait at all sites. Null if none is.
  std::unique_ptr<Job> TakeTooMany(const DeliverConfig& config, std::size_t waiting_in_all, BootTime now);
  // Those that have waited too long: since then, and since then for those released from a shelf.
  std::vector<std::unique_ptr<Job>> TakeWaiting(BootTime since, BootTime released_since, BootTime now);
  // Those that may neither go nor wait here, by word and share.
  std::vector<std::unique_ptr<Job>> TakeUnadmitted(BootTime now);
  std::vector<std::unique_ptr<Job>> TakeAll(BootTime now);
  [[nodiscard]] std::size_t jobs() const { return jobs_; }
  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }

  // --- For people to see.
  void NoteDomain(std::string_view address) { domains_.Note(address); }
  [[nodiscard]] const RecentDomains& domains() const { return domains_; }
  // Acceptance of the oldest mail that waits; nothing if none does.
  [[nodiscard]] std::optional<WallTime> OldestWaiting() const;

  // --- More mail than the site takes.
  // How many may wait here, while `waiting_in_all` wait at all sites; those that were released from a shelf
  // come in addition.
  [[nodiscard]] std::size_t MostWaitingHere(const DeliverConfig& config, std::size_t waiting_in_all,
                                            BootTime now) const;
  // A job is moved because there are too many; for the summary in the log.
  void NoteMoved() { ++moved_; }
  struct MovedSummary {
    std::size_t mails = 0;
    double per_second = 0;
  };
  // What was moved since the last one, if that is long enough ago.
  std::optional<MovedSummary> TakeMovedSummary(BootTime now);
  [[nodiscard]] bool HasMovedSummary() const { return moved_ > 0; }

  // Of mail whose tenant yields, how many wait here: as many as the connections need to find work.
  [[nodiscard]] std::size_t MostWaitingOfYielding() const;

  // It was held up by us: its mails wait from now on, and its pace is not known.
  void WaitAnew(BootTime now);

  // --- What holds in the whole cluster (site/cluster_view.h).
  // What of its limits is ours. Where nothing is ours of one of them, nothing is of any.
  struct Shares {
    std::size_t connections = 0;
    // Where there is such a limit.
    std::size_t messages = 0;
    std::size_t recipients = 0;

    bool operator==(const Shares&) const = default;
  };
  // `since` when the shares are so, at the latest. In a new epoch what failed before is forgotten and, unless
  // the site's word is forgotten itself, the window grows from one. Where it was opened without a probe it is
  // others who reach the site: our pause and, while we have connections, our window stay. True if something
  // has changed.
  bool Follow(const SiteWord& word, const Shares& shares, BootTime since);
  [[nodiscard]] const SiteWord& word() const { return word_; }
  [[nodiscard]] std::size_t share() const { return window_.share(); }
  // Connections that may be open now, those that are being opened included.
  [[nodiscard]] std::size_t MostConnections() const;
  // More are open than may be; those that are leaving are not counted.
  [[nodiscard]] bool HasTooMany() const { return opening_ + ready_ > MostConnections() + leaving_; }
  // --- Rates. True if a transaction may begin; when the next may, if not.
  [[nodiscard]] bool has_rate() const { return rates_ != nullptr; }
  [[nodiscard]] bool RateAllows(BootTime now) const;
  [[nodiscard]] BootTime RateNext() const;
  // Recipients of one transaction, at most `limit`.
  [[nodiscard]] std::size_t MostRecipients(std::size_t limit) const;
  void NoteBegun(std::size_t recipients, BootTime now);

  // It took a mail; it was too much for it.
  void NoteWorked() { window_.Worked(); }
  void NoteSlower(BootTime now) { window_.Slower(opening_ + ready_, now); }
  // Whether the cluster is still to be told that the site works: not twice in an epoch, unless some site was
  // told to have failed since. `failures`: how many were in all.
  bool TakeTellWorked(std::uint64_t epoch, std::uint64_t failures);

  // It has judged a mail that began in `epoch`.
  void NoteAtWork(std::uint64_t epoch, BootTime now) { at_work_ = {epoch, now}; }
  // True if another worker has closed it by `word` while it has connections here and has been at work on them
  // just now. Not again for a while.
  [[nodiscard]] bool TakeContradiction(const SiteWord& word, BootTime now);

  // --- Connections: being opened; ready. Of the ready ones those without work, the last used at the end, and
  // those that are about to end.
  void BeginOpening(BootTime now);
  void Opened(BootTime now);
  void OpeningEnded() { --opening_; }
  void ReadyEnded() { --ready_; }
  void LeavingBegan() { ++leaving_; }
  void LeavingEnded() { --leaving_; }
  void Park(std::shared_ptr<Connection> connection) { idle_.push_back(std::move(connection)); }
  void Unpark(const Connection* connection);
  // The one that was used last, or first. Null if none is idle.
  std::shared_ptr<Connection> TakeFreshestIdle();
  std::shared_ptr<Connection> TakeStalestIdle();
  [[nodiscard]] std::size_t opening() const { return opening_; }
  [[nodiscard]] std::size_t ready() const { return ready_; }
  [[nodiscard]] bool has_idle() const { return !idle_.empty(); }

  // Work of its connections that takes long (slow_work.h).
  void SlowWorkFound() { ++slow_; }
  void SlowWorkEnded() { --slow_; }
  // It took mail lately and nothing takes long there: it may use what is kept from sites that are slow.
  [[nodiscard]] bool IsProven(BootTime now) const { return slow_ == 0 && now < proven_until_; }
  void NoteDelivered(BootTime now);

  // The site works, but wants no more connections of us for now.
  void NoteEnough(const DeliverConfig& config, BootTime now) {
    no_opening_before_ = now + config.failed_site_pause;
  }
  // It let nobody in for now, by a reply, while no connection is ready. True if it did so again and again: it
  // is no different from a site that is down then.
  bool NoteRefused() { return ++refused_in_a_row_ >= kRefusedIsDown; }
  // This machine had no descriptor or port for a connection: the next is tried a second later.
  void NoteOwnLimit(BootTime now) { no_opening_before_ = now + std::chrono::seconds(1); }
  // The last time that a connection was opened in vain, and when the next may be opened.
  [[nodiscard]] const std::optional<queue::v1::Outcome>& failure() const { return failure_; }
  [[nodiscard]] int failures_in_a_row() const { return failures_in_a_row_; }
  [[nodiscard]] BootTime no_opening_before() const { return no_opening_before_; }

  // Another connection may be opened: a first one alone, then as many more at a time as have proved to work.
  [[nodiscard]] bool MayOpen(BootTime now) const;
  // New jobs fail at once: the site is down, as far as we know.
  [[nodiscard]] bool IsDown(BootTime now) const;
  // The connection that is being opened takes so long that others need not wait for it.
  [[nodiscard]] bool IsStuck(const DeliverConfig& config, BootTime now) const;
  void NoteFailure(const DeliverConfig& config, const queue::v1::Outcome& outcome, BootTime now);

  // --- What is remembered of its addresses.
  // It did not get as far as EHLO: others are tried first for that long.
  void NoteAddressFailed(const net::Endpoint& address, std::chrono::milliseconds pause, BootTime now);
  // What a new connection to the address, or a new transaction on it, should know.
  [[nodiscard]] PeerMemory MemoryOf(const net::Endpoint& address, BootTime now) const;
  // Its STARTTLS is broken: plain text at once for a while.
  void NoteTlsFailed(const net::Endpoint& address, BootTime now);
  // The address wants TLS: it is asked for again at the next connection.
  void NoteTlsDemanded(const net::Endpoint& address) { plain_until_.erase(address); }
  // It offers extensions that it does not have (RFC 3030's CHUNKING most of all).
  void NoteBroken(const net::Endpoint& address, const BrokenExtensions& extensions, BootTime now);
  // Addresses of which that is remembered.
  [[nodiscard]] std::size_t broken() const { return broken_.size(); }

  // Neither jobs nor connections.
  [[nodiscard]] bool IsIdle() const { return jobs_ == 0 && opening_ == 0 && ready_ == 0; }
  // Nothing to keep it for.
  [[nodiscard]] bool IsForgettable(BootTime now) const;

  // The addresses of `route` to try in this order, some of each host: those that failed lately only if there
  // are no others.
  [[nodiscard]] std::vector<Candidate> CandidatesOf(const Route& route, std::size_t limit,
                                                    BootTime now) const;

 private:
  static constexpr int kRefusedIsDown = 3;

  // Its only connection is being opened for longer than most take.
  [[nodiscard]] bool IsLate(BootTime now) const;

  std::unique_ptr<Job> Taken(std::optional<std::unique_ptr<Job>> job, BootTime now);
  template <typename Condition>
  std::vector<std::unique_ptr<Job>> TakeIf(const Condition& condition, BootTime now);

  // Follows its rates, if it has some.
  struct Rates {
    std::optional<RateLimit> messages;
    std::optional<RateLimit> recipients;
  };
  void FollowRates(const Shares& shares, BootTime since);

  const std::string key_;
  const SiteLimits limits_;

  RecentDomains domains_;
  std::size_t jobs_ = 0;
  TenantQueue<std::unique_ptr<Job>> queue_;
  std::size_t released_ = 0;  // of those that wait
  SitePace pace_;
  std::size_t moved_ = 0;
  BootTime moved_told_;

  SiteWord word_;
  Window window_;
  Shares shares_;
  std::unique_ptr<Rates> rates_;  // null for most sites
  // The epoch in which it was last told that the site works, and how many failures had been told of then.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> told_worked_;
  // The last time that it judged a mail, and the epoch in which that began.
  std::optional<std::pair<std::uint64_t, BootTime>> at_work_;
  BootTime no_contradiction_before_;

  std::size_t opening_ = 0;
  std::size_t ready_ = 0;
  std::size_t leaving_ = 0;
  std::vector<std::shared_ptr<Connection>> idle_;
  // Since when connections are being opened while none is ready.
  BootTime opening_since_;

  std::size_t slow_ = 0;
  BootTime proven_until_;

  std::optional<queue::v1::Outcome> failure_;
  BootTime no_opening_before_;
  int failures_in_a_row_ = 0;
  int refused_in_a_row_ = 0;

  std::map<net::Endpoint, BootTime> address_failed_until_;
  std::map<net::Endpoint, BootTime> plain_until_;
  // Until when each of kBroken (site.cc) is left alone.
  using BrokenUntil = std::array<BootTime, 4>;
  std::map<net::Endpoint, BrokenUntil> broken_;
};

}  // namespace goniec::outbound
