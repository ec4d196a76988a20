#include "outbound/api/incoming_calls.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace goniec::outbound {
namespace {

std::uint64_t Random() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace

IncomingCall::IncomingCall(std::shared_ptr<CallCounts> of_connection, std::shared_ptr<CallCounts> of_all)
    : counts_{std::move(of_connection), std::move(of_all)} {
  for (const auto& counts : counts_) ++counts->waiting;
}

void IncomingCall::Admit() {
  Stage waiting = Stage::kWaiting;
  if (!stage_.compare_exchange_strong(waiting, Stage::kAdmitted)) return;
  for (const auto& counts : counts_) {
    ++counts->admitted;
    --counts->waiting;
  }
}

void IncomingCall::Close() {
  const Stage former = stage_.exchange(Stage::kClosed);
  if (former == Stage::kClosed) return;
  for (const auto& counts : counts_) --(former == Stage::kWaiting ? counts->waiting : counts->admitted);
}

void IncomingCall::Announce(AnnouncedMessage message) {
  OnAnnounced then;
  {
    const std::lock_guard lock(mutex_);
    message_ = message;
    then = std::exchange(then_, nullptr);
  }
  if (then) then(message);
}

void IncomingCall::WhenAnnounced(OnAnnounced then) {
  AnnouncedMessage message;
  {
    const std::lock_guard lock(mutex_);
    if (!message_) {
      then_ = std::move(then);
      return;
    }
    message = *message_;
  }
  then(message);
}

void IncomingCall::Forget() {
  OnAnnounced dropped;  // destroyed outside of the lock: it may hold the last reference to somebody
  const std::lock_guard lock(mutex_);
  dropped = std::exchange(then_, nullptr);
}

IncomingCalls::IncomingCalls() : next_(Random()), secret_(Random()) {}

IncomingCalls::Opened IncomingCalls::Open(std::shared_ptr<CallCounts> of_connection) {
  const std::lock_guard lock(mutex_);
  // The first half tells calls apart, the second keeps others from guessing.
  Opened opened{absl::StrCat(absl::Hex(next_++, absl::kZeroPad16), absl::Hex(secret_, absl::kZeroPad16)),
                std::make_shared<IncomingCall>(std::move(of_connection), counts_)};
  calls_[opened.token] = opened.call;
  return opened;
}

void IncomingCalls::Close(const std::string& token) {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(token);
  if (found == calls_.end()) return;
  found->second->Close();
  calls_.erase(found);
}

std::shared_ptr<IncomingCall> IncomingCalls::Find(std::string_view token) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(ToAbsl(token));
  return found == calls_.end() ? nullptr : found->second;
}

std::size_t IncomingCalls::size() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

}  // namespace goniec::outbound
