#include "common/queue/publish/publisher_metrics.h"

#include <cstdint>
#include <memory>

#include "common/observe/metrics.h"
#include "common/queue/publish/publisher.h"

namespace goniec::queue {
namespace {

// Raises a counter to a figure that only grows.
void RaiseTo(const observe::Counter& counter, std::uint64_t value) {
  const double difference = static_cast<double>(value) - counter.Value();
  if (difference > 0) counter.Add(difference);
}

}  // namespace

void ExportPublisherStats(observe::Metrics& metrics, const Publisher& publisher) {
  const observe::Counter records =
      metrics.AddCounter("goniec_commit_records_total", "Records that were made durable.");
  const observe::Counter mails =
      metrics.AddCounter("goniec_commit_mails_total", "Mails that were made durable.");
  const observe::Counter resends =
      metrics.AddCounter("goniec_commit_resends_total", "Records sent again because no answer came.");
  const observe::Counter unknown =
      metrics.AddCounter("goniec_commit_unknown_total",
                         "Mails refused although their record may be stored: no answer came in time.");
  const observe::Counter refused =
      metrics.AddCounter("goniec_commit_refused_total", "Mails that were not made durable.");
  const observe::Gauge pending =
      metrics.AddGauge("goniec_commit_pending_bytes", "Bytes of mails that wait for the broker.");
  metrics.BeforeRender([=, &publisher] {
    const PublisherStats stats = publisher.stats();
    RaiseTo(records, stats.records);
    RaiseTo(mails, stats.mails);
    RaiseTo(resends, stats.resends);
    RaiseTo(unknown, stats.unknown);
    RaiseTo(refused, stats.refused);
    pending.Set(static_cast<double>(stats.pending_bytes));
  });
}

}  // namespace goniec::queue
