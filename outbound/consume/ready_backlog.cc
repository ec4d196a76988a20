#include "outbound/consume/ready_backlog.h"

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/spawn.h"
#include "common/base/task_group.h"
#include "common/queue/broker/broker.h"
#include "common/queue/streams/stream_state.h"

namespace goniec::outbound {
namespace {

constexpr int kTenantToken = 3;  // ready.<k>.<class>.<tenant>.<slot>
constexpr int kMostFailures = 1;

}  // namespace

asio::awaitable<absl::StatusOr<Backlog>> ReadBacklog(queue::Broker& broker, int lane,
                                                     queue::MailClass mail_class) {
  const absl::StatusOr<queue::StreamState> state =
      co_await queue::ReadStreamState(broker, queue::ReadyStream(lane), queue::ReadyFilter(lane, mail_class));
  if (!state.ok()) co_return state.status();
  Backlog backlog;
  for (const auto& [subject, records] : state->subjects) {
    const std::vector<std::string> tokens = absl::StrSplit(subject, '.');
    if (tokens.size() > kTenantToken) backlog[tokens[kTenantToken]] += records;
  }
  co_return backlog;
}

ReadyBacklog::ReadyBacklog(queue::Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, int lanes,
                           ReadyTurns& turns, std::chrono::milliseconds every)
    : broker_(broker),
      executor_(std::move(executor)),
      tasks_(tasks),
      lanes_(lanes),
      turns_(turns),
      every_(every),
      timer_(executor_) {}

void ReadyBacklog::Start() {
  SpawnLogged(executor_, tasks_, "ready backlog", Run());
}

void ReadyBacklog::Stop() {
  stopped_ = true;
  timer_.cancel();
}

asio::awaitable<void> ReadyBacklog::Run() {
  const auto self = shared_from_this();
  while (!stopped_) {
    for (int lane = 0; lane < lanes_ && !stopped_; ++lane) co_await ReadLane(lane);
    if (stopped_) break;
    timer_.expires_after(every_);
    asio::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<void> ReadyBacklog::ReadLane(int lane) {
  const absl::StatusOr<queue::StreamState> state =
      co_await queue::ReadStreamState(broker_, queue::ReadyStream(lane));
  bool known = state.ok();
  for (const auto& [kind, mail_class] : {std::pair{Kind::kTransactional, queue::MailClass::kTransactional},
                                         std::pair{Kind::kBulk, queue::MailClass::kBulk}}) {
    absl::StatusOr<Backlog> backlog = Backlog();
    if (known && state->messages >= kDeepBacklog) {
      backlog = co_await ReadBacklog(broker_, lane, mail_class);
      known = backlog.ok();
    }
    if (known || failures_[lane] >= kMostFailures) turns_.Note(kind, lane, known ? *backlog : Backlog());
  }
  failures_[lane] = known ? 0 : failures_[lane] + 1;
}

}  // namespace goniec::outbound
