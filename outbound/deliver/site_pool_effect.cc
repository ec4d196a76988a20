// What openings and transactions say of a site, and what follows for its jobs and for all workers.
#include <optional>
#include <utility>
#include <vector>

#include "common/observe/log.h"
#include "outbound/deliver/site_pool.h"
#include "outbound/outcome/outcomes.h"
#include "outbound/site/site_effect.h"

namespace goniec::outbound {
namespace {

// The server has answered that it takes no connection now.
bool IsRefusal(const Result& failure) {
  return failure.outcome.reason() == queue::v1::REASON_REPLY && failure.outcome.reply_code() / 100 == 4 &&
         (failure.outcome.phase() == queue::v1::PHASE_GREETING ||
          failure.outcome.phase() == queue::v1::PHASE_EHLO);
}

}  // namespace

void SitePool::Opened(Site& site) {
  site.Opened(BootClock::now());
  metrics_.opened.Add();
  Pump(site);
}

void SitePool::OpeningFailed(Site& site, std::unique_ptr<Job> job, Result failure) {
  site.OpeningEnded();
  if (IsOwnLimit(failure)) {
    // It comes back later, and nothing is held against the site.
    observe::Warn("connection not opened", {{"site", site.key()}, {"reason", failure.outcome.text()}});
    site.NoteOwnLimit(BootClock::now());
    job->DecideRest(Verdict::kNotTried, failure.outcome);
    return GiveBack(site, std::move(job));
  }
  if (failure.verdict == Verdict::kNotTried) {
    if (draining_) return HandBack(site, std::move(job));
    return MoveOn(site, std::move(job), outcomes::kNoConnection);
  }
  metrics_.open_failures.Add();
  if (site.ready() > 0) {
    // The site works, but wants no more connections of us: those that it took go on.
    site.NoteEnough(config_, BootClock::now());
    return PutBack(site, std::move(job));
  }
  if (IsRefusal(failure) && site.word() == SiteWord{SiteState::kOpen, job->epoch()} && site.opening() == 0 &&
      !site.NoteRefused()) {
    return Refused(site, std::move(job));
  }
  const std::uint64_t epoch = job->epoch();
  job->DecideRest(failure.verdict, failure.outcome);
  if (site.opening() == 0) TellFailed(site, epoch, failure.outcome);
  if (site.word().state == SiteState::kClosed) job->NoteSiteClosed();
  GiveBack(site, std::move(job));
}

// It is there, but lets no more in for now, and others may have connections: that closes it for nobody. What
// came for it is served by them, or later.
void SitePool::Refused(Site& site, std::unique_ptr<Job> job) {
  site.NoteEnough(config_, BootClock::now());
  site.NoteSlower(BootClock::now());
  MoveOn(site, std::move(job), outcomes::kNoConnection);
  MoveAllOn(site, site.TakeAll(BootClock::now()), outcomes::kNoConnection);
}

void SitePool::TellFailed(Site& site, std::uint64_t epoch, const queue::v1::Outcome& outcome) {
  if (epoch != site.word().epoch) return;  // the answer to an attempt from before
  const bool probing = site.word().state == SiteState::kProbing;
  site.NoteFailure(config_, outcome, BootClock::now());
  observe::InfoLimited("site down", {{"site", site.key()},
                                     {"text", outcome.text()},
                                     {"failures", site.failures_in_a_row()},
                                     {"jobs", site.waiting()}});
  ++failures_told_;
  view_.Failed(site.key(), epoch, outcome);
  Follow(site);
  if (site.word().epoch != epoch) return;  // closed: the others are on their way to the shelf
  std::vector<std::unique_ptr<Job>> others = site.TakeAll(BootClock::now());
  if (probing) return MoveAllOn(site, std::move(others), outcomes::kSiteClosed);
  // It is not closed, so each waits by its own. Whether the others would be refused for good is not known: a
  // refusal of the connection names no mail.
  Left(site, others.size());
  for (auto& other : others) {
    other->DecideRest(Verdict::kTemporary, outcome);
    GiveBack(site, std::move(other));
  }
}

void SitePool::Judge(Site& site, const Job& job, Transaction& transaction) {
  bool at_work = false;
  std::optional<queue::v1::Outcome> in_vain;
  for (const Result& result : transaction.results()) {
    const SiteEffect effect = EffectOf(result.verdict, result.outcome);
    at_work = at_work || effect.at_work;
    if (effect.effect == Effect::kWorked) site.NoteWorked();
    if (effect.effect == Effect::kSlower) site.NoteSlower(BootClock::now());
    if (effect.effect == Effect::kSlower && !effect.at_work) in_vain = result.outcome;
  }
  if (transaction.goodbye()) {
    site.NoteSlower(BootClock::now());
    in_vain = transaction.goodbye();
  }
  EndIdle(site);
  if (at_work) {
    site.NoteAtWork(job.epoch(), BootClock::now());
    return TellWorked(site, job.epoch());
  }
  const bool probe = job.probe_epoch && site.word() == SiteWord{SiteState::kProbing, *job.probe_epoch};
  if (in_vain && probe) TellFailed(site, job.epoch(), *in_vain);
}

void SitePool::TellWorked(Site& site, std::uint64_t epoch) {
  if (!site.TakeTellWorked(epoch, failures_told_)) return;
  view_.Worked(site.key(), epoch);
}

}  // namespace goniec::outbound
