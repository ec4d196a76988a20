#include "outbound/consume/restart_guard.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/queue/broker.h"
#include "common/queue/jetstream.h"

namespace goniec::outbound {
namespace {

constexpr std::chrono::minutes kWary{10};
constexpr std::uint64_t kRecords = 1'000;
// Between the server's clock and ours, where the start is not known and our own time stands for it.
constexpr std::chrono::seconds kClockSlack{10};

}  // namespace

asio::awaitable<absl::Status> RestartGuard::Learn(queue::Durability durability, std::string stream,
                                                   std::string consumer) {
  const WallTime now = std::chrono::system_clock::now();
  Window window;
  const bool replicated = durability.replicas > 1;
  const bool long_ago = durability.latest_start && now - *durability.latest_start > kWary;
  if (!replicated && !long_ago) {
    const absl::StatusOr<std::string> answer =
        co_await queue::CallApi(broker_, absl::StrCat("CONSUMER.INFO.", stream, ".", consumer), "");
    if (!answer.ok()) co_return answer.status();
    const auto info = nlohmann::json::parse(*answer, nullptr, false);
    window.above = info.value("/delivered/stream_seq"_json_pointer, std::uint64_t{0});
    window.up_to = window.above + kRecords;
    // Unknown counts as just now.
    window.stored_before = durability.latest_start.value_or(now + kClockSlack);
  }
  windows_[{std::move(stream), std::move(consumer)}] = window;
  co_return absl::OkStatus();
}

bool RestartGuard::IsSuspect(const queue::DeliveryInfo& info) const {
  if (info.delivery_count != 1) return false;
  const auto found = windows_.find({info.stream, info.consumer});
  if (found == windows_.end()) return true;  // nothing was learnt yet
  const Window& window = found->second;
  return info.stream_sequence > window.above && info.stream_sequence <= window.up_to &&
         info.stored_at < window.stored_before;
}

}  // namespace goniec::outbound
