// Stores the worker's report of its sites (site_report.h) in the bucket `presence`: every kReportPeriod while
// it changes, and often enough otherwise that a report which is missing means that the worker is gone. What
// cannot be stored is tried again with the next report: delivery does not depend on it.
//
// Confined to its executor, whose context has one thread; Stop() is for others.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "outbound/site/site_report.h"

namespace goniec::observe {
class Metrics;
}
namespace goniec::queue {
class Broker;
}

namespace goniec::outbound {

inline constexpr std::chrono::milliseconds kReportPeriod{5'000};
// An unchanged report is stored again after that; the bucket forgets it after a minute.
inline constexpr std::chrono::milliseconds kReportRenewal{20'000};

class SiteReporter {
 public:
  // `worker` is this process's name in `presence`. `look` is called on the executor. Broker and metrics must
  // outlive it, as must whatever `look` looks at, until Stop() has returned. Exports
  // goniec_site_reports_total (by result).
  SiteReporter(queue::Broker& broker, asio::any_io_executor executor, std::string worker,
               std::function<SiteSnapshots(std::size_t most)> look, observe::Metrics& metrics,
               std::chrono::milliseconds period = kReportPeriod);
  ~SiteReporter();
  SiteReporter(const SiteReporter&) = delete;
  SiteReporter& operator=(const SiteReporter&) = delete;

  void Start();
  // Takes the report back, as well as it can within two seconds. Blocks the caller, never a thread of the
  // executor, which must still run.
  void Stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::outbound
