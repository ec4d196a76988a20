#include "common/queue/hold/delivery.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/task_group.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

OutgoingMessage Sign(const std::string& to, std::string word) {
  return {to, std::make_shared<const std::string>(std::move(word)), {}};
}

}  // namespace

// $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time, ns>.<pending>, or the same with
// domain and account hash behind "ACK" and a token at the end.
std::optional<DeliveryInfo> ParseAckSubject(const std::string& subject) {
  const std::vector<std::string> tokens = absl::StrSplit(subject, '.');
  if (tokens.size() < 9 || tokens[0] != "$JS" || tokens[1] != "ACK") return std::nullopt;
  const std::size_t at = tokens.size() == 9 ? 2 : 4;
  if (tokens.size() < at + 7) return std::nullopt;
  DeliveryInfo info;
  info.stream = tokens[at];
  info.consumer = tokens[at + 1];
  std::int64_t nanoseconds = 0;
  if (!absl::SimpleAtoi(tokens[at + 2], &info.delivery_count) ||
      !absl::SimpleAtoi(tokens[at + 3], &info.stream_sequence) ||
      !absl::SimpleAtoi(tokens[at + 5], &nanoseconds)) {
    return std::nullopt;
  }
  info.stored_at =
      WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(nanoseconds)));
  return info;
}

Delivery::Delivery(Broker& broker, asio::any_io_executor executor, IncomingMessage message, DeliveryInfo info,
                   std::chrono::milliseconds ack_wait)
    : broker_(broker),
      executor_(std::move(executor)),
      message_(std::move(message)),
      info_(std::move(info)),
      ack_wait_(ack_wait),
      resend_(!message_.Header(kHeaderResend).empty()),
      received_(BootClock::now()),
      confirmed_(received_),
      last_sign_(received_) {
  std::uint64_t epoch = 0;
  if (absl::SimpleAtoi(message_.Header(kHeaderProbe), &epoch)) probe_epoch_ = epoch;
}

void Delivery::ReleasePayload() {
  message_.data = {};
  message_.owner.reset();
}

void Delivery::Acknowledge() {
  broker_.Publish(Sign(message_.reply, "+ACK"));
}

void Delivery::GiveBack(TaskGroup& tasks, std::chrono::milliseconds delay) {
  const bool ours = renewing_ && Leased();
  Forfeit();
  if (!ours || !tasks.Enter()) return;
  const BootTime asked = BootClock::now();
  broker_.Request(
      Sign(message_.reply, "+WPI"), ack_wait_ / 3,
      [self = shared_from_this(), &tasks, delay, asked](Reply reply) {
        const bool answered = reply.message.ok() && reply.message->status == 0;
        asio::post(self->executor_, [self, &tasks, delay, asked, answered] {
          const bool in_time = BootClock::now() - asked < self->ack_wait_ / 3;
          if (answered && in_time && self->renewing_) self->SendBack(delay);
          tasks.Leave();
        });
      },
      nullptr);
}

void Delivery::SendBack(std::chrono::milliseconds delay) {
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(delay).count();
  broker_.Publish(Sign(message_.reply, delay.count() == 0
                                           ? std::string("-NAK")
                                           : absl::StrCat("-NAK {\"delay\": ", nanoseconds, "}")));
}

void Delivery::KeepIfDue() {
  const BootTime now = BootClock::now();
  // An expired lease is never renewed: somebody else may have the record by now.
  if (!renewing_ || !Leased() || now - last_sign_ < ack_wait_ / 3) return;
  last_sign_ = now;
  broker_.Request(
      Sign(message_.reply, "+WPI"), ack_wait_ / 3,
      [weak = weak_from_this(), executor = executor_, now](Reply reply) {
        if (!reply.message.ok() || reply.message->status != 0) return;
        asio::post(executor, [weak, now] {
          const auto self = weak.lock();
          if (self != nullptr && self->renewing_ && self->Leased()) self->confirmed_ = now;
        });
      },
      nullptr);
}

bool Delivery::Leased() const {
  const BootTime now = BootClock::now();
  if (forfeited_ || now - confirmed_ >= ack_wait_ * 2 / 3) return false;
  // A consumer's leader that is cut off from the others answers signs of work until it knows: it takes a
  // confirmed write to say that it is not. The record itself came only after a majority had agreed to its
  // delivery.
  return !broker_.clustered() || now - std::max(broker_.last_confirmed(), received_) < ack_wait_ / 2;
}

void LeaseProof::KeepIfDue() {
  const BootTime now = BootClock::now();
  if (!broker_.clustered() || now - std::max(asked_, broker_.last_confirmed()) < ack_wait_ / 10) return;
  asked_ = now;
  // All workers write the same key; what it says is of no use to anybody.
  broker_.Request(
      {absl::StrCat("$KV.", kPresenceBucket, ".reach"), nullptr, {}}, ack_wait_ / 4, [](const Reply&) {},
      nullptr);
}

}  // namespace goniec::queue
