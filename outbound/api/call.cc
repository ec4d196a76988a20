#include "outbound/api/call.h"

#include "common/base/clock.h"

namespace goniec::outbound {

void CallState::Finish(const grpc::Status& status) {
  std::shared_ptr<IncomingCall> incoming;
  {
    const std::lock_guard lock(mutex_);
    if (reactor_ == nullptr) return;
    if (on_finished_) on_finished_(status.error_code());
    incoming = std::move(incoming_);
    if (alarm_set_) alarm_.Cancel();
    // The reactor may be gone once this returns.
    std::exchange(reactor_, nullptr)->Finish(status);
  }
  if (incoming == nullptr) return;
  incoming->Finish(BootClock::now());
  incoming->Forget();
}

void CallState::Finish(grpc::ByteBuffer response) {
  const std::lock_guard lock(mutex_);
  if (reactor_ == nullptr) return;
  response_.Swap(&response);
  if (on_finished_) on_finished_(grpc::StatusCode::OK);
  if (incoming_ != nullptr) incoming_->Finish(BootClock::now());
  std::exchange(reactor_, nullptr)->StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
}

void CallState::Receive(std::shared_ptr<IncomingCall> incoming, std::chrono::milliseconds limit,
                        std::function<grpc::Status(AnnouncedMessage, RequestMemory::Reservation&)> admit,
                        OnRequest on_request) {
  const std::shared_ptr<CallState> self = shared_from_this();
  {
    const std::lock_guard lock(mutex_);
    if (reactor_ == nullptr) return;
    incoming_ = incoming;
    admit_ = std::move(admit);
    on_request_ = std::move(on_request);
    alarm_set_ = true;
    // gRPC keeps the function for as long as the alarm lives, which is as long as this.
    alarm_.Set(std::chrono::system_clock::now() + limit, [weak = weak_from_this()](bool due) {
      if (!due) return;
      if (const std::shared_ptr<CallState> late = weak.lock()) late->Finish(RequestTooSlow());
    });
  }
  incoming->WhenAnnounced([self](AnnouncedMessage message) { self->OnAnnounced(message); });
}

void CallState::OnAnnounced(AnnouncedMessage message) {
  RequestMemory::Reservation memory;
  if (const grpc::Status status = admit_(message, memory); !status.ok()) return Finish(status);
  const std::lock_guard lock(mutex_);
  if (reactor_ == nullptr) return;
  memory_ = std::move(memory);
  if (incoming_ != nullptr) incoming_->Admit();
  reactor_->StartRead(&request_);
}

void CallState::OnRead(bool ok) {
  grpc::ByteBuffer request;
  OnRequest on_request;
  {
    const std::lock_guard lock(mutex_);
    if (reactor_ == nullptr) return;
    if (std::exchange(alarm_set_, false)) alarm_.Cancel();
    request.Swap(&request_);
    on_request = std::exchange(on_request_, nullptr);
  }
  if (!ok) return Finish(CallerGone(false));
  on_request(shared_from_this(), request);
}

bool CallState::Grow(std::uint64_t octets, std::uint64_t share) {
  const std::lock_guard lock(mutex_);
  return memory_.Grow(octets, share);
}

void CallState::OnCancel() {
  cancelled_ = true;
  Finish(CallerGone(may_be_stored_));
}

}  // namespace goniec::outbound
