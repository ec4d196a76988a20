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
  // The least number of replicas that every stream must have. Bounds 1 to 5.
  int replicas = 1;
  // True: the servers must be seen to fsync before they acknowledge (sync_interval: always).
  bool fsync = false;
};

struct QueueConfig {
  // Servers, comma-free list of nats:// or tls:// addresses. Credentials in them are never logged.
  std::vector<std::string> servers = {"nats://127.0.0.1:4222"};
  // Either user and password (GONIEC_NATS_USER, GONIEC_NATS_PASSWORD or files), or a credentials file. Empty:
  // none.
  std::string user;
  std::string password;
  std::string credentials_file;
  // TLS to the broker: CA bundle, client certificate and key. Empty: the system's CAs, no client certificate.
  std::string tls_ca_file;
  std::string tls_cert_file;
  std::string tls_key_file;
  // HTTP addresses of the servers' monitoring ports, for the sync mode and the start time. Empty: unknown.
  std::vector<std::string> monitor_urls;

  // READY, WAIT and HELD streams, and leaders to spread over. Bounds 1 to 16. Fixed at provisioning.
  int lanes = 1;
  // EVENTS streams. Bounds 1 to 64. Fixed at provisioning.
  int event_shards = 1;
  // Replicas of every stream, for provisioning. Bounds 1 to 5.
  int replicas = 1;
  // Bytes of accepted mail that READY may hold (all lanes together); acceptance stops before it is full.
  // Key `capacity`, bounds 1MiB to 1PiB.
  std::uint64_t capacity_bytes = 10ULL << 30;
  // How long events are kept. At least the longest life of a mail and a day.
  std::chrono::hours event_retention{24 * 31};

  // After this without an acknowledgement or a sign of work the broker gives a record to another worker. The
  // holder rule derives the rest from it: sign of work every third, no new final dot after two thirds of
  // silence.
  std::chrono::milliseconds ack_wait{60'000};
  // A commit without an answer is repeated, and given up when its record is this old.
  std::chrono::milliseconds commit_repeat{2'000};
  std::chrono::milliseconds commit_limit{30'000};
  // Bytes of mails that may wait for a commit in this process.
  // Key `max_pending`, bounds 1MiB to 16GiB.
  std::uint64_t pending_bytes = 64ULL << 20;

  DurabilityFloor durability;
};

// Reads every key of `section`; problems are reported through the section (see common/config).
QueueConfig ReadQueueConfig(config::Section& section);

}  // namespace goniec::queue
