#include "common/queue/streams/readiness.h"

#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/base/task_group.h"
#include "common/http/health.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/shown_server.h"
#include "common/queue/model/config.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::seconds kEvery{10};
constexpr std::chrono::seconds kAgainWhenUnmet{1};
// One answer that is missing or late proves nothing: what was seen of a connection's servers stands for so
// long.
constexpr std::chrono::seconds kSeenStands{30};
// A cluster without the leader of a stream does not answer for it until another is elected (4 to 9 s and the
// time limit of the question): mail waits for that, and so can the news of it.
constexpr std::chrono::seconds kElectionStands{20};
// Ids carry our time, streams the broker's; looking for a message relies on them being together.
constexpr std::chrono::seconds kMostClockOffset{10};
constexpr std::chrono::seconds kStopLimit{10};

}  // namespace

struct Readiness::State : std::enable_shared_from_this<State> {
  State(Broker& the_broker, const QueueConfig& the_config, ServiceRole the_role, http::Health& health,
        asio::any_io_executor the_executor)
      : broker(the_broker),
        config(the_config),
        role(the_role),
        executor(std::move(the_executor)),
        connected(health.Add("broker", "not connected yet")),
        streams(health.Add("streams", "not looked at yet")),
        durable(health.Add("durability", "not looked at yet")),
        clock(health.Add("clock", "not compared yet")),
        timer(executor) {}

  asio::awaitable<void> Run();
  asio::awaitable<bool> Look();
  void CheckClock(const Durability& read);

  Broker& broker;
  const QueueConfig& config;
  const ServiceRole role;
  asio::any_io_executor executor;
  http::Condition connected;
  http::Condition streams;
  http::Condition durable;
  http::Condition clock;
  asio::steady_timer timer;
  TaskGroup tasks;
  int state_token = -1;
  bool stopped = false;
  bool look_again = false;
  BootTime met_until;       // the floor was seen to be met, on this connection
  BootTime answered_until;  // all questions were answered, on this connection

  mutable std::mutex mutex;
  Durability latest;  // under mutex
};

asio::awaitable<void> Readiness::State::Run() {
  const auto self = shared_from_this();
  while (!stopped) {
    look_again = false;
    const bool well = co_await Look();
    if (stopped || look_again) continue;
    timer.expires_after(well ? kEvery : kAgainWhenUnmet);
    asio::error_code cancelled;  // something has changed
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

// True if all conditions are met.
asio::awaitable<bool> Readiness::State::Look() {
  if (!broker.connected()) {
    connected.Fail(
        absl::StrCat("no connection to ", ShownServer(config.servers.front()), ": ", broker.last_error()));
    co_return false;
  }
  if (const absl::Status version = CheckServerVersion(broker.server_version()); !version.ok()) {
    connected.Fail(std::string(Message(version)));
    co_return false;
  }
  const absl::StatusOr<std::vector<std::string>> faults = co_await Verify(broker, config, role);
  if (!faults.ok()) {
    if (!broker.clustered() || BootClock::now() >= answered_until) {
      connected.Fail(absl::StrCat("the broker does not answer: ", faults.status().message()));
    }
    co_return false;
  }
  answered_until = BootClock::now() + kElectionStands;
  connected.Meet();
  if (faults->empty()) {
    streams.Meet();
  } else {
    streams.Fail(absl::StrJoin(*faults, "; "));
  }
  const Durability read = co_await ReadDurability(broker, config, role);
  {
    const std::lock_guard lock(mutex);
    latest = read;
  }
  const std::optional<std::string> shortfall = FloorShortfall(read, config.durability);
  const bool seen = read.replicas > 0 && (read.sync != SyncMode::kUnknown || !config.durability.fsync);
  if (!shortfall) {
    met_until = BootClock::now() + kSeenStands;
    durable.Meet();
  } else if (seen || BootClock::now() >= met_until) {
    durable.Fail(*shortfall);
  }
  CheckClock(read);
  co_return faults->empty() && !shortfall;
}

void Readiness::State::CheckClock(const Durability& read) {
  if (!read.clock_offset || std::chrono::abs(*read.clock_offset) <= kMostClockOffset) return clock.Meet();
  clock.Fail(absl::StrCat("the broker's clock and this machine's are ", read.clock_offset->count(),
                          " ms apart; synchronise them (NTP)"));
}

Readiness::Readiness(Broker& broker, const QueueConfig& config, ServiceRole role, http::Health& health,
                     asio::any_io_executor executor)
    : state_(std::make_shared<State>(broker, config, role, health, std::move(executor))) {}

Readiness::~Readiness() = default;

void Readiness::Start() {
  state_->state_token = state_->broker.OnStateChange([weak = std::weak_ptr(state_)](bool) {
    const auto state = weak.lock();
    if (state == nullptr) return;
    asio::post(state->executor, [state] {
      state->look_again = true;
      state->met_until = {};
      state->answered_until = {};
      state->timer.cancel();
    });
  });
  SpawnLogged(state_->executor, state_->tasks, "readiness", state_->Run());
}

void Readiness::Stop() {
  if (state_->state_token >= 0) state_->broker.RemoveStateCallback(std::exchange(state_->state_token, -1));
  asio::post(state_->executor, [state = state_] {
    state->stopped = true;
    state->timer.cancel();
  });
  // Every wait in it has a limit of its own.
  (void)state_->tasks.WaitFor(kStopLimit);
}

Durability Readiness::Latest() const {
  const std::lock_guard lock(state_->mutex);
  return state_->latest;
}

}  // namespace goniec::queue
