#include "common/queue/model/config.h"

#include <algorithm>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/config/document.h"
#include "common/config/units.h"

namespace goniec::queue {
namespace {

using std::chrono::milliseconds;

// A broker's or a monitor's address with one of these schemes. Never shows what stands before an '@'.
absl::StatusOr<std::string> ParseAddress(std::string_view text, std::string_view plain,
                                         std::string_view secure) {
  const std::string_view scheme = text.starts_with(plain) ? plain : secure;
  if (!text.starts_with(scheme) || text.size() == scheme.size()) {
    return absl::InvalidArgumentError("an address must begin with " + std::string(plain) + " or " +
                                      std::string(secure) + ", for example " + std::string(plain) +
                                      "127.0.0.1");
  }
  if (text.find_first_of(", \t\r\n") != std::string_view::npos) {
    return absl::InvalidArgumentError(
        "an address must not contain commas or spaces; write one list item for each");
  }
  return std::string(text);
}

absl::StatusOr<std::string> ParseServer(std::string_view text) {
  return ParseAddress(text, "nats://", "tls://");
}
absl::StatusOr<std::string> ParseMonitor(std::string_view text) {
  return ParseAddress(text, "http://", "https://");
}

void ReadAccess(const config::Section& section, QueueConfig& queue) {
  section.ParsedList("servers", queue.servers, ParseServer);
  if (queue.servers.empty())
    section.Problem("servers", "needs at least one address, for example nats://127.0.0.1:4222");
  section.Secret("user", "GONIEC_NATS_USER", queue.user);
  section.Secret("password", "GONIEC_NATS_PASSWORD", queue.password);
  section.Text("credentials_file", queue.credentials_file);
  if (!queue.user.empty() && !queue.credentials_file.empty()) {
    section.Problem("credentials_file", "give either a credentials file or a user and password, not both");
  }
  if (queue.user.empty() != queue.password.empty()) {
    section.Problem("user_file", "user and password belong together: set both or neither");
  }
  const config::Section tls = section.Sub("tls");
  tls.Text("ca_file", queue.tls_ca_file);
  tls.Text("cert_file", queue.tls_cert_file);
  tls.Text("key_file", queue.tls_key_file);
  if (queue.tls_cert_file.empty() != queue.tls_key_file.empty()) {
    tls.Problem(queue.tls_cert_file.empty() ? "cert_file" : "key_file",
                "a client certificate needs both cert_file and key_file");
  }
  section.ParsedList("monitor_urls", queue.monitor_urls, ParseMonitor);
}

void ReadSizes(const config::Section& section, QueueConfig& queue) {
  section.Integer<int>("lanes", queue.lanes, {1, 16});
  section.Integer<int>("event_shards", queue.event_shards, {1, 64});
  section.Integer<int>("replicas", queue.replicas, {1, 5});
  ByteCount capacity{queue.capacity_bytes};
  if (section.Bytes("capacity", capacity, {MiB(1), GiB(1ULL << 20)})) queue.capacity_bytes = capacity.bytes;
  ByteCount pending{queue.pending_bytes};
  if (section.Bytes("max_pending", pending, {MiB(1), GiB(16)})) queue.pending_bytes = pending.bytes;
  ByteCount waiting{queue.waiting_memory_bytes};
  if (section.Bytes("waiting_memory", waiting, {MiB(1), GiB(1024)}))
    queue.waiting_memory_bytes = waiting.bytes;
}

void ReadEvents(const config::Section& section, QueueConfig& queue) {
  using std::chrono::hours;
  constexpr hours kShortest(1);
  constexpr hours kLongest(24 * 3650);
  ByteCount budget{queue.EventBudget()};
  if (section.Bytes("event_budget", budget, {KiB(64), GiB(1ULL << 20)}))
    queue.event_budget_bytes = budget.bytes;
  if (budget.bytes > queue.capacity_bytes / 4 * 3) {
    section.Problem("event_budget", "must not be more than three quarters of queue.capacity (" +
                                        config::FormatByteCount({queue.capacity_bytes}) +
                                        "): the rest is for mail");
  }
  milliseconds retention = queue.event_retention;
  if (section.Duration("event_retention", retention, {kShortest, kLongest}))
    queue.event_retention = std::chrono::ceil<hours>(retention);
  milliseconds least = std::min(queue.event_retention_least, queue.event_retention);
  section.Duration("event_retention_least", least, {kShortest, kLongest});
  queue.event_retention_least = std::chrono::ceil<hours>(least);
  if (queue.event_retention_least > queue.event_retention) {
    section.Problem("event_retention_least", "must not be longer than event_retention (" +
                                                 config::FormatDuration(queue.event_retention) + ")");
  }
}

void ReadTimes(const config::Section& section, QueueConfig& queue) {
  section.Duration("ack_wait", queue.ack_wait, {std::chrono::seconds(1), std::chrono::minutes(10)});
  section.Duration("commit_repeat", queue.commit_repeat, {milliseconds(100), std::chrono::seconds(30)});
  // A record that is repeated after the broker has forgotten its id would be stored twice: far below two
  // minutes.
  section.Duration("commit_limit", queue.commit_limit, {std::chrono::seconds(1), std::chrono::seconds(60)});
  if (queue.commit_repeat > queue.commit_limit) {
    section.Problem("commit_repeat", "must not be longer than commit_limit (" +
                                         config::FormatDuration(queue.commit_limit) + ")");
  }
}

}  // namespace

QueueConfig ReadQueueConfig(config::Section& section) {
  QueueConfig queue;
  ReadAccess(section, queue);
  ReadSizes(section, queue);
  ReadEvents(section, queue);
  ReadTimes(section, queue);
  const config::Section durability = section.Sub("durability");
  durability.Integer<int>("replicas", queue.durability.replicas, {1, 5});
  durability.Flag("fsync", queue.durability.fsync);
  return queue;
}

}  // namespace goniec::queue
