// A mail in the worker's hands and its legs, as far as slots go: it counts as waiting for as long as one of
// its legs has not been taken by a connection, and as in hand until the last of them lets go of it. Confined
// to the worker's executor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "goniec/queue/v1/queue.pb.h"
#include "outbound/consume/slots.h"

namespace goniec::outbound {

class HeldMail {
 public:
  using Report = std::function<void(const InHand& change)>;

  // What a mail of that many octets counts until it begins.
  static InHand CostOf(std::int64_t bytes) { return {0, 1, bytes + kBytesAMail, 1, bytes + kBytesAMail}; }

  // It counts already, with `cost`; what changes of that is reported.
  HeldMail(queue::v1::Mail mail, const InHand& cost, Report report)
      : mail_(std::move(mail)), counted_(cost), report_(std::move(report)) {}
  ~HeldMail() { report_(-counted_); }
  HeldMail(const HeldMail&) = delete;
  HeldMail& operator=(const HeldMail&) = delete;

  [[nodiscard]] const queue::v1::Mail& mail() const { return mail_; }

  // One of its legs: it waits until a connection has it, and again should the connection give it back.
  class Leg {
   public:
    explicit Leg(std::shared_ptr<HeldMail> mail) : mail_(std::move(mail)) { ++mail_->waiting_legs_; }
    ~Leg() { Begin(true); }
    Leg(const Leg&) = delete;
    Leg& operator=(const Leg&) = delete;
    void Begin(bool begun) {
      if (waiting_ == !begun) return;
      waiting_ = !begun;
      mail_->waiting_legs_ += begun ? -1 : 1;
      mail_->Recount();
    }

   private:
    std::shared_ptr<HeldMail> mail_;
    bool waiting_ = true;
  };

 private:
  void Recount() {
    const bool waits = waiting_legs_ > 0;
    const InHand change{0, 0, 0, (waits ? 1 : 0) - counted_.waiting_mails,
                        (waits ? counted_.bytes : 0) - counted_.waiting_bytes};
    if (change.waiting_mails == 0) return;
    counted_ += change;
    report_(change);
  }

  queue::v1::Mail mail_;
  InHand counted_;
  int waiting_legs_ = 0;
  Report report_;
};

}  // namespace goniec::outbound
