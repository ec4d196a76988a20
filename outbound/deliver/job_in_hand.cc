#include "outbound/deliver/job_in_hand.h"

#include <algorithm>

namespace goniec::outbound {

std::unique_ptr<JobTransaction> JobTransaction::For(std::unique_ptr<JobInHand> job, std::size_t limit) {
  const auto count = static_cast<std::ptrdiff_t>(std::min(limit, job->open.size()));
  std::vector<std::uint32_t> recipients(job->open.begin(), job->open.begin() + count);
  return std::unique_ptr<JobTransaction>(new JobTransaction(std::move(job), std::move(recipients)));
}

JobTransaction::JobTransaction(std::unique_ptr<JobInHand> job, std::vector<std::uint32_t> recipients)
    : Transaction(job->job.mail, std::move(recipients)), job_(std::move(job)) {}

std::unique_ptr<JobInHand> JobTransaction::TakeJob() {
  if (untouched()) {
    ++job_->reruns;
    return std::move(job_);
  }
  if (extension_failed()) ++job_->reruns;
  // What was served stands in front of `open`; what is left over of it is asked for again first.
  std::vector<std::uint32_t> open = leftover();
  open.insert(open.end(), job_->open.begin() + static_cast<std::ptrdiff_t>(recipients().size()),
              job_->open.end());
  job_->open = std::move(open);
  for (Result& result : results()) job_->results.push_back(std::move(result));
  return std::move(job_);
}

}  // namespace goniec::outbound
