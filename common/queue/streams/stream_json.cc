#include "common/queue/streams/stream_json.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/config/units.h"
#include "common/queue/model/config.h"

namespace goniec::queue {
namespace {

using Json = nlohmann::json;

enum class Change {
  kInPlace,  // may be updated
  kFixed,    // refused
  kOnlyOn,   // may be turned on; on where off would do is left alone
};
enum class Harm {
  kAny,        // every difference
  kShorter,    // less than wanted (0 or -1: without limit, the most)
  kUnlimited,  // a limit where none is wanted, or none where one is; its amount does not matter
  kNone,
};

struct Rule {
  const char* key;
  Change change;
  Harm harm;
  // What the server means when it leaves the setting out.
  Json absent;
};

const std::vector<Rule>& StreamRules() {
  static const auto& rules = *new std::vector<Rule>{
      {"subjects", Change::kFixed, Harm::kAny, Json::array()},
      {"retention", Change::kFixed, Harm::kAny, "limits"},
      {"storage", Change::kFixed, Harm::kAny, "file"},
      {"persist_mode", Change::kFixed, Harm::kAny, "default"},  // "async" acknowledges before it writes
      {"sealed", Change::kFixed, Harm::kAny, false},
      {"deny_delete", Change::kFixed, Harm::kAny, false},
      {"deny_purge", Change::kFixed, Harm::kAny, false},
      {"discard", Change::kInPlace, Harm::kAny, "old"},
      {"max_bytes", Change::kInPlace, Harm::kUnlimited, -1},
      {"max_msgs", Change::kInPlace, Harm::kAny, -1},
      {"max_msg_size", Change::kInPlace, Harm::kAny, -1},
      {"max_msgs_per_subject", Change::kInPlace, Harm::kAny, -1},
      {"max_age", Change::kInPlace, Harm::kShorter, 0},
      {"duplicate_window", Change::kInPlace, Harm::kShorter, 0},
      {"allow_direct", Change::kOnlyOn, Harm::kAny, false},
      {"allow_msg_ttl", Change::kOnlyOn, Harm::kAny, false},
      {"allow_msg_schedules", Change::kOnlyOn, Harm::kAny, false},
      {"allow_rollup_hdrs", Change::kOnlyOn, Harm::kAny, false},
      {"num_replicas", Change::kInPlace, Harm::kNone, 1},  // judged by the durability floor
  };
  return rules;
}

const std::vector<Rule>& ConsumerRules() {
  static const auto& rules = *new std::vector<Rule>{
      {"filter_subject", Change::kFixed, Harm::kAny, ""},
      {"ack_policy", Change::kFixed, Harm::kAny, "none"},
      {"deliver_policy", Change::kFixed, Harm::kAny, "all"},
      {"deliver_subject", Change::kFixed, Harm::kAny, ""},
      {"mem_storage", Change::kFixed, Harm::kAny, false},
      {"max_deliver", Change::kInPlace, Harm::kAny, -1},
      {"ack_wait", Change::kInPlace, Harm::kShorter, 0},
      {"max_ack_pending", Change::kInPlace, Harm::kNone, 0},
  };
  return rules;
}

std::int64_t WithoutLimitAsMost(const Json& value) {
  const std::int64_t number = value.is_number() ? value.get<std::int64_t>() : 0;
  return number <= 0 ? INT64_MAX : number;
}

bool IsHarmful(const Rule& rule, const Json& have, const Json& want) {
  switch (rule.harm) {
    case Harm::kAny:
      return true;
    case Harm::kShorter:
      return WithoutLimitAsMost(have) < WithoutLimitAsMost(want);
    case Harm::kUnlimited:
      return (WithoutLimitAsMost(have) == INT64_MAX) != (WithoutLimitAsMost(want) == INT64_MAX);
    case Harm::kNone:
      return false;
  }
  return true;
}

Json Normal(const Json& object, const Rule& rule) {
  const auto found = object.find(rule.key);
  Json value = found == object.end() || found->is_null() ? rule.absent : *found;
  if (value.is_array()) std::sort(value.begin(), value.end());
  return value;
}

std::vector<Difference> Compare(const std::vector<Rule>& rules, const Json& have, const Json& want) {
  std::vector<Difference> differences;
  for (const Rule& rule : rules) {
    Difference difference{rule.key, Normal(have, rule), Normal(want, rule)};
    if (difference.have == difference.want) continue;
    if (rule.change == Change::kOnlyOn && difference.have == true) continue;
    difference.fixed = rule.change == Change::kFixed;
    difference.harmful = IsHarmful(rule, difference.have, difference.want);
    differences.push_back(std::move(difference));
  }
  return differences;
}

// The number in our metadata, -1 if there is none.
int MetadataNumber(const Json& config, const char* key) {
  const auto metadata = config.find("metadata");
  if (metadata == config.end() || !metadata->is_object()) return -1;
  const auto found = metadata->find(key);
  int value = -1;
  if (found == metadata->end() || !found->is_string() || !absl::SimpleAtoi(found->get<std::string>(), &value))
    return -1;
  return value;
}

}  // namespace

Json StreamJson(const StreamSettings& stream, const QueueConfig& config) {
  return Json{
      {"name", stream.name},
      {"subjects", stream.subjects},
      {"retention", stream.work_queue ? "workqueue" : "limits"},
      {"storage", "file"},
      {"discard", stream.discard_new ? "new" : "old"},
      {"max_bytes", stream.max_bytes},
      {"max_msgs", -1},
      {"max_msg_size", -1},
      {"max_msgs_per_subject", stream.max_messages_per_subject},
      {"max_age", stream.max_age.count()},
      {"duplicate_window", stream.duplicate_window.count()},
      {"allow_direct", stream.allow_direct},
      {"allow_msg_ttl", stream.allow_ttl},
      {"allow_msg_schedules", stream.allow_schedules},
      {"allow_rollup_hdrs", stream.allow_rollup},
      {"num_replicas", stream.replicas},
      {"metadata",
       {{kMetadataVersion, absl::StrCat(kLayoutVersion)},
        {kMetadataLanes, absl::StrCat(config.lanes)},
        {kMetadataShards, absl::StrCat(config.event_shards)}}},
  };
}

Json ConsumerJson(const ConsumerSettings& consumer) {
  return Json{
      {"name", consumer.name},
      {"durable_name", consumer.name},
      {"filter_subject", consumer.filter},
      {"ack_policy", "explicit"},
      {"deliver_policy", "all"},
      {"replay_policy", "instant"},
      {"ack_wait", consumer.ack_wait.count()},
      {"max_deliver", -1},
      {"max_ack_pending", consumer.max_ack_pending},
  };
}

std::vector<Difference> CompareStream(const Json& have, const Json& want) {
  return Compare(StreamRules(), have, want);
}

std::vector<Difference> CompareConsumer(const Json& have, const Json& want) {
  return Compare(ConsumerRules(), have, want);
}

std::string ShowValue(const std::string& key, const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number_integer()) return value.dump();
  const auto number = value.get<std::int64_t>();
  const bool is_time = key == "max_age" || key == "duplicate_window" || key == "ack_wait";
  if (number <= 0 && key != "num_replicas") return "unlimited";
  if (key == "max_bytes") return config::FormatByteCount({static_cast<std::uint64_t>(number)});
  if (is_time) {
    return config::FormatDuration(
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(number)));
  }
  return absl::StrCat(number);
}

