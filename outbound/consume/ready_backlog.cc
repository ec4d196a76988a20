#include "outbound/consume/ready_backlog.h"

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/spawn.h"
#include "common/base/task_group.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/streams/stream_state.h"

namespace goniec::outbound {
namespace {

constexpr int kTenantToken = 3;  // ready.<k>.<class>.<tenant>.<slot>
constexpr int kMostFailures = 1;
// Tenants about whom it is asked whether anything of theirs waits.
constexpr int kMostAsked = 8;
// Of all time, at most one part in so many goes on listing.
constexpr int kReadShare = 20;

// The last record that the class's consumer has given to anybody.
asio::awaitable<absl::StatusOr<std::uint64_t>> ReadDelivered(queue::Broker& broker, int lane,
                                                             queue::MailClass mail_class) {
  const absl::StatusOr<std::string> text = co_await queue::CallApi(
      broker, absl::StrCat("CONSUMER.INFO.", queue::ReadyStream(lane), ".", queue::ReadyConsumer(mail_class)),
      "");
  if (!text.ok()) co_return text.status();
  const auto answer = nlohmann::json::parse(*text, nullptr, false);
  const auto sequence = nlohmann::json::json_pointer("/delivered/stream_seq");
  if (!answer.is_object() || !answer.contains(sequence) || !answer.at(sequence).is_number_unsigned()) {
    co_return absl::UnavailableError("the broker's answer about a consumer cannot be read");
  }
  co_return answer.at(sequence).get<std::uint64_t>();
}

}  // namespace

asio::awaitable<absl::StatusOr<Backlog>> ReadBacklog(queue::Broker& broker, int lane,
                                                     queue::MailClass mail_class) {
  Backlog backlog;
  absl::Status read =
      co_await queue::ReadSubjects(broker, queue::ReadyStream(lane), queue::ReadyFilter(lane, mail_class),
                                   [&backlog](const std::string& subject, std::uint64_t records) {
                                     const std::vector<std::string> tokens = absl::StrSplit(subject, '.');
                                     if (tokens.size() > kTenantToken)
                                       backlog[tokens[kTenantToken]] += records;
                                   });
  if (!read.ok()) co_return read;
  co_return backlog;
}

asio::awaitable<absl::Status> LeaveOutServed(queue::Broker& broker, int lane, queue::MailClass mail_class,
                                             Backlog& backlog) {
  std::optional<std::uint64_t> delivered;
  for (int asked = 0; asked < kMostAsked && !YieldingTenants(backlog).empty(); ++asked) {
    if (!delivered) {
      const absl::StatusOr<std::uint64_t> read = co_await ReadDelivered(broker, lane, mail_class);
      if (!read.ok()) co_return read.status();
      delivered = *read;
    }
    const auto least =
        std::ranges::min_element(backlog, {}, [](const auto& tenant) { return tenant.second; });
    const std::string tenant = least->first;
    std::string subject = queue::ReadyFilter(lane, mail_class);
    subject.insert(subject.size() - 1, tenant + ".");
    const absl::StatusOr<queue::StoredMessage> waits =
        co_await queue::GetNextMessage(broker, queue::ReadyStream(lane), std::move(subject), *delivered + 1);
    if (waits.ok()) break;
    if (!absl::IsNotFound(waits.status())) co_return waits.status();
    backlog.erase(tenant);
  }
  co_return absl::OkStatus();
}

BootClock::duration PauseAfterReading(std::chrono::milliseconds every, BootClock::duration took) {
  return std::max<BootClock::duration>(every, took * kReadShare);
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
    const BootTime began = BootClock::now();
    for (int lane = 0; lane < lanes_ && !stopped_; ++lane) co_await ReadLane(lane);
    if (stopped_) break;
    timer_.expires_after(PauseAfterReading(every_, BootClock::now() - began));
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
      if (known) known = (co_await LeaveOutServed(broker_, lane, mail_class, *backlog)).ok();
    }
    if (known || failures_[lane] >= kMostFailures) turns_.Note(kind, lane, known ? *backlog : Backlog());
  }
  failures_[lane] = known ? 0 : failures_[lane] + 1;
}

}  // namespace goniec::outbound
