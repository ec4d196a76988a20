// The settings of every stream, consumer and KV bucket, for a configuration. The table behind provision.cc;
// common/queue/README.md has it in words. Pure; thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/queue/model/admission.h"

namespace goniec::queue {

struct QueueConfig;

// The version of the layout in this file. Raised when a name comes to mean something else; kept in the
// streams' metadata, so that an older goniec does not touch the streams of a newer one.
inline constexpr int kLayoutVersion = 1;

inline constexpr char kMetadataVersion[] = "goniec.version";
inline constexpr char kMetadataLanes[] = "goniec.lanes";
inline constexpr char kMetadataShards[] = "goniec.event_shards";

// Buckets of small shared state, each a stream "KV_<bucket>".
inline constexpr char kPresenceBucket[] = "presence";    // live workers, by heartbeat
inline constexpr char kControlBucket[] = "control";      // what operators and callers ask of the workers
inline constexpr char kDirectoryBucket[] = "directory";  // what the services know in common (limits, sites)
inline constexpr char kRequestsBucket[] = "requests";    // request ids of the API

struct ConsumerSettings {
  std::string name;
  std::string filter;
  std::chrono::nanoseconds ack_wait{};
  // Above all workers' slots together: a worker that waits for others' acknowledgements would stop delivery.
  int max_ack_pending = 100'000;
};

struct StreamSettings {
  // Its name for the operator: "stream READY_0", "bucket presence".
  std::string title;
  std::string name;
  std::vector<std::string> subjects;
  bool work_queue = false;
  // When it is full, new messages are refused; else old ones are dropped.
  bool discard_new = false;
  // -1: no limit of its own.
  std::int64_t max_bytes = -1;
  // 0: for ever.
  std::chrono::nanoseconds max_age{0};
  std::int64_t max_messages_per_subject = -1;
  std::chrono::nanoseconds duplicate_window = std::chrono::minutes(2);
  bool allow_direct = false;
  bool allow_ttl = false;
  bool allow_schedules = false;
  bool allow_rollup = false;
  int replicas = 1;
  std::vector<ConsumerSettings> consumers;
  // inbound's broker user may see this one.
  bool needed_by_inbound = false;
  // Nothing is put there while versions change: where it must be of another kind now, an empty one is deleted
  // and made again.
  bool made_anew_if_empty = false;
  // A KV bucket: no mail goes through it.
  bool is_bucket = false;
  // The room that its bytes count in; mail that waits takes room in memory besides.
  Room room = Room::kQueue;
  bool holds_waiting_mail = false;
  // Mail whose site cannot take it now.
  bool is_shelf = false;
};

// In the order of creation.
std::vector<StreamSettings> ExpectedStreams(const QueueConfig& config);

}  // namespace goniec::queue
