// Stream and consumer settings as JetStream's JSON, and the differences between those that exist and those
// that are wanted. Used by provision.cc only (nlohmann/json stays out of all other headers). Pure;
// thread-safe.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/queue/model/stream_settings.h"

namespace goniec::queue {

struct QueueConfig;

// The settings that matter to us, all of them written out. The others are the server's business.
nlohmann::json StreamJson(const StreamSettings& stream, const QueueConfig& config);
nlohmann::json ConsumerJson(const ConsumerSettings& consumer);

struct Difference {
  std::string key;
  nlohmann::json have;
  nlohmann::json want;
  // Cannot be changed in an existing object, or not without losing what it means.
  bool fixed = false;
  // Mail could be lost or the service would stand still: not merely smaller or fewer than configured.
  bool harmful = false;
};

// Both are "config" objects; a setting that the server left out has its default.
std::vector<Difference> CompareStream(const nlohmann::json& have, const nlohmann::json& want);
std::vector<Difference> CompareConsumer(const nlohmann::json& have, const nlohmann::json& want);

// "max_bytes 1GiB -> 10GiB" and the like.
std::string ShowChange(const Difference& difference);
// A value of the key for a person.
std::string ShowValue(const std::string& key, const nlohmann::json& value);

// Nothing wrong: empty. Else one sentence about the layout version, lanes or (if they matter to the caller)
// event shards that the stream was made for.
std::string LayoutProblem(const StreamSettings& stream, const nlohmann::json& have, const QueueConfig& config,
                          bool shards_matter = true);

}  // namespace goniec::queue
