// One unary call between its start and its one end. gRPC's callback API wants exactly one Finish for every
// call, cancelled or not, or the server never shuts down; Completion is what makes sure: whoever holds it may
// finish once, and if it is destroyed unfinished (an exception, a task that was never started) the call ends
// as INTERNAL.
//
// Also here: how many bytes of requests are in hand (InFlight).
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "common/observe/metrics.h"
#include "outbound/api/status_mapping.h"

namespace goniec::outbound {

// Bytes of requests in hand against a limit. Thread-safe; outlives its reservations.
class InFlight {
 public:
  InFlight(std::uint64_t limit, observe::Gauge gauge) : limit_(limit), gauge_(gauge) {}

  class Reservation {
   public:
    Reservation() = default;
    Reservation(InFlight* owner, std::uint64_t bytes) : owner_(owner), bytes_(bytes) {}
    Reservation(Reservation&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), bytes_(other.bytes_) {}
    Reservation& operator=(Reservation&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Reservation() {
      if (owner_ != nullptr) owner_->Release(bytes_);
    }
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    InFlight* owner_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  // Empty if it would pass the limit.
  [[nodiscard]] Reservation Reserve(std::uint64_t bytes) {
    if (used_.fetch_add(bytes) + bytes > limit_) {
      used_ -= bytes;
      return {};
    }
    gauge_.Add(static_cast<double>(bytes));
    return {this, bytes};
  }
  [[nodiscard]] std::uint64_t used() const { return used_; }

 private:
  void Release(std::uint64_t bytes) {
    used_ -= bytes;
    gauge_.Subtract(static_cast<double>(bytes));
  }

  const std::uint64_t limit_;
  const observe::Gauge gauge_;
  std::atomic<std::uint64_t> used_{0};
};

// Called once with the code that a call ended with.
using OnFinished = std::function<void(grpc::StatusCode)>;

template <typename Response>
class Reactor;

// The right to finish a call. Movable; one holder. All of it is thread-safe against the call's cancellation.
template <typename Response>
class Completion {
 public:
  Completion(Completion&& other) noexcept = default;
  Completion& operator=(Completion&&) = delete;
  ~Completion() {
    if (state_ != nullptr) state_->Finish(Dropped(), nullptr);
  }

  void Finish(grpc::Status status) { state_->Finish(std::move(status), nullptr); }
  void Finish(Response response) { state_->Finish(grpc::Status::OK, &response); }
  // True once the caller has gone or its deadline has passed.
  [[nodiscard]] bool cancelled() const { return state_->cancelled; }
  // From now on the request is not touched any more, so that a cancelled call can end before what it waits
  // for.
  void ReleaseRequest() { state_->Release(); }

 private:
  friend class Reactor<Response>;
  struct State {
    void Finish(grpc::Status status, Response* filled) {
      const std::lock_guard lock(mutex);
      if (reactor == nullptr) return;
      if (filled != nullptr) response->Swap(filled);
      if (on_finished) on_finished(status.error_code());
      // The reactor and the response may be gone once this returns.
      std::exchange(reactor, nullptr)->Finish(std::move(status));
    }
    void Cancel() {
      cancelled = true;
      if (released) Finish(CallerGone(true), nullptr);
    }
    void Release() {
      released = true;
      if (cancelled) Finish(CallerGone(true), nullptr);
    }

    std::mutex mutex;
    grpc::ServerUnaryReactor* reactor = nullptr;  // null once finished
    Response* response = nullptr;
    OnFinished on_finished;
    std::atomic<bool> cancelled{false};
    std::atomic<bool> released{false};
  };
  explicit Completion(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// What gRPC holds of a call. Deletes itself when gRPC is done with it; the request, the response and the
// context live as long.
template <typename Response>
class Reactor final : public grpc::ServerUnaryReactor {
 public:
  using State = typename Completion<Response>::State;

  // Makes the reactor and the one right to finish it.
  static std::pair<Reactor*, Completion<Response>> Start(Response* response, OnFinished on_finished) {
    auto state = std::make_shared<State>();
    auto* reactor = new Reactor(state);
    state->reactor = reactor;
    state->response = response;
    state->on_finished = std::move(on_finished);
    return {reactor, Completion<Response>(std::move(state))};
  }

  void OnCancel() override {
    const std::shared_ptr<State> state = state_;  // what ends the call may end this reactor
    state->Cancel();
  }
  void OnDone() override { delete this; }

 private:
  explicit Reactor(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace goniec::outbound
