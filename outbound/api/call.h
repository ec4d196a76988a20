// One unary call between its start and its one end. For gRPC it is a stream of bytes of a generic service, so
// that nothing of the request is read before the caller is known and there is memory for it; for clients it
// is the unary call of the contract: one message in, one message or a status out.
//
// gRPC's callback API wants exactly one Finish for every call, cancelled or not, or the server never shuts
// down; Completion is what makes sure: whoever holds it may finish once, and if it is destroyed unfinished
// (an exception, a task that was never started) the call ends as INTERNAL.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "outbound/api/incoming_calls.h"
#include "outbound/api/request_memory.h"
#include "outbound/api/status_mapping.h"

namespace goniec::outbound {

// What a call is until its end. Shared by gRPC's reactor and by whoever works on it; thread-safe.
class CallState : public std::enable_shared_from_this<CallState> {
 public:
  // Called once with the code that the call ended with.
  using OnFinished = std::function<void(grpc::StatusCode)>;
  // Called with the whole request, on a thread of gRPC's.
  using OnRequest = std::function<void(std::shared_ptr<CallState>, grpc::ByteBuffer)>;

  // `held` is let go when gRPC, and whoever works on the call, are done with it: as long as the client has
  // not taken the answer, the call is there.
  CallState(OnFinished on_finished, std::shared_ptr<void> held)
      : held_(std::move(held)), on_finished_(std::move(on_finished)) {}

  // Only the first of these counts.
  void Finish(const grpc::Status& status);
  void Finish(grpc::ByteBuffer response);

  // Waits until the length of the request is known, has `admit` reserve memory for it (or say why not), and
  // reads. After `limit` the call ends as DEADLINE_EXCEEDED.
  void Receive(std::shared_ptr<IncomingCall> incoming, std::chrono::milliseconds limit,
               std::function<grpc::Status(AnnouncedMessage, RequestMemory::Reservation&)> admit,
               OnRequest on_request);

  // Reserves more for the request than its octets asked for; false if there is no room (see RequestMemory).
  [[nodiscard]] bool Grow(std::uint64_t octets, std::uint64_t share);

  // True once the caller has gone or its deadline has passed.
  [[nodiscard]] bool cancelled() const { return cancelled_; }
  void SetMayBeStored() { may_be_stored_ = true; }

 private:
  friend class CallReactor;
  void OnAnnounced(AnnouncedMessage message);
  void OnRead(bool ok);
  void OnCancel();

  const std::shared_ptr<void> held_;
  std::mutex mutex_;
  grpc::ServerGenericBidiReactor* reactor_ = nullptr;  // null once finished
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  OnFinished on_finished_;
  std::shared_ptr<IncomingCall> incoming_;
  std::function<grpc::Status(AnnouncedMessage, RequestMemory::Reservation&)> admit_;
  OnRequest on_request_;
  // Until the reactor and whoever works on the call are done with it.
  RequestMemory::Reservation memory_;
  grpc::Alarm alarm_;
  bool alarm_set_ = false;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> may_be_stored_{false};
};

// What gRPC holds of a call. Deletes itself when gRPC is done with it.
class CallReactor final : public grpc::ServerGenericBidiReactor {
 public:
  explicit CallReactor(std::shared_ptr<CallState> state) : state_(std::move(state)) {
    state_->reactor_ = this;
  }

  void OnReadDone(bool ok) override { state_->OnRead(ok); }
  void OnCancel() override {
    const std::shared_ptr<CallState> state = state_;  // what ends the call may end this reactor
    state->OnCancel();
  }
  void OnDone() override { delete this; }

 private:
  std::shared_ptr<CallState> state_;
};

// The right to finish a call with a response of one type. Movable; one holder.
template <typename Response>
class Completion {
 public:
  explicit Completion(std::shared_ptr<CallState> state) : state_(std::move(state)) {}
  Completion(Completion&& other) noexcept = default;
  Completion& operator=(Completion&&) = delete;
  ~Completion() {
    if (state_ != nullptr) state_->Finish(Dropped());
  }

  void Finish(const grpc::Status& status) { state_->Finish(status); }
  void Finish(const Response& response) {
    grpc::ByteBuffer buffer;
    bool own_buffer = false;
    const grpc::Status status =
        grpc::SerializationTraits<Response>::Serialize(response, &buffer, &own_buffer);
    if (!status.ok()) return state_->Finish(status);
    state_->Finish(buffer);
  }
  // True once the caller has gone or its deadline has passed; then the call has ended.
  [[nodiscard]] bool cancelled() const { return state_->cancelled(); }
  // From now on a caller who goes is told that its message may be stored all the same.
  void SetMayBeStored() { state_->SetMayBeStored(); }

 private:
  std::shared_ptr<CallState> state_;
};

}  // namespace goniec::outbound
