#include "common/queue/streams/durability.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/await.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/broker/monitoring.h"
#include "common/queue/model/config.h"
#include "common/queue/model/stream_settings.h"

namespace goniec::queue {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kMonitoringLimit{2};

// What the streams say: replicas (0: one could not be read), the servers that keep them, and whether one of
// them was told to acknowledge before it writes.
struct StreamsSeen {
  int replicas = 0;
  // Name → it has all that is stored, so it is one of those whose word counts.
  std::map<std::string, bool> servers;
  bool asynchronous = false;
};

// Adds one STREAM.INFO answer. False if it cannot be read.
bool AddStream(const std::string& info_json, StreamsSeen& seen) {
  const Json info = Json::parse(info_json, nullptr, false);
  if (!info.is_object() || !info.contains("config") || !info["config"].is_object()) return false;
  const Json& config = info["config"];
  const auto replicas = config.find("num_replicas");
  if (replicas == config.end() || !replicas->is_number_integer()) return false;
  seen.replicas = seen.replicas == 0 ? replicas->get<int>() : std::min(seen.replicas, replicas->get<int>());
  const auto persist_mode = config.find("persist_mode");
  if (persist_mode != config.end() && *persist_mode == "async") seen.asynchronous = true;

  const auto cluster = info.find("cluster");
  if (cluster == info.end() || !cluster->is_object()) return false;
  if (cluster->contains("leader") && (*cluster)["leader"].is_string()) {
    seen.servers[(*cluster)["leader"].get<std::string>()] = true;
  } else {
    return false;  // without a leader nobody can say who keeps it
  }
  const auto peers = cluster->find("replicas");
  if (peers == cluster->end() || !peers->is_array()) return true;
  for (const Json& peer : *peers) {
    if (!peer.is_object() || !peer.contains("name") || !peer["name"].is_string()) return false;
    const auto current = peer.find("current");
    seen.servers[peer["name"].get<std::string>()] |=
        current == peer.end() || !current->is_boolean() || current->get<bool>();
  }
  return true;
}

asio::awaitable<StreamsSeen> SeeStreams(Broker& broker, const QueueConfig& config, ServiceRole role) {
  StreamsSeen seen;
  for (const StreamSettings& stream : ExpectedStreams(config)) {
    const bool looked_at = role == ServiceRole::kInbound ? stream.needed_by_inbound : !stream.is_bucket;
    if (!looked_at) continue;
    const absl::StatusOr<std::string> info =
        co_await CallApi(broker, absl::StrCat("STREAM.INFO.", stream.name), "");
    if (!info.ok() || !AddStream(*info, seen)) co_return StreamsSeen{};
  }
  co_return seen;
}

// A thread of its own, joined by the coroutine that waits for its answer. The answer may come, on another
// thread, before the starting one has stored the handle: hence the lock.
struct AskingThread {
  std::mutex mutex;
  std::thread thread;

