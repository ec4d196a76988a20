#include "inbound/accept/session_metrics.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "common/smtp/replies.h"

namespace goniec::inbound {
namespace {

// "550 5.7.1": what tells refusals apart and is bounded by the table of replies.
std::string LabelOf(int code, const smtp::EnhancedCode& enhanced) {
  return std::to_string(code) + ' ' + enhanced.ToString();
}

observe::CounterBy AddRefusals(observe::Metrics& metrics) {
  std::vector<std::string> labels;
  for (const smtp::ReplyText& reply : smtp::replies::kAll) {
    if (reply.code >= 400) labels.push_back(LabelOf(reply.code, reply.enhanced));
  }
  for (const smtp::Reply& reply : {smtp::replies::BadSender(""), smtp::replies::BadRecipient("")}) {
    labels.push_back(LabelOf(reply.code, reply.enhanced));
  }
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  const std::vector<std::string_view> views(labels.begin(), labels.end());
  return metrics.AddCounterBy("goniec_inbound_refusals_total", "Commands and messages refused, by reply.",
                              "reply", views);
}

}  // namespace

SessionMetrics::SessionMetrics(observe::Metrics& metrics)
    : sessions(metrics.AddGauge("goniec_inbound_sessions", "SMTP sessions open now.")),
      connections(metrics.AddCounter("goniec_inbound_connections_total", "SMTP connections taken.")),
      connections_refused(
          metrics.AddCounterBy("goniec_inbound_connections_refused_total",
                               "SMTP connections refused with 421, by the limit that was reached.", "limit",
                               {"total", "client", "memory", "bad_sessions"})),
      messages(metrics.AddCounter("goniec_inbound_messages_accepted_total", "Messages answered with 250.")),
      recipients(
          metrics.AddCounter("goniec_inbound_recipients_accepted_total", "Recipients of accepted messages.")),
      message_bytes(metrics.AddCounter("goniec_inbound_message_bytes_total", "Octets of accepted messages.")),
      refusals(AddRefusals(metrics)),
      tls_sessions(
          metrics.AddCounter("goniec_inbound_tls_sessions_total", "Sessions that went on under TLS.")),
      tls_failures(metrics.AddCounter("goniec_inbound_tls_failures_total", "TLS handshakes that failed.")),
      time_closed(metrics.AddCounterBy(
          "goniec_inbound_time_closed_total", "Sessions closed for a time limit, by its setting.", "limit",
          {"command_timeout", "data_timeout", "message_timeout", "min_rate", "session_timeout"})),
      bodies_spilled(metrics.AddCounter("goniec_inbound_bodies_spilled_total",
                                        "Parts of bodies stored early because memory was scarce.")),
      commit_seconds(metrics.AddHistogram("goniec_inbound_commit_seconds",
                                          "From the end of a message to the record's acknowledgement.")) {}

void SessionMetrics::CountRefusal(const smtp::Reply& reply) const {
  refusals.With(LabelOf(reply.code, reply.enhanced)).Add();
}

}  // namespace goniec::inbound
