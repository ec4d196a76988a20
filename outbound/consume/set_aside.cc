#include "outbound/consume/set_aside.h"

#include <chrono>

#include "absl/status/status.h"
#include "common/base/status.h"
#include "common/base/task_group.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "common/queue/hold/delivery.h"
#include "common/queue/hold/quarantine.h"

namespace goniec::outbound {
namespace {

// Of what cannot be read and, at the moment, not be set aside either.
constexpr std::chrono::minutes kUnreadableDelay{1};

}  // namespace

SetAside::SetAside(queue::Broker& broker, TaskGroup& tasks, observe::Metrics& metrics)
    : broker_(broker),
      tasks_(tasks),
      unreadable_(metrics.AddCounter("goniec_records_unreadable_total",
                                     "Records that are none of ours and were set aside in QUARANTINE.")) {}

asio::awaitable<void> SetAside::Now(std::shared_ptr<queue::Delivery> delivery, std::string why,
                                    std::shared_ptr<void> owner) {
  unreadable_.Add();
  const queue::DeliveryInfo& info = delivery->info();
  const absl::Status stored = co_await queue::Quarantine(
      broker_, delivery->subject(), info.stream, info.stream_sequence, std::string(delivery->payload()), why);
  observe::Error(stored.ok() ? "record set aside: it is none of ours" : "record cannot be read nor set aside",
                 {{"subject", delivery->subject()},
                  {"stream", info.stream},
                  {"sequence", info.stream_sequence},
                  {"why", why},
                  {"error", stored.ok() ? "" : Message(stored)}});
  if (stored.ok()) {
    delivery->Acknowledge();
  } else {
    delivery->GiveBack(tasks_, kUnreadableDelay);
  }
}

}  // namespace goniec::outbound
