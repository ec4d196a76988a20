// A job between Deliver() and its `done`. It is always in one place: a site's queue, a connection that is
// being opened for it, or a transaction. Values; confined to the dispatcher's executor.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "outbound/deliver/dispatcher.h"
#include "outbound/deliver/transaction.h"
#include "outbound/outcome/outcomes.h"

namespace goniec::outbound {

struct JobInHand {
  Job job;
  // Positions that are not decided yet.
  std::vector<std::uint32_t> open;
  std::vector<Result> results;
  BootTime waiting_since;
  // How often its connection ended before its turn, or an extension of the server's failed it.
  int reruns = 0;
  bool begun = false;

  // A connection has it now, or it waits for one.
  void SetBegun(bool now_begun) {
    if (begun == now_begun) return;
    begun = now_begun;
    if (job.on_begin) job.on_begin(begun);
  }
  void DecideRest(Verdict verdict, const queue::v1::Outcome& outcome) {
    if (!open.empty()) results.push_back({verdict, outcome, std::move(open)});
    open.clear();
  }
  // For what has nothing to do with a peer.
  void DecideRest(const OutcomeRow& row) {
    DecideRest(row.verdict, MakeOutcome(row, queue::v1::PHASE_CONNECT));
  }
};

class JobTransaction : public Transaction {
 public:
  // Serves the first `limit` open recipients of `job`.
  static std::unique_ptr<JobTransaction> For(std::unique_ptr<JobInHand> job, std::size_t limit);

  bool MayFinish() override { return job_->job.may_finish(); }
  const JobInHand& job() const { return *job_; }
  // Once the session has given it back: the job with what was decided; `open` holds those that were not.
  // Counts a rerun if it is untouched or an extension failed.
  std::unique_ptr<JobInHand> TakeJob();

 private:
  JobTransaction(std::unique_ptr<JobInHand> job, std::vector<std::uint32_t> recipients);
  std::unique_ptr<JobInHand> job_;
};

}  // namespace goniec::outbound
