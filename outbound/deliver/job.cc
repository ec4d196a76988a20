#include "outbound/deliver/job.h"

#include <algorithm>

namespace goniec::outbound {

void Job::TakeOver(BootTime now) {
  open_ = recipients;
  waiting_since_ = now;
}

void Job::SetBegun(bool now_begun) {
  if (begun_ == now_begun) return;
  begun_ = now_begun;
  if (on_begin) on_begin(begun_);
}

std::unique_ptr<Transaction> Job::Begin(std::size_t limit) {
  const auto count = static_cast<std::ptrdiff_t>(std::min(limit, open_.size()));
  std::vector<std::uint32_t> served(open_.begin(), open_.begin() + count);
  may_have_ended_ = false;
  return std::make_unique<Transaction>(mail, std::move(served),
                                       [this] { return may_have_ended_ = may_finish(); });
}

void Job::End(Transaction& transaction) {
  if (transaction.untouched() || transaction.extension_failed()) ++reruns_;
  if (transaction.untouched()) return;
  // What was served stands in front of `open_`; what is left over of it is asked for again first.
  std::vector<std::uint32_t> open = transaction.leftover();
  open.insert(open.end(), open_.begin() + static_cast<std::ptrdiff_t>(transaction.recipients().size()),
              open_.end());
  open_ = std::move(open);
  for (Result& result : transaction.results()) results_.push_back(std::move(result));
}

void Job::GiveUp() {
  const OutcomeRow& row = outcomes::kConnectionGivenUp;
  queue::v1::Outcome outcome =
      MakeOutcome(row, may_have_ended_ ? queue::v1::PHASE_DOT : queue::v1::PHASE_UNSPECIFIED);
  outcome.set_ambiguous(may_have_ended_);
  DecideRest(row.verdict, outcome);
}

void Job::Decide(Verdict verdict, const queue::v1::Outcome& outcome) {
  if (open_.empty()) return;
  results_.push_back({verdict, outcome, std::move(open_)});
  open_.clear();
}

}  // namespace goniec::outbound
