#include "outbound/deliver/transaction.h"

#include <utility>

namespace goniec::outbound {

Transaction::Transaction(std::shared_ptr<const queue::v1::Mail> mail, std::vector<std::uint32_t> recipients)
    : mail_(std::move(mail)), recipients_(std::move(recipients)) {}

void Transaction::Refuse(std::size_t i, Verdict verdict, queue::v1::Outcome outcome) {
  results_.push_back({verdict, std::move(outcome), {recipients_[i]}});
}

void Transaction::PutOff(std::size_t i, queue::v1::Outcome outcome) {
  put_off_.push_back({Verdict::kTemporary, std::move(outcome), {recipients_[i]}});
}

void Transaction::DecideRest(Verdict verdict, const queue::v1::Outcome& outcome) {
  std::vector<std::uint32_t> rest = std::move(accepted_);
  accepted_.clear();
  while (answered_ < recipients_.size()) rest.push_back(recipients_[answered_++]);
  if (!rest.empty()) results_.push_back({verdict, outcome, std::move(rest)});
  for (Result& result : put_off_) {
    if (verdict == Verdict::kDelivered) {
      leftover_.push_back(result.recipients.front());
    } else {
      results_.push_back(std::move(result));
    }
  }
  put_off_.clear();
}

}  // namespace goniec::outbound
