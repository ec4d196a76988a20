// What became of the mails of a run, and how that is shown: as lines for people or one line of JSON. Filled
// by the loops (smtp_load.h, grpc_load.h), printed by main. Confined to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "tests/support/load/latency_histogram.h"
#include "tests/support/load/options.h"

namespace goniec::load {

class Tally {
 public:
  using Time = std::chrono::nanoseconds;

  // `now` since the start of the run, `due` the time from which the mail's latency counts.
  void Accepted(Time due, Time now);
  // `reply`: to which command, and the server's words, escaped already.
  void Refused(Time now, std::string reply);
  // No answer: whether the server has the mail nobody can know. `reason` says what came instead.
  void Lost(Time now, std::string reason);

  // Open loop: until when an answer is in time (Options::InTime).
  Time in_time_until = Time::max();
  // Beside the mails.
  std::uint64_t connections = 0;
  // Mails of an open loop that were due while every connection or call was taken; their wait is in the
  // latency.
  std::uint64_t waited = 0;
  // Processor time of this process during the run, user and system.
  Time processor{0};

  [[nodiscard]] std::uint64_t ended() const { return accepted_ + refused_ + lost_; }
  [[nodiscard]] std::uint64_t answered() const { return accepted_ + refused_; }
  // The last answer's.
  [[nodiscard]] Time last() const { return last_; }

  // With line ends.
  [[nodiscard]] std::string Text(const Options& options) const;
  [[nodiscard]] std::string Json(const Options& options) const;
  // kUnavailable with one line if a mail was refused or lost, which names the first of each.
  [[nodiscard]] absl::Status Verdict() const;
  // kUnavailable with one line if a closed loop has lost so many mails in a row that it should end: a server
  // that is gone costs no time, so that the loop would go on as fast as it can. An open loop has its rate.
  [[nodiscard]] absl::Status GoOn(const Options& options) const;

 private:
  void Count(const std::string& reason);
  [[nodiscard]] double Rate() const;
  [[nodiscard]] double ProcessorMicroseconds() const;  // a mail

  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t in_time_ = 0;  // of the accepted
  // Why mails were refused or lost, and how many.
  std::map<std::string, std::uint64_t> reasons_;
  int lost_in_a_row_ = 0;
  std::string first_refusal_;
  std::string first_loss_;
  std::string last_loss_;
  Time last_{0};
  LatencyHistogram latency_;  // of accepted mails
};

}  // namespace goniec::load
