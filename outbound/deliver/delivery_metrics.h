// What the delivery counts. Handles only; thread-safe.
#pragma once

#include "common/observe/metrics.h"
#include "outbound/outcome/result.h"

namespace goniec::outbound {

struct DeliveryMetrics {
  explicit DeliveryMetrics(observe::Metrics& metrics);

  void Count(const Result& result) const;

  observe::CounterBy recipients;  // by verdict
  observe::Counter ambiguous;     // recipients whose end of data got no reply
  observe::Histogram latency;     // of transactions that were accepted
  observe::Counter transactions;
  observe::Counter opened;
  observe::Counter open_failures;
  observe::Counter tls_fallbacks;
  observe::Counter untouched;  // transactions that were run again because their connection ended before them
  observe::Counter moved;      // jobs given back because their site was busy
  observe::Gauge connections;
  observe::Gauge jobs;
};

}  // namespace goniec::outbound
