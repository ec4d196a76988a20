// What is counted about sessions and messages. One object a process; the counters are shared by all threads.
// Thread-safe.
#pragma once

#include "common/observe/metrics.h"
#include "common/smtp/reply.h"

namespace goniec::inbound {

struct SessionMetrics {
  explicit SessionMetrics(observe::Metrics& metrics);

  void CountRefusal(const smtp::Reply& reply) const;

  observe::Gauge sessions;                 // goniec_inbound_sessions
  observe::Counter connections;            // goniec_inbound_connections_total
  observe::CounterBy connections_refused;  // goniec_inbound_connections_refused_total{limit}
  observe::Counter messages;               // goniec_inbound_messages_accepted_total
  observe::Counter recipients;             // goniec_inbound_recipients_accepted_total
  observe::Counter message_bytes;          // goniec_inbound_message_bytes_total
  observe::CounterBy refusals;             // goniec_inbound_refusals_total{reply}
  observe::Counter tls_sessions;           // goniec_inbound_tls_sessions_total
  observe::Counter tls_failures;           // goniec_inbound_tls_failures_total
  observe::CounterBy time_closed;          // goniec_inbound_time_closed_total{limit}
  observe::Counter bodies_spilled;         // goniec_inbound_bodies_spilled_total
  observe::Histogram commit_seconds;       // goniec_inbound_commit_seconds
};

}  // namespace goniec::inbound
