#include "common/queue/store_level.h"

#include <algorithm>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/spawn.h"
#include "common/base/task_group.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/admission.h"
#include "common/queue/broker.h"
#include "common/queue/config.h"
#include "common/queue/stream_settings.h"
#include "common/queue/stream_state.h"

namespace goniec::queue {
namespace {

// With many streams less often, so that the asking stays a small part of the broker's work.
constexpr std::chrono::milliseconds kEvery{1'000};
constexpr std::chrono::milliseconds kForEachStream{50};
constexpr std::chrono::seconds kStopLimit{10};

std::vector<std::string> StreamsOf(const QueueConfig& config) {
  std::vector<std::string> names;
  for (const StreamSettings& stream : ExpectedStreams(config)) {
    if (!stream.is_bucket) names.push_back(stream.name);
  }
  return names;
}

}  // namespace

struct StoreLevel::State : std::enable_shared_from_this<State> {
  State(Broker& the_broker, const QueueConfig& config, observe::Metrics& metrics,
        asio::any_io_executor the_executor)
      : broker(the_broker),
        capacity(config.capacity_bytes),
        streams(StreamsOf(config)),
        executor(std::move(the_executor)),
        used_gauge(metrics.AddGauge("goniec_store_used_bytes", "Bytes that all streams take together.")),
        accepting_transactional(metrics.AddGauge("goniec_store_accepting",
                                                 "1 while the store has room for new mail of this class.",
                                                 {{"class", "transactional"}})),
        accepting_bulk(metrics.AddGauge("goniec_store_accepting",
                                        "1 while the store has room for new mail of this class.",
                                        {{"class", "bulk"}})),
        timer(executor) {
    metrics.AddGauge("goniec_store_capacity_bytes", "queue.capacity.").Set(static_cast<double>(capacity));
    accepting_transactional.Set(1);
    accepting_bulk.Set(1);
  }

  asio::awaitable<void> Run();
  asio::awaitable<std::optional<std::uint64_t>> Read();
  void Judge();
  void Tell(MailClass mail_class, bool before, bool now, const observe::Gauge& gauge) const;
  [[nodiscard]] int Percent() const {
    return static_cast<int>(static_cast<double>(used + added) * 100.0 / static_cast<double>(capacity));
  }

  Broker& broker;
  const std::uint64_t capacity;
  const std::vector<std::string> streams;
  asio::any_io_executor executor;
  observe::Gauge used_gauge;
  observe::Gauge accepting_transactional;
  observe::Gauge accepting_bulk;
  asio::steady_timer timer;
  TaskGroup tasks;
  bool stopped = false;

  std::atomic<std::uint64_t> used{0};   // as last read
  std::atomic<std::uint64_t> added{0};  // by this process since
  std::atomic<bool> transactional_open{true};
  std::atomic<bool> bulk_open{true};
  std::mutex mutex;  // the marks
  AdmissionMark transactional{kTransactionalMark};
  AdmissionMark bulk{kBulkMark};
};

asio::awaitable<void> StoreLevel::State::Run() {
  const auto self = shared_from_this();
  const auto every = std::max(kEvery, kForEachStream * static_cast<int>(streams.size()));
  while (!stopped) {
    // What is stored while the streams are asked may be counted twice, for one round: on the safe side.
    const std::uint64_t before = added;
    const std::optional<std::uint64_t> read = co_await Read();
    if (read.has_value()) {
      used = *read;
      added -= before;
      Judge();
    }
    if (stopped) break;
    timer.expires_after(every);
    asio::error_code cancelled;  // by Stop()
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

// Nothing if one of the streams could not be read: what is known stands.
asio::awaitable<std::optional<std::uint64_t>> StoreLevel::State::Read() {
  std::uint64_t bytes = 0;
  for (const std::string& stream : streams) {
    if (stopped || !broker.connected()) co_return std::nullopt;
    const absl::StatusOr<StreamState> state = co_await ReadStreamState(broker, stream);
    if (!state.ok()) co_return std::nullopt;
    bytes += state->bytes;
  }
  co_return bytes;
}

void StoreLevel::State::Judge() {
  const std::lock_guard lock(mutex);
  const std::uint64_t level = used + added;
  used_gauge.Set(static_cast<double>(level));
  const bool transactional_before = transactional_open.exchange(transactional.Update(level, capacity));
  const bool bulk_before = bulk_open.exchange(bulk.Update(level, capacity));
  Tell(MailClass::kTransactional, transactional_before, transactional_open, accepting_transactional);
  Tell(MailClass::kBulk, bulk_before, bulk_open, accepting_bulk);
}

void StoreLevel::State::Tell(MailClass mail_class, bool before, bool now, const observe::Gauge& gauge) const {
  if (before == now) return;
  gauge.Set(now ? 1 : 0);
  const std::string_view name = ClassToken(mail_class);
  if (now) {
    observe::Info("acceptance goes on", {{"class", name}, {"used_percent", Percent()}});
  } else {
    observe::Warn("acceptance stops: the store fills",
                  {{"class", name},
                   {"used_percent", Percent()},
                   {"mend", "deliver what waits, or raise queue.capacity and what lies above it"}});
  }
}

StoreLevel::StoreLevel(Broker& broker, const QueueConfig& config, observe::Metrics& metrics,
                       asio::any_io_executor executor)
    : state_(std::make_shared<State>(broker, config, metrics, std::move(executor))) {}

StoreLevel::~StoreLevel() = default;

void StoreLevel::Start() {
  SpawnLogged(state_->executor, state_->tasks, "store level", state_->Run());
}

void StoreLevel::Stop() {
  asio::post(state_->executor, [state = state_] {
    state->stopped = true;
    state->timer.cancel();
  });
  // Every wait in it has a limit of its own.
  (void)state_->tasks.WaitFor(kStopLimit);
}

absl::Status StoreLevel::Admit(MailClass mail_class) const {
  const bool open = mail_class == MailClass::kBulk ? state_->bulk_open : state_->transactional_open;
  if (open) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("the store is ", state_->Percent(), " % full"));
}

void StoreLevel::Added(std::uint64_t bytes) {
  state_->added += bytes;
  // Only towards less: going on waits for a reading.
  const std::uint64_t level = state_->used + state_->added;
  if (level * 100 >= state_->capacity * kBulkMark) state_->Judge();
}

}  // namespace goniec::queue
