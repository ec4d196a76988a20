// A publisher's figures as metrics: goniec_commit_records_total, goniec_commit_mails_total,
// goniec_commit_resends_total, goniec_commit_unknown_total, goniec_commit_refused_total,
// goniec_commit_pending_bytes.
#pragma once

namespace goniec::observe {
class Metrics;
}

namespace goniec::queue {

class Publisher;

// Both must outlive the last rendering of `metrics`.
void ExportPublisherStats(observe::Metrics& metrics, const Publisher& publisher);

}  // namespace goniec::queue
