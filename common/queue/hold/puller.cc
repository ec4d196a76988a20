#include "common/queue/hold/puller.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/observe/log.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::milliseconds kExpires{30'000};
constexpr std::chrono::milliseconds kHeartbeat{2'000};
constexpr std::chrono::milliseconds kSilence{5'000};  // two heartbeats and a half
constexpr std::chrono::milliseconds kRetry{250};
constexpr int kMostAtOnce = 256;

constexpr int kStatusHeartbeat = 100;
constexpr int kStatusNoResponders = 503;

std::int64_t Nanoseconds(std::chrono::milliseconds span) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(span).count();
}

}  // namespace

struct Puller::State : std::enable_shared_from_this<State> {
  State(Broker& the_broker, asio::any_io_executor the_executor, TaskGroup& the_tasks)
      : broker(the_broker),
        executor(std::move(the_executor)),
        tasks(the_tasks),
        watch(executor),
        retry(executor) {}

  Broker& broker;
  asio::any_io_executor executor;
  TaskGroup& tasks;
  std::string stream;
  std::string consumer;
  std::chrono::milliseconds ack_wait{0};
  Handler handler;
  std::string inbox;
  std::unique_ptr<Subscription> subscription;
  int state_token = -1;
  asio::steady_timer watch;
  asio::steady_timer retry;
  bool retry_armed = false;
  Wanted wanted;
  int outstanding = 0;  // asked for and not come
  BootTime last_sign = BootClock::now();
  bool stopped = false;
  bool paused = true;
  bool distrusted = false;

  void Start();
  void OnMessage(IncomingMessage message);
  void OnStatus(const IncomingMessage& message);
  void OnDisconnected();
  void Ask();
  void AskLater();
  void Watch();
  void Distrust();
  void AwaitBarrier();
  void AwaitBarrierLater();
};

void Puller::State::Start() {
  inbox = broker.NewInbox();
  const std::weak_ptr<State> weak = weak_from_this();
  auto subscribed = broker.Subscribe(inbox, [weak, executor = executor](IncomingMessage message) {
    asio::post(executor, [weak, message = std::move(message)]() mutable {
      if (const auto self = weak.lock()) self->OnMessage(std::move(message));
    });
  });
  if (subscribed.ok()) subscription = *std::move(subscribed);
  state_token = broker.OnStateChange([weak, executor = executor](bool connected) {
    if (connected) return;
    asio::post(executor, [weak] {
      if (const auto self = weak.lock()) self->OnDisconnected();
    });
  });
  Watch();
}

// What was asked for on the connection before is lost with it.
void Puller::State::OnDisconnected() {
  outstanding = 0;
  paused = true;
}

void Puller::State::OnMessage(IncomingMessage message) {
  last_sign = BootClock::now();
  if (message.status != 0) return OnStatus(message);
  outstanding = std::max(0, outstanding - 1);
  std::optional<DeliveryInfo> info = ParseAckSubject(message.reply);
  if (!info) {
    observe::Error("delivery without an acknowledgement subject",
                   {{"subject", message.subject}, {"reply", message.reply}});
    return;
  }
  auto delivery =
      std::make_shared<Delivery>(broker, executor, std::move(message), *std::move(info), ack_wait);
  if (distrusted) return;  // it returns by itself, to be looked at
  if (stopped) return delivery->GiveBack(tasks);
  handler(std::move(delivery));
  Ask();
}

void Puller::State::OnStatus(const IncomingMessage& message) {
  if (message.status == kStatusHeartbeat) return;
  // The request has ended; the header says how many of it will not come.
  int left = outstanding;
  if (int pending = 0; absl::SimpleAtoi(message.Header("Nats-Pending-Messages"), &pending)) left = pending;
  outstanding = std::max(0, outstanding - left);
  if (message.status == kStatusNoResponders || (message.status >= 409 && message.status < 500)) {
    // No such consumer now, too many requests, leader change, shutting down: not at once again.
    observe::Debug("pull ended", {{"stream", stream},
                                  {"consumer", consumer},
                                  {"status", message.status},
                                  {"reason", message.description}});
    return AskLater();
  }
  Ask();
}

