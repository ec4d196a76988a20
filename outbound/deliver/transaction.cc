#include "outbound/deliver/transaction.h"

#include <utility>

namespace goniec::outbound {

Transaction::Transaction(std::shared_ptr<const queue::v1::Mail> mail, std::vector<std::uint32_t> recipients,
                         std::function<bool()> may_finish)
    : mail_(std::move(mail)), recipients_(std::move(recipients)), may_finish_(std::move(may_finish)) {}

void Transaction::Exclude(std::vector<Result> unfit, const std::vector<std::uint32_t>& fit) {
  recipients_.resize(excluded_);
  for (Result& result : unfit) {
    recipients_.insert(recipients_.end(), result.recipients.begin(), result.recipients.end());
    results_.push_back(std::move(result));
  }
  excluded_ = answered_ = recipients_.size();
  recipients_.insert(recipients_.end(), fit.begin(), fit.end());
}

void Transaction::LeaveUntouched() {
  untouched_ = true;
  results_.clear();  // of those that were excluded
}

void Transaction::AskAgain(std::size_t i) {
  leftover_.push_back(recipients_[i]);
  extension_failed_ = true;
}

void Transaction::AskAllAgain() {
  leftover_.insert(leftover_.end(), accepted_.begin(), accepted_.end());
  accepted_.clear();
  for (const Result& result : put_off_) leftover_.push_back(result.recipients.front());
  put_off_.clear();
  while (answered_ < recipients_.size()) leftover_.push_back(recipients_[answered_++]);
  extension_failed_ = true;
}

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
