#include "outbound/deliver/delivery_metrics.h"

namespace goniec::outbound {

DeliveryMetrics::DeliveryMetrics(observe::Metrics& metrics)
    : recipients(metrics.AddCounterBy("goniec_delivery_recipients_total",
                                      "Recipients given back by the delivery", "verdict",
                                      {VerdictName(Verdict::kDelivered), VerdictName(Verdict::kTemporary),
                                       VerdictName(Verdict::kPermanent), VerdictName(Verdict::kNotTried)})),
      ambiguous(metrics.AddCounter("goniec_delivery_ambiguous_recipients_total",
                                   "Recipients whose message was sent to its end and got no reply")),
      latency(
          metrics.AddHistogram("goniec_delivery_transaction_seconds",
                               "From the first command of a transaction to the acceptance of its message")),
      transactions(metrics.AddCounter("goniec_delivery_transactions_total", "SMTP transactions begun")),
      opened(metrics.AddCounter("goniec_delivery_connections_opened_total", "Connections that became ready")),
      open_failures(metrics.AddCounter("goniec_delivery_connection_failures_total",
                                       "Attempts to connect to a site of which no address became ready")),
      tls_fallbacks(metrics.AddCounter("goniec_delivery_tls_fallbacks_total",
                                       "Connections made anew in plain text after a failed STARTTLS")),
      untouched(
          metrics.AddCounter("goniec_delivery_transactions_rerun_total",
                             "Transactions run again because their connection ended before their turn")),
      moved(metrics.AddCounter("goniec_delivery_moved_total",
                               "Mails moved until their turn because their site had enough in hand")),
      connections(metrics.AddGauge("goniec_delivery_connections", "Connections open or being opened")),
      jobs(metrics.AddGauge("goniec_delivery_jobs", "Mails in hand, waiting or on the wire")) {}

void DeliveryMetrics::Count(const Result& result) const {
  const auto count = static_cast<double>(result.recipients.size());
  recipients.With(VerdictName(result.verdict)).Add(count);
  if (result.outcome.ambiguous()) ambiguous.Add(count);
  if (result.verdict == Verdict::kDelivered) {
    latency.Observe(std::chrono::microseconds(result.outcome.latency_us()));
  }
}

}  // namespace goniec::outbound
