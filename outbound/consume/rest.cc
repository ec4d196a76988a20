#include "outbound/consume/rest.h"

#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <system_error>
#include <utility>

#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/base/task_group.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/hold/server_starts.h"
#include "common/queue/model/config.h"
#include "common/queue/streams/durability.h"
#include "outbound/consume/leases.h"
#include "outbound/consume/sources.h"

namespace goniec::outbound {
namespace {

// Until what could not be read about a connection is read again.
constexpr std::chrono::milliseconds kReadAgain{250};

}  // namespace

Rest::Rest(asio::any_io_executor executor, queue::Broker& broker, const queue::QueueConfig& config,
           TaskGroup& tasks, Leases& leases, Sources& sources, observe::Metrics& metrics)
    : executor_(std::move(executor)),
      broker_(broker),
      config_(config),
      tasks_(tasks),
      leases_(leases),
      sources_(sources),
      put_back_(metrics.AddCounter("goniec_records_put_back_total",
                                   "Records put back once after a restart of a single nats-server.")),
      guard_(config.ack_wait) {}

// Everything that was learnt is about the connection before: a server that came back may have forgotten
// deliveries.
void Rest::OnStateChange() {
  ++connection_;
  sources_.Pause();
  leases_.StopRenewing();
  if (learning_ || sources_.stopped() || !broker_.connected()) return;
  learning_ = true;
  SpawnLogged(executor_, tasks_, "learn", LearnThenResume());
}

asio::awaitable<void> Rest::LearnThenResume() {
  const auto owner = owner_.lock();
  while (!sources_.stopped() && broker_.connected()) {
    const std::uint64_t about = connection_;
    const queue::Durability durability =
        co_await queue::ReadDurability(broker_, config_, queue::ServiceRole::kOutbound);
    const auto notices = co_await queue::ReadResetNotices(broker_, config_);
    if (about != connection_) continue;
    if (!notices.ok()) {
      observe::Warn("notices of resets cannot be read; nothing is pulled without",
                    {{"error", Message(notices.status())}});
      asio::steady_timer pause(executor_, kReadAgain);
      co_await pause.async_wait(asio::use_awaitable);
      continue;
    }
    const std::vector<WallTime> starts = co_await LearnStarts(durability, about);
    if (about != connection_) continue;
    for (const queue::ResetNotice& notice : *notices) OnResetNotice(notice);
    guard_.Learn(durability, starts, broker_.Now());
    for (const auto& source : sources_.all()) {
      source->rest.ForgetPutBack();
      ResumeAfterRest(*source);
    }
    break;
  }
  learning_ = false;
}

// Before anything is pulled in this life of the server. Empty: all that were there before its last start
// wait.
asio::awaitable<std::vector<WallTime>> Rest::LearnStarts(queue::Durability durability, std::uint64_t about) {
  if (durability.replicas > 1 || !durability.latest_start) co_return std::vector<WallTime>();
  auto recorded = co_await queue::RecordStart(broker_, *durability.latest_start, config_.ack_wait);
  // Another worker may have written it just then: once more, and it is only read.
  if (!recorded.ok() && about == connection_) {
    recorded = co_await queue::RecordStart(broker_, *durability.latest_start, config_.ack_wait);
  }
  if (recorded.ok()) co_return *std::move(recorded);
  if (about == connection_) {
    observe::Warn("the server's start is not recorded; records from before wait all their time",
                  {{"error", Message(recorded.status())}});
  }
  co_return std::vector<WallTime>();
}

// The reset waits until nobody holds a record of its consumer: leases run out, none is begun.
void Rest::OnResetNotice(const queue::ResetNotice& notice) {
  Source* const source = sources_.Find(notice.stream, notice.consumer);
  if (source == nullptr || !source->rest.Heed(notice, broker_.Now(), config_.ack_wait)) return;
  observe::Warn("consumer is about to be reset; its records are let go",
                {{"stream", notice.stream}, {"consumer", notice.consumer}});
  leases_.StopRenewing(notice.stream, notice.consumer);
  source->puller->Pause();
  if (!learning_) ResumeAfterRest(*source);
}

void Rest::ResumeAfterRest(Source& source) {
  const WallTime now = broker_.Now();
  if (source.rest.until() <= now) return source.puller->Resume();
  ResumeLater(source, source.rest.until() - now, false);
}

void Rest::ResumeLater(Source& source, std::chrono::nanoseconds delay, bool forget_put_back) {
  auto timer = std::make_shared<asio::steady_timer>(executor_, delay);
  timer->async_wait([this, weak = owner_, raw = &source, about = connection_, timer,
                     forget_put_back](std::error_code error) {
    const auto owner = weak.lock();
    if (error || owner == nullptr || sources_.stopped() || about != connection_) return;
    if (forget_put_back) raw->rest.ForgetPutBack();
    ResumeAfterRest(*raw);
  });
}

bool Rest::Admits(Source& source, queue::Delivery& delivery) {
  if (broker_.Now() < source.rest.until()) return false;
  const auto delay = guard_.PutBackFor(delivery.info(), broker_.Now());
  if (!delay) return true;
  PutBack(source, delivery, *delay);
  return false;
}

// A long backlog is not fetched just to be put back: its source pauses until it may be touched.
void Rest::PutBack(Source& source, queue::Delivery& delivery, std::chrono::milliseconds delay) {
  put_back_.Add();
  delivery.GiveBack(tasks_, delay);
  if (!source.rest.PutBack()) return;
  source.puller->Pause();
  ResumeLater(source, delay, true);
}

bool Rest::MustLook(const Source& source, const queue::DeliveryInfo& info) const {
  return guard_.MustLook(info) || source.rest.MustLook(info.stream_sequence);
}

}  // namespace goniec::outbound
