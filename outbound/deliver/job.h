// One mail's recipients that share domain and site, from Deliver() to `done`: what the worker calls a leg,
// once it has a route. It is always in one place: a site's queue, a connection that is being opened for it,
// or the wire, where one transaction after the other serves its recipients. Values; confined to the
// dispatcher's executor.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/deliver/transaction.h"
#include "outbound/outcome/outcomes.h"
#include "outbound/outcome/result.h"

namespace goniec::outbound {

struct Route;

class Job {
 public:
  // --- What the worker says, before it hands the job over. The functions are called on the dispatcher's
  // executor.

  // Unchanged until `done` is called. An aliasing pointer into the record does well.
  std::shared_ptr<const queue::v1::Mail> mail;
  // Positions in mail->recipients(), not empty. More than a transaction takes are served by several
  // transactions.
  std::vector<std::uint32_t> recipients;
  std::shared_ptr<const Route> route;

  // Asked immediately before the bytes that end the message (final dot, last octet of BDAT LAST) are handed
  // to the socket, when all of it but these and the 16 KiB before them has been sent: nothing waits in this
  // host's buffers for the server to make room. What the buffers of the server's own host hold is beyond
  // reach. False ends the transaction before them, as kNotTried with REASON_BROKER: the holder rule. Must not
  // block. Required.
  std::function<bool()> may_finish;

  // Chunk n of a stored body; required if the mail has a body_reference. An error ends the transaction before
  // its end of data, as kTemporary with REASON_BODY_UNREADABLE; the connection is closed, for a body cannot
  // be recalled.
  std::function<asio::awaitable<absl::StatusOr<std::string>>(std::uint32_t chunk)> read_chunk;

  // It was released from a shelf as a probe of the site, in this epoch of the site's: it goes although the
  // site is not open, but in no other epoch. Of several such jobs the first is the probe; the others wait for
  // what becomes of it.
  std::optional<std::uint64_t> probe_epoch;
  // It was released from a shelf, at the pace of the site: it may wait longer than others.
  bool released = false;
  // So much of its tenant's mail waits that others' should go first (consume/ready_turns.h): it waits here
  // only where its turn is near.
  bool yields = false;

  // Called with true when a connection takes the job, and with false should it wait again afterwards; from
  // inside Deliver() too. Must not call the dispatcher. May be empty.
  std::function<void(bool begun)> on_begin;

  // Called exactly once, never from inside Deliver(), with every recipient in exactly one result. It may call
  // Deliver(). Must not throw. Required.
  std::function<void(std::vector<Result>)> done;

  // --- For the delivery, once it is in hand.

  // None of its recipients is decided yet.
  void TakeOver(BootTime now);
  // It waits from now on.
  void WaitSince(BootTime now) { waiting_since_ = now; }
  [[nodiscard]] BootTime waiting_since() const { return waiting_since_; }
  // A connection has it now, or it waits for one.
  void SetBegun(bool now_begun);
  // The site's epoch when it was given to a connection.
  void SetEpoch(std::uint64_t epoch) { epoch_ = epoch; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }

  // A transaction that serves the first `limit` of those that are not decided.
  // It asks this job, which must outlive it.
  [[nodiscard]] std::unique_ptr<Transaction> Begin(std::size_t limit);
  // It is over, and the next may begin.
  void End(Transaction& transaction);
  // It was lost: nobody knows more of it than whether its end may have been sent.
  void GiveUp();
  // How often its connection ended before its turn, or an extension of the server's failed it.
  [[nodiscard]] int reruns() const { return reruns_; }

  // True if nobody is left to be served.
  [[nodiscard]] bool decided() const { return open_.empty(); }
  void DecideRest(Verdict verdict, const queue::v1::Outcome& outcome) { Decide(verdict, outcome); }
  // For what no peer has to do with.
  void DecideRest(const OutcomeRow& row) { Decide(row.verdict, MakeOutcome(row, queue::v1::PHASE_CONNECT)); }
  [[nodiscard]] const std::vector<Result>& results() const { return results_; }
  // What was decided last, the failure of an opening, has closed the site: who is tried again for its sake
  // waits until the site is open. What transactions before it came to stands.
  void NoteSiteClosed() {
    if (!results_.empty()) results_.back().site_closed = results_.back().verdict == Verdict::kTemporary;
  }
  // Calls `done`.
  void GiveBack() { done(std::move(results_)); }

 private:
  void Decide(Verdict verdict, const queue::v1::Outcome& outcome);

  std::vector<std::uint32_t> open_;  // positions that are not decided yet
  std::vector<Result> results_;
  BootTime waiting_since_;
  std::uint64_t epoch_ = 0;
  int reruns_ = 0;
  bool begun_ = false;
  bool may_have_ended_ = false;  // the transaction that is not over yet
};

}  // namespace goniec::outbound