  void Start(std::vector<std::string> urls, std::function<void(std::vector<ServerSeen>)> done) {
    const std::lock_guard lock(mutex);
    thread = std::thread(
        [urls = std::move(urls), done = std::move(done)] { done(AskMonitoring(urls, kMonitoringLimit)); });
  }
  void Join() {
    const std::lock_guard lock(mutex);
    thread.join();
  }
};

asio::awaitable<std::vector<ServerSeen>> SeeServers(std::vector<std::string> urls) {
  if (urls.empty()) co_return std::vector<ServerSeen>();
  auto asking = std::make_shared<AskingThread>();
  std::vector<ServerSeen> servers = co_await AwaitCallback<std::vector<ServerSeen>>(
      [asking, urls = std::move(urls)](std::function<void(std::vector<ServerSeen>)> done) {
        asking->Start(urls, std::move(done));
      });
  asking->Join();
  co_return servers;
}

const ServerSeen* FindServer(const std::vector<ServerSeen>& servers, const std::string& name) {
  const auto found = std::find_if(servers.begin(), servers.end(),
                                  [&](const ServerSeen& server) { return server.name == name; });
  return found == servers.end() ? nullptr : &*found;
}

SyncMode JudgeSync(const StreamsSeen& streams, const std::vector<ServerSeen>& servers) {
  if (streams.replicas == 0) return SyncMode::kUnknown;
  bool all_seen = true;
  std::size_t fsyncing = 0;
  for (const auto& [name, current] : streams.servers) {
    const ServerSeen* server = FindServer(servers, name);
    if (server == nullptr || !server->fsync.has_value()) {
      // One that is down, or has not caught up, has no part in what is acknowledged now.
      if (current) all_seen = false;
    } else if (!*server->fsync) {
      return SyncMode::kLazy;
    } else {
      ++fsyncing;
    }
  }
  if (fsyncing * 2 <= streams.servers.size()) all_seen = false;  // no majority
  if (streams.asynchronous) return SyncMode::kLazy;
  // A stream with fewer known keepers than replicas is still being placed.
  const bool all_placed = static_cast<int>(streams.servers.size()) >= streams.replicas;
  return all_seen && all_placed ? SyncMode::kFsync : SyncMode::kUnknown;
}

std::optional<WallTime> LatestStart(const StreamsSeen& streams, const std::vector<ServerSeen>& servers) {
  std::optional<WallTime> latest;
  for (const auto& [name, current] : streams.servers) {
    const ServerSeen* server = FindServer(servers, name);
    if (server == nullptr || !server->start.has_value()) return std::nullopt;
    latest = std::max(latest.value_or(*server->start), *server->start);
  }
  return latest;
}

std::optional<std::chrono::milliseconds> FarthestClock(const std::vector<ServerSeen>& servers) {
  std::optional<std::chrono::milliseconds> farthest;
  for (const ServerSeen& server : servers) {
    if (!server.clock_offset.has_value()) continue;
    if (!farthest.has_value() || std::chrono::abs(*server.clock_offset) > std::chrono::abs(*farthest)) {
      farthest = server.clock_offset;
    }
  }
  return farthest;
}

}  // namespace

std::string Describe(const Durability& durability) {
  std::string text = durability.replicas == 0   ? "replicas unknown"
                     : durability.replicas == 1 ? "1 replica"
                                                : absl::StrCat(durability.replicas, " replicas");
  switch (durability.sync) {
    case SyncMode::kUnknown:
      return text + ", sync unknown";
    case SyncMode::kLazy:
      return text + ", lazy sync";
    case SyncMode::kFsync:
      return text + ", fsync";
  }
  return text;
}

std::optional<std::string> FloorShortfall(const Durability& durability, const DurabilityFloor& floor) {
  if (durability.replicas == 0) {
    return "the number of replicas could not be read from the broker, and queue.durability asks for " +
           std::to_string(floor.replicas) + ": check the connection and that the streams are provisioned";
  }
  if (durability.replicas < floor.replicas) {
    return absl::StrCat("a stream has ", durability.replicas,
                        " replica(s) and queue.durability.replicas asks for ", floor.replicas,
                        ": set queue.replicas and run `goniec provision`, or lower the floor");
  }
  if (!floor.fsync || durability.sync == SyncMode::kFsync) return std::nullopt;
  if (durability.sync == SyncMode::kLazy) {
    return "the broker acknowledges before it fsyncs and queue.durability.fsync is set: give every "
           "nats-server "
           "`jetstream { sync_interval: always }`";
  }
  return "whether the broker fsyncs could not be seen and queue.durability.fsync is set: name the monitoring "
         "address "
         "of every nats-server in queue.monitor_urls";
}

asio::awaitable<Durability> ReadDurability(Broker& broker, QueueConfig config, ServiceRole role) {
  Durability durability;
  durability.server_version = broker.server_version();
  const std::vector<ServerSeen> servers = co_await SeeServers(config.monitor_urls);
  durability.clock_offset = FarthestClock(servers);
  if (!broker.connected()) co_return durability;
  const StreamsSeen streams = co_await SeeStreams(broker, config, role);
  durability.replicas = streams.replicas;
  durability.sync = JudgeSync(streams, servers);
  durability.latest_start = LatestStart(streams, servers);
  co_return durability;
}

}  // namespace goniec::queue
