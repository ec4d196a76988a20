#include "outbound/site/cluster.h"

#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <random>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/broker.h"
#include "outbound/route/route.h"
#include "outbound/site/breaker.h"
#include "outbound/site/own_network.h"
#include "outbound/site/share.h"

namespace goniec::outbound {
namespace {

using Word = queue::v1::SiteWord;
using Change = asio::awaitable<absl::StatusOr<std::optional<Word>>>;

// Who does not count by then has a bucket that does not work; told each time that it has taken as long again.
constexpr std::chrono::seconds kSettleLimit{12};
constexpr std::chrono::seconds kWarnEvery{60};
// Tokens of sites that are remembered.
constexpr std::size_t kMostTokens = 50'000;

double Random() {
  static thread_local std::minstd_rand generator(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace

struct Cluster::State : std::enable_shared_from_this<State> {
  explicit State(ClusterParts the_parts)
      : parts(std::move(the_parts)),
        words(parts.broker, parts.executor, parts.tasks, parts.name, parts.metrics),
        suspect(parts.metrics.AddGauge("goniec_own_network_suspect",
                                       "1 while the last sites that were tried all failed: it may be our own "
                                       "network, so no site is closed.")),
        settle_timer(parts.executor) {}

  const std::string& TokenOf(const std::string& site);
  void OnWord(const std::string& token);
  void OnMembers();
  void SettleIfDone();
  void Settle();
  asio::awaitable<void> SettleInTime();
  void Write(const std::string& token, std::uint64_t epoch, Words::Decide decide);
  static asio::awaitable<void> Store(std::shared_ptr<State> self, std::string token, std::uint64_t epoch,
                                     Change change);
  [[nodiscard]] bool IsOfProbe(const std::string& token, std::uint64_t epoch) const;

  ClusterParts parts;
  Words words;
  OwnNetwork network;
  observe::Gauge suspect;
  std::vector<std::function<void(const std::string&)>> on_change;
  std::vector<std::function<void(const std::string&)>> on_token_change;
  std::unordered_map<std::string, std::string> tokens;  // by site
  std::unordered_map<std::string, std::string> sites;   // by token
  std::set<std::pair<std::string, std::uint64_t>> writing;
  asio::steady_timer settle_timer;
  std::function<void()> settled;
  bool stopped = false;
};

const std::string& Cluster::State::TokenOf(const std::string& site) {
  const auto it = tokens.find(site);
  if (it != tokens.end()) return it->second;
  if (tokens.size() >= kMostTokens) {
    tokens.clear();
    sites.clear();
  }
  const std::string& token = tokens.emplace(site, SiteToken(site)).first->second;
  sites.emplace(token, site);
  return token;
}

void Cluster::State::OnWord(const std::string& token) {
  if (stopped) return;
  SettleIfDone();
  // A site whose name nobody has asked for concerns nobody.
  if (const auto it = sites.find(token); it != sites.end()) {
    const std::string site = it->second;
    for (const auto& each : on_change) each(site);
  }
  for (const auto& each : on_token_change) each(token);
}

void Cluster::State::OnMembers() {
  if (stopped) return;
  SettleIfDone();
  for (const auto& each : on_change) each({});
  for (const auto& each : on_token_change) each({});
}

void Cluster::State::SettleIfDone() {
  const queue::Members& members = parts.presence.Now();
  if (members.confirmed && members.Counts() && words.current()) Settle();
}

void Cluster::State::Settle() {
  settle_timer.cancel();
  if (settled && !stopped) std::exchange(settled, nullptr)();
}

asio::awaitable<void> Cluster::State::SettleInTime() {
  const auto self = shared_from_this();
  const BootTime until = BootClock::now() + kSettleLimit;
  BootTime warn_at = until;
  while (settled) {
    settle_timer.expires_after(std::chrono::milliseconds(100));
    asio::error_code cancelled;
    co_await settle_timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (stopped) co_return;
    // The words are told by a watch of their own, which does not say when it is through.
    SettleIfDone();
    const BootTime now = BootClock::now();
    if (!settled || now < until) continue;
    // Nothing is ours before: all that was pulled would go to shelves that perhaps nobody keeps.
    if (parts.presence.Now().Counts()) {
      Settle();
    } else if (now >= warn_at) {
      warn_at = now + kWarnEvery;
      observe::Warn("no mail is taken: this worker does not count among the others yet",
                    {{"mend", "the bucket `presence` must be readable and writable"}});
    }
  }
}

bool Cluster::State::IsOfProbe(const std::string& token, std::uint64_t epoch) const {
  const SiteWord view = words.ViewOf(token);
  return (view.state == SiteState::kProbing && view.epoch == epoch) || epoch > view.epoch;
}

// One write at a time for each epoch of a site: all others say the same.
void Cluster::State::Write(const std::string& token, std::uint64_t epoch, Words::Decide decide) {
  if (stopped || !writing.emplace(token, epoch).second) return;
  SpawnLogged(parts.executor, parts.tasks, "word of a site",
              Store(shared_from_this(), token, epoch, words.Change(token, std::move(decide), epoch)));
}

asio::awaitable<void> Cluster::State::Store(std::shared_ptr<State> self, std::string token,
                                            std::uint64_t epoch, Change change) {
  const absl::StatusOr<std::optional<Word>> stored = co_await std::move(change);
  self->writing.erase({token, epoch});
  if (!stored.ok()) {
    observe::Warn("a site's word was not stored", {{"site", token}, {"error", Message(stored.status())}});
  } else if (*stored && (*stored)->state() == Word::STATE_CLOSED) {
    const queue::v1::Outcome& why = (*stored)->last_failure();
    observe::Info("site closed", {{"site", (*stored)->site()},
                                  {"failures", (*stored)->failures()},
                                  {"flaps", (*stored)->flaps()},
                                  {"host", why.remote_host()},
                                  {"reason", queue::v1::Reason_Name(why.reason())},
                                  {"text", why.text()}});
  } else if (*stored) {
    observe::Info("site open", {{"site", (*stored)->site()}});
  }
}

Cluster::Cluster(ClusterParts parts) : state_(std::make_shared<State>(std::move(parts))) {}

Cluster::~Cluster() {
  Stop();
}

void Cluster::Start(std::function<void()> settled) {
  const std::weak_ptr<State> weak = state_;
  state_->settled = std::move(settled);
  state_->words.Start([weak](const std::string& token) {
    if (const auto self = weak.lock()) self->OnWord(token);
  });
  state_->parts.presence.Start([weak] {
    if (const auto self = weak.lock()) self->OnMembers();
  });
  SpawnLogged(state_->parts.executor, state_->parts.tasks, "settle", state_->SettleInTime());
}

void Cluster::Stop() {
  state_->stopped = true;
  state_->settled = nullptr;
  state_->on_change.clear();
  state_->on_token_change.clear();
  state_->settle_timer.cancel();
  state_->words.Stop();
}

SiteWord Cluster::WordOf(const std::string& site) const {
  return state_->words.ViewOf(state_->TokenOf(site));
}

std::size_t Cluster::ShareOf(std::size_t limit, const std::string& site) const {
  return outbound::ShareOf(limit, state_->TokenOf(site), members());
}

double Cluster::RateShare() const {
  return RateShareOf(members());
}

void Cluster::Failed(const std::string& site, std::uint64_t epoch, const queue::v1::Outcome& outcome) {
  const std::string token = state_->TokenOf(site);
  state_->network.Failed(token);
  state_->suspect.Set(state_->network.IsSuspect() ? 1 : 0);
  queue::Broker& broker = state_->parts.broker;
  if (state_->network.IsSuspect()) {
    if (!state_->IsOfProbe(token, epoch)) return;
    // It says nothing of the site, and is over all the same.
    return state_->Write(token, epoch, [&broker, epoch, random = Random()](const std::optional<Word>& word) {
      return ProbeLost(word, epoch, broker.Now(), random);
    });
  }
  state_->Write(token, epoch,
                [&broker, site, epoch, outcome, random = Random()](const std::optional<Word>& word) {
                  return AfterFailure(word, site, epoch, outcome, broker.Now(), random);
                });
}

void Cluster::Worked(const std::string& site, std::uint64_t epoch) {
  state_->network.Worked();
  state_->suspect.Set(0);
  const std::string token = state_->TokenOf(site);
  if (!state_->IsOfProbe(token, epoch)) return;
  queue::Broker& broker = state_->parts.broker;
  state_->Write(token, epoch, [&broker, epoch](const std::optional<Word>& word) {
    return AfterSuccess(word, epoch, broker.Now());
  });
}

void Cluster::Contradict(const std::string& site, std::uint64_t epoch) {
  const std::string token = state_->TokenOf(site);
  queue::Broker& broker = state_->parts.broker;
  state_->Write(token, epoch, [&broker, epoch](const std::optional<Word>& word) {
    return Contradicted(word, epoch, broker.Now());
  });
}

void Cluster::OnChange(std::function<void(const std::string& site)> changed) {
  if (changed) {
    state_->on_change.push_back(std::move(changed));
  } else {
    state_->on_change.clear();
  }
}

Words& Cluster::words() {
  return state_->words;
}

const queue::Members& Cluster::members() const {
  return state_->parts.presence.Now();
}

bool Cluster::IsKeeper(const std::string& token) const {
  return outbound::IsKeeper(token, members());
}

void Cluster::OnTokenChange(std::function<void(const std::string& token)> changed) {
  state_->on_token_change.push_back(std::move(changed));
}

}  // namespace goniec::outbound
