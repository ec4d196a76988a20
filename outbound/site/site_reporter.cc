#include "outbound/site/site_reporter.h"

#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/spawn.h"
#include "common/base/task_group.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/stream_settings.h"

namespace goniec::outbound {
namespace {

constexpr std::chrono::milliseconds kStoreLimit{2'000};
constexpr std::chrono::seconds kStopLimit{10};

}  // namespace

struct SiteReporter::State : std::enable_shared_from_this<State> {
  State(queue::Broker& the_broker, asio::any_io_executor the_executor, std::string worker_name,
        std::function<SiteSnapshots(std::size_t)> the_look, observe::Metrics& metrics,
        std::chrono::milliseconds the_period)
      : broker(the_broker),
        executor(std::move(the_executor)),
        worker(std::move(worker_name)),
        look(std::move(the_look)),
        period(the_period),
        stored_total(metrics.AddCounterBy("goniec_site_reports_total",
                                          "Reports of what this worker has in hand, site by site.", "result",
                                          {"stored", "failed"})),
        timer(executor) {}

  asio::awaitable<void> Run();
  asio::awaitable<void> Report();
  // `value` empty: takes the report back.
  asio::awaitable<bool> Put(std::string value);

  queue::Broker& broker;
  asio::any_io_executor executor;
  const std::string worker;
  const std::function<SiteSnapshots(std::size_t)> look;
  const std::chrono::milliseconds period;
  const observe::CounterBy stored_total;
  asio::steady_timer timer;
  TaskGroup tasks;
  bool stopped = false;
  std::string stored;  // as it is there, empty if that is not known
  BootTime stored_at;
};

asio::awaitable<void> SiteReporter::State::Run() {
  const auto self = shared_from_this();
  while (!stopped) {
    co_await Report();
    if (stopped) break;
    timer.expires_after(period);
    asio::error_code cancelled;  // by Stop()
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  (void)co_await Put("");
}

asio::awaitable<void> SiteReporter::State::Report() {
  std::string value = MakeReport(worker, look(kMostReportedSites)).SerializeAsString();
  if (value == stored && BootClock::now() - stored_at < kReportRenewal) co_return;
  const bool put = co_await Put(value);
  stored_total.With(put ? "stored" : "failed").Add();
  stored = put ? std::move(value) : std::string();
  stored_at = BootClock::now();
}

asio::awaitable<bool> SiteReporter::State::Put(std::string value) {
  queue::OutgoingMessage message;
  message.subject = absl::StrCat("$KV.", queue::kPresenceBucket, ".", ReportKey(worker));
  if (value.empty()) message.headers = {{"KV-Operation", "DEL"}};
  message.payload = std::make_shared<const std::string>(std::move(value));
  const queue::PublishResult result =
      co_await queue::PublishAcknowledged(broker, std::move(message), kStoreLimit);
  if (result.state == queue::PublishState::kStored) co_return true;
  observe::InfoLimited("site report not stored", {{"why", std::string(result.status.message())}});
  co_return false;
}

SiteReporter::SiteReporter(queue::Broker& broker, asio::any_io_executor executor, std::string worker,
                           std::function<SiteSnapshots(std::size_t)> look, observe::Metrics& metrics,
                           std::chrono::milliseconds period)
    : state_(std::make_shared<State>(broker, std::move(executor), std::move(worker), std::move(look), metrics,
                                     period)) {}

SiteReporter::~SiteReporter() = default;

void SiteReporter::Start() {
  SpawnLogged(state_->executor, state_->tasks, "site report", state_->Run());
}

void SiteReporter::Stop() {
  asio::post(state_->executor, [state = state_] {
    state->stopped = true;
    state->timer.cancel();
  });
  // Every wait in it has a limit of its own.
  (void)state_->tasks.WaitFor(kStopLimit);
}

}  // namespace goniec::outbound
