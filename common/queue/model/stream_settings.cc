#include "common/queue/model/stream_settings.h"

#include <algorithm>

#include "common/queue/model/config.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

constexpr std::chrono::minutes kPresenceAge{1};
// Of queue.capacity.
constexpr std::uint64_t kReadyPercent = kTransactionalMark + 5;
// A request id holds for a day (proto/goniec/v1).
constexpr std::chrono::hours kRequestAge{24};

std::string LaneSubjects(const char* prefix, int lane) {
  return std::string(prefix) + std::to_string(lane) + ".>";
}

StreamSettings WorkQueue(std::string name, const QueueConfig& config) {
  StreamSettings stream;
  stream.title = "stream " + name;
  stream.name = std::move(name);
  stream.work_queue = true;
  stream.replicas = config.replicas;
  return stream;
}

StreamSettings Ready(int lane, const QueueConfig& config) {
  StreamSettings stream = WorkQueue(ReadyStream(lane), config);
  stream.subjects = {LaneSubjects("ready.", lane)};
  stream.discard_new = true;
  // The last resort, should acceptance not stop at its mark in time: what lies above is for events and
  // copies.
  const std::uint64_t share = config.capacity_bytes / static_cast<std::uint64_t>(std::max(config.lanes, 1));
  stream.max_bytes = static_cast<std::int64_t>(share / 100 * kReadyPercent);
  stream.needed_by_inbound = true;
  stream.allow_direct = true;  // for the audit: it counts what is stored
  for (const MailClass mail_class : {MailClass::kTransactional, MailClass::kBulk}) {
    ConsumerSettings consumer;
    consumer.name = ReadyConsumer(mail_class);
    consumer.filter = ReadyFilter(lane, mail_class);
    consumer.ack_wait = config.ack_wait;
    stream.consumers.push_back(std::move(consumer));
  }
  return stream;
}

// No limit in bytes: what was accepted must always find room (the server keeps schedules apart from discard:
// new).
StreamSettings Wait(int lane, const QueueConfig& config) {
  StreamSettings stream = WorkQueue(WaitStream(lane), config);
  stream.subjects = {LaneSubjects("wait.", lane), LaneSubjects("due.", lane)};
  stream.holds_waiting_mail = true;
  stream.allow_schedules = true;
  // The server turns it on by itself with schedules: a publish on a schedule's subject replaces it.
  stream.allow_rollup = true;
  stream.allow_direct = true;  // for the audit: it goes through all of it
  ConsumerSettings consumer;
  consumer.name = kDueConsumer;
  consumer.filter = LaneSubjects("due.", lane);
  consumer.ack_wait = config.ack_wait;
  stream.consumers.push_back(std::move(consumer));
  return stream;
}

// A shelf: nobody consumes it, records come back by being published as due and purged here.
StreamSettings Held(int lane, const QueueConfig& config) {
  StreamSettings stream;
  stream.name = HeldStream(lane);
  stream.title = "stream " + stream.name;
  stream.subjects = {LaneSubjects("held.", lane)};
  stream.allow_direct = true;  // for the audit: it goes through all of it
  stream.made_anew_if_empty = true;
  stream.is_shelf = true;
  stream.replicas = config.replicas;
  return stream;
}

StreamSettings Bodies(const QueueConfig& config) {
  StreamSettings stream;
  stream.name = kBodiesStream;
  stream.title = "stream " + stream.name;
  stream.subjects = {"body.>"};
  stream.max_messages_per_subject = 1;
  stream.allow_ttl = true;
  stream.allow_direct = true;
  stream.replicas = config.replicas;
  stream.needed_by_inbound = true;
  return stream;
}

StreamSettings Events(int shard, const QueueConfig& config) {
  StreamSettings stream;
  stream.name = EventsStream(shard);
  stream.title = "stream " + stream.name;
  stream.subjects = {LaneSubjects("event.", shard)};
  // Deleted earlier when their budget is nearly used (event_budget.h), never by a limit of the stream's: it
  // would delete those of mail that is still on its way.
  stream.room = Room::kEvents;
  stream.max_age = config.event_retention;
  stream.allow_direct = true;
  stream.replicas = config.replicas;
  return stream;
}

// What is in it stays until somebody has looked at it.
StreamSettings Quarantine(const QueueConfig& config) {
  StreamSettings stream;
  stream.name = kQuarantineStream;
  stream.title = "stream " + stream.name;
  stream.subjects = {"quarantine.>"};
  stream.allow_direct = true;
  stream.replicas = config.replicas;
  return stream;
}

// Like the buckets that NATS's own tools make: a full one refuses instead of forgetting.
StreamSettings Bucket(const char* name, std::chrono::nanoseconds max_age, const QueueConfig& config) {
  StreamSettings stream;
  stream.title = std::string("bucket ") + name;
  stream.is_bucket = true;
  stream.name = std::string("KV_") + name;
  stream.subjects = {std::string("$KV.") + name + ".>"};
  stream.discard_new = true;
  stream.max_age = max_age;
  stream.max_messages_per_subject = 1;
  if (max_age.count() > 0) stream.duplicate_window = std::min(stream.duplicate_window, max_age);
  stream.allow_direct = true;
  stream.allow_ttl = true;
  stream.allow_rollup = true;
  stream.replicas = config.replicas;
  return stream;
}

}  // namespace

std::vector<StreamSettings> ExpectedStreams(const QueueConfig& config) {
  std::vector<StreamSettings> streams;
  for (int lane = 0; lane < config.lanes; ++lane) {
    streams.push_back(Ready(lane, config));
    streams.push_back(Wait(lane, config));
    streams.push_back(Held(lane, config));
  }
  streams.push_back(Bodies(config));
  for (int shard = 0; shard < config.event_shards; ++shard) streams.push_back(Events(shard, config));
  streams.push_back(Quarantine(config));
  streams.push_back(Bucket(kPresenceBucket, kPresenceAge, config));
  streams.push_back(Bucket(kControlBucket, {}, config));
  streams.push_back(Bucket(kDirectoryBucket, {}, config));
  streams.push_back(Bucket(kRequestsBucket, kRequestAge, config));
  return streams;
}

}  // namespace goniec::queue