std::string ShowChange(const Difference& difference) {
  return absl::StrCat(difference.key, " ", ShowValue(difference.key, difference.have), " -> ",
                      ShowValue(difference.key, difference.want));
}

std::string LayoutProblem(const StreamSettings& stream, const Json& have, const QueueConfig& config,
                          bool shards_matter) {
  const int version = MetadataNumber(have, kMetadataVersion);
  if (version > kLayoutVersion) {
    return absl::StrCat(stream.title, " was made by a newer goniec (layout ", version, ", this one knows ",
                        kLayoutVersion, "): run that version");
  }
  struct Count {
    const char* key;
    const char* setting;
    int wanted;
    bool matters;
  };
  for (const Count& count :
       {Count{kMetadataLanes, "queue.lanes", config.lanes, true},
        Count{kMetadataShards, "queue.event_shards", config.event_shards, shards_matter}}) {
    const int provisioned = MetadataNumber(have, count.key);
    if (!count.matters || provisioned < 0 || provisioned == count.wanted) continue;
    return absl::StrCat(stream.title, " was provisioned with ", count.setting, " ", provisioned,
                        ", and the configuration says ", count.wanted,
                        ": mail and events would not be found; set it back to ", provisioned,
                        " (it cannot be changed while there is mail or history)");
  }
  return {};
}

}  // namespace goniec::queue
