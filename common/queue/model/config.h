// The settings of the queue that inbound, outbound and `goniec provision` share: section `queue` of each
// configuration file.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace goniec::config {
class Section;
}

namespace goniec::queue {

struct DurabilityFloor {
  // queue.durability.replicas: the least number of replicas that every stream must have. 1 to 5.
  int replicas = 1;
  // queue.durability.fsync: true: servers must be seen to fsync before they answer (sync_interval: always).
  bool fsync = false;
};

struct QueueConfig {
  // queue.servers: a list of nats:// or tls:// addresses. Credentials in them are never logged.
  std::vector<std::string> servers = {"nats://127.0.0.1:4222"};
  // queue.user_file, queue.password_file: files with both; or GONIEC_NATS_USER and GONIEC_NATS_PASSWORD. Or
  // instead queue.credentials_file: a credentials file of NATS. Default: none.
  std::string user;
  std::string password;
  std::string credentials_file;
  // queue.tls.ca_file, queue.tls.cert_file, queue.tls.key_file: CAs; a client certificate with its key.
  std::string tls_ca_file;
  std::string tls_cert_file;
  std::string tls_key_file;
  // queue.monitor_urls: HTTP addresses of monitoring ports, for sync mode and start time. Default: unknown.
  std::vector<std::string> monitor_urls;

  // queue.lanes: READY, WAIT and HELD streams, and leaders to spread over. Fixed at provisioning. 1 to 16.
  int lanes = 1;
  // queue.event_shards: EVENTS streams. Fixed at provisioning. 1 to 64.
  int event_shards = 1;
  // queue.replicas: of every stream, for provisioning. 1 to 5.
  int replicas = 1;
  // queue.capacity: bytes that all streams may take together, mail and events; acceptance stops before it is
  // full. The same in both services. 1MiB to 1048576GiB.
  std::uint64_t capacity_bytes = 10ULL << 30;
  // queue.event_budget: the part of it that is for events, which all mail leaves behind (about half a
  // kilobyte each); the rest is for mail. At most three quarters of the capacity; default: a third. 64KiB to
  // 1048576GiB.
  std::uint64_t event_budget_bytes = 0;
  // queue.event_retention: how long events are kept while they fit into their budget. 1h to 3650d.
  std::chrono::hours event_retention{24 * 31};
  // queue.event_retention_least: how long they are kept in any case: the longest life of a mail and a day.
  // Does their budget not suffice for that, acceptance stops. Default: 6d, or as long as the lives that the
  // worker's configuration gives need. The same in both services. 1h to 3650d.
  std::chrono::hours event_retention_least{24 * 6};
  // queue.waiting_memory: memory of nats-server that waiting mail may take (each about 2 KiB and its size
  // in WAIT), up to twice as much when all of it falls due at once; beyond it acceptance stops. The same in
  // both services. 1MiB to 1024GiB.
  std::uint64_t waiting_memory_bytes = 1ULL << 30;

  // What is for events, and what is left for mail.
  [[nodiscard]] std::uint64_t EventBudget() const {
    return event_budget_bytes > 0 ? event_budget_bytes : capacity_bytes / 3;
  }
  [[nodiscard]] std::uint64_t MailCapacity() const { return capacity_bytes - EventBudget(); }

  // queue.ack_wait: after this without an acknowledgement or a sign of work the broker gives a record to
  // another worker. The holder rule derives the rest from it: sign of work every third, no new final dot
  // after two thirds of silence. So what a killed worker held is with the others after that time; and while it
  // is 20s, its half outlasts an ordinary election of a cluster (README.md, "How long ack_wait is"). 1s to
  // 10m.
  std::chrono::milliseconds ack_wait{20'000};
  // queue.commit_repeat: a commit without an answer is sent again after this. 100ms to 30s.
  std::chrono::milliseconds commit_repeat{2'000};
  std::chrono::milliseconds commit_limit{30'000};  // queue.commit_limit: until it is given up. 1s to 1m.
  // queue.max_pending: bytes of mails that may wait for a commit in this process; beyond it senders are
  // refused for now. 1MiB to 16GiB.
  std::uint64_t pending_bytes = 64ULL << 20;

  DurabilityFloor durability;
};

// Reads every key of `section`; problems are reported through the section (see common/config).
QueueConfig ReadQueueConfig(config::Section& section);

}  // namespace goniec::queue