void Puller::State::AskLater() {
  if (retry_armed || stopped) return;
  retry_armed = true;
  retry.expires_after(kRetry);
  retry.async_wait([self = shared_from_this()](std::error_code error) {
    self->retry_armed = false;
    if (!error) self->Ask();
  });
}

void Puller::State::Ask() {
  if (stopped || paused || distrusted || retry_armed || subscription == nullptr || !broker.connected())
    return;
  // Not for each single record that was finished: when half of what may come has come.
  const int room = wanted();
  const int missing = std::min(room - outstanding, kMostAtOnce);
  if (missing <= 0 || (outstanding > 0 && missing < (room + 1) / 2)) return;
  outstanding += missing;
  OutgoingMessage request;
  request.subject = absl::StrCat("$JS.API.CONSUMER.MSG.NEXT.", stream, ".", consumer);
  request.payload = std::make_shared<const std::string>(
      absl::StrCat("{\"batch\":", missing, ",\"expires\":", Nanoseconds(kExpires),
                   ",\"idle_heartbeat\":", Nanoseconds(kHeartbeat), "}"));
  request.reply = inbox;
  if (last_sign + kSilence < BootClock::now()) last_sign = BootClock::now();
  broker.Publish(std::move(request));
}

void Puller::State::Watch() {
  if (stopped) return;
  watch.expires_after(kHeartbeat);
  watch.async_wait([weak = weak_from_this()](std::error_code error) {
    const auto self = weak.lock();
    if (error || self == nullptr) return;
    if (self->outstanding > 0 && BootClock::now() - self->last_sign > kSilence) {
      self->outstanding = 0;  // no heartbeat: the request is gone
      self->last_sign = BootClock::now();
    }
    self->Ask();
    self->Watch();
  });
}

void Puller::State::Distrust() {
  if (distrusted) return;
  distrusted = true;
  outstanding = 0;
  AwaitBarrier();
}

// All that the server sent before it answers this has arrived before the answer.
void Puller::State::AwaitBarrier() {
  const auto answered = [weak = weak_from_this(), executor = executor](const Reply& reply) {
    asio::post(executor, [weak, good = reply.message.ok()] {
      const auto self = weak.lock();
      if (self == nullptr || self->stopped) return;
      if (!good) return self->AwaitBarrierLater();
      self->distrusted = false;
      self->Ask();
    });
  };
  broker.Request({"$JS.API.INFO", nullptr, {}}, std::chrono::seconds(5), answered, nullptr);
}

void Puller::State::AwaitBarrierLater() {
  auto timer = std::make_shared<asio::steady_timer>(executor, kRetry);
  timer->async_wait([weak = weak_from_this(), timer](std::error_code) {
    const auto self = weak.lock();
    if (self != nullptr && !self->stopped) self->AwaitBarrier();
  });
}

Puller::Puller(Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, std::string stream,
               std::string consumer, std::chrono::milliseconds ack_wait, Wanted wanted, Handler handler)
    : state_(std::make_shared<State>(broker, std::move(executor), tasks)) {
  state_->stream = std::move(stream);
  state_->consumer = std::move(consumer);
  state_->ack_wait = ack_wait;
  state_->wanted = std::move(wanted);
  state_->handler = std::move(handler);
  state_->Start();
}

Puller::~Puller() {
  Stop();
  state_->broker.RemoveStateCallback(state_->state_token);
  state_->subscription.reset();
}

void Puller::Resume() {
  state_->paused = false;
  state_->Ask();
}

void Puller::Pause() {
  state_->paused = true;
}

void Puller::WantedChanged() {
  state_->Ask();
}

void Puller::Stop() {
  state_->stopped = true;
  state_->watch.cancel();
  state_->retry.cancel();
}

void Puller::Distrust() {
  state_->Distrust();
}

const std::string& Puller::stream() const {
  return state_->stream;
}
const std::string& Puller::consumer() const {
  return state_->consumer;
}

}  // namespace goniec::queue
