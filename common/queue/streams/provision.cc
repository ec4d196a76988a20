#include "common/queue/streams/provision.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/config.h"
#include "common/queue/streams/stream_json.h"

namespace goniec::queue {
namespace {

using Json = nlohmann::json;

constexpr int kLeastMajor = 2;
constexpr int kLeastMinor = 15;

// What is to be done about one object. `have` is its configuration now, nothing if it is missing.
struct PlannedConsumer {
  std::string title;
  std::string create_call;
  Json want;
  std::optional<Json> have;
};
struct PlannedStream {
  StreamSettings settings;
  Json want;
  std::optional<Json> have;
  std::uint64_t messages = 0;
  std::vector<PlannedConsumer> consumers;

  [[nodiscard]] bool MadeAnew() const;
};

// An answer gets lost when the cluster's leader changes, as it does just after the start. Whatever is asked
// here does no harm when it is asked twice.
constexpr int kTries = 3;

asio::awaitable<absl::StatusOr<std::string>> Call(Broker& broker, std::string call, std::string json,
                                                  int tries) {
  for (;;) {
    absl::StatusOr<std::string> answer = co_await CallApi(broker, call, json);
    if (!absl::IsDeadlineExceeded(answer.status()) || --tries <= 0) co_return answer;
  }
}

bool PlannedStream::MadeAnew() const {
  if (!settings.made_anew_if_empty || !have.has_value() || messages > 0) return false;
  const std::vector<Difference> differences = CompareStream(*have, want);
  return std::any_of(differences.begin(), differences.end(),
                     [](const Difference& difference) { return difference.fixed; });
}

// An INFO answer; nothing if there is no such object.
asio::awaitable<absl::StatusOr<std::optional<Json>>> ReadInfo(Broker& broker, std::string call, int tries) {
  const absl::StatusOr<std::string> answer = co_await Call(broker, call, "", tries);
  if (absl::IsNotFound(answer.status())) co_return std::optional<Json>();
  if (!answer.ok()) co_return WithContext(answer.status(), call);
  const Json info = Json::parse(*answer, nullptr, false);
  const auto config = info.is_object() ? info.find("config") : info.end();
  if (!info.is_object() || config == info.end() || !config->is_object()) {
    co_return absl::UnavailableError(absl::StrCat(call, ": the broker's answer cannot be read"));
  }
  co_return std::optional<Json>(info);
}

asio::awaitable<absl::StatusOr<PlannedConsumer>> LookAtConsumer(Broker& broker, std::string stream,
                                                                ConsumerSettings settings, bool stream_exists,
                                                                int tries) {
  PlannedConsumer planned;
  planned.title = absl::StrCat("consumer ", stream, "/", settings.name);
  planned.create_call = absl::StrCat("CONSUMER.CREATE.", stream, ".", settings.name);
  planned.want = ConsumerJson(settings);
  if (stream_exists) {
    std::string call = absl::StrCat("CONSUMER.INFO.", stream, ".", settings.name);
    const absl::StatusOr<std::optional<Json>> info = co_await ReadInfo(broker, std::move(call), tries);
    if (!info.ok()) co_return info.status();
    if (info->has_value()) planned.have = (**info)["config"];
  }
  co_return planned;
}

// As many as cannot be told: some.
std::uint64_t MessagesIn(const Json& info) {
  const auto state = info.find("state");
  if (state == info.end() || !state->is_object()) return 1;
  const auto messages = state->find("messages");
  return messages != state->end() && messages->is_number_unsigned() ? messages->get<std::uint64_t>() : 1;
}

asio::awaitable<absl::StatusOr<PlannedStream>> LookAtStream(Broker& broker, StreamSettings settings,
                                                            const QueueConfig& config, bool with_consumers,
                                                            int tries) {
  PlannedStream planned;
  planned.settings = std::move(settings);
  planned.want = StreamJson(planned.settings, config);
  const absl::StatusOr<std::optional<Json>> info =
      co_await ReadInfo(broker, absl::StrCat("STREAM.INFO.", planned.settings.name), tries);
  if (!info.ok()) co_return info.status();
  if (info->has_value()) {
    planned.have = (**info)["config"];
    planned.messages = MessagesIn(**info);
  }
  if (!with_consumers) co_return planned;
  for (const ConsumerSettings& consumer : planned.settings.consumers) {
    absl::StatusOr<PlannedConsumer> looked =
        co_await LookAtConsumer(broker, planned.settings.name, consumer, planned.have.has_value(), tries);
    if (!looked.ok()) co_return looked.status();
    planned.consumers.push_back(*std::move(looked));
  }
  co_return planned;
}

std::string FixedSentence(const std::string& title, const Difference& difference) {
  return absl::StrCat(title, " has ", difference.key, " ", ShowValue(difference.key, difference.have),
                      " and needs ", ShowValue(difference.key, difference.want),
                      ", which cannot be changed in place: empty it, delete it and provision again");
}

// OK if everything that is there can become what is wanted.
absl::Status CheckPlan(const std::vector<PlannedStream>& plan, const QueueConfig& config) {
  for (const PlannedStream& stream : plan) {
    if (!stream.have.has_value() || stream.MadeAnew()) continue;
    if (std::string problem = LayoutProblem(stream.settings, *stream.have, config); !problem.empty()) {
      return absl::FailedPreconditionError(problem);
    }
    for (const Difference& difference : CompareStream(*stream.have, stream.want)) {
      if (difference.fixed)
        return absl::FailedPreconditionError(FixedSentence(stream.settings.title, difference));
    }
    for (const PlannedConsumer& consumer : stream.consumers) {
      if (!consumer.have.has_value()) continue;
      for (const Difference& difference : CompareConsumer(*consumer.have, consumer.want)) {
        if (difference.fixed) return absl::FailedPreconditionError(FixedSentence(consumer.title, difference));
      }
    }
  }
  return absl::OkStatus();
}

// The server's refusals that an operator can mend, in the operator's words.
absl::Status Explain(const absl::Status& status, const std::string& title) {
  const std::string text(Message(status));
  const auto has = [&text](const char* error_code) { return absl::StrContains(text, error_code); };
  if (has("10047") || has("10023") || has("10002") || has("10028")) {
    return absl::FailedPreconditionError(absl::StrCat(
        title,
        ": the server has no room for it: lower queue.capacity, or raise the server's max_file_store "
        "or the account's limit (",
        text, ")"));
  }
  if (has("10074") || has("10005")) {
    return absl::FailedPreconditionError(absl::StrCat(
        title, ": the cluster has fewer servers with JetStream than queue.replicas asks for (", text, ")"));
  }
  if (has("10065")) {
    return absl::FailedPreconditionError(
        absl::StrCat(title, ": another stream of this account already takes its subjects (", text, ")"));
  }
  return WithContext(status, title);
}

std::string ShowChanges(const std::vector<Difference>& differences) {
  return absl::StrJoin(differences, ", ", [](std::string* out, const Difference& difference) {
    out->append(ShowChange(difference));
  });
}

// What is there with our settings over it, so that what others set (placement, metadata) stays.
Json Merge(const Json& have, const std::vector<Difference>& differences) {
  Json merged = have;
  for (const Difference& difference : differences) merged[difference.key] = difference.want;
  return merged;
}

bool MergeMetadata(Json& config, const Json& want) {
  bool changed = false;
  for (const auto& [key, value] : want["metadata"].items()) {
    Json& have = config["metadata"][key];
    if (have == value) continue;
    have = value;
    changed = true;
  }
  return changed;
}

asio::awaitable<absl::StatusOr<std::string>> ApplyStream(Broker& broker, const PlannedStream& stream) {
  const std::string& name = stream.settings.name;
  std::string call = absl::StrCat("STREAM.CREATE.", name);
  std::string action = "created";
  Json body = stream.want;
  if (stream.MadeAnew()) {
    const absl::StatusOr<std::string> deleted =
        co_await Call(broker, absl::StrCat("STREAM.DELETE.", name), "", kTries);
    if (!deleted.ok() && !absl::IsNotFound(deleted.status()))
      co_return Explain(deleted.status(), stream.settings.title);
    action = "made anew, it was empty";
  } else if (stream.have.has_value()) {
    const std::vector<Difference> differences = CompareStream(*stream.have, stream.want);
    body = Merge(*stream.have, differences);
    const bool new_metadata = MergeMetadata(body, stream.want);
    if (differences.empty() && !new_metadata) co_return std::string("unchanged");
    call = absl::StrCat("STREAM.UPDATE.", name);
    action = differences.empty() ? "updated metadata" : "updated " + ShowChanges(differences);
  }
  const absl::StatusOr<std::string> answer = co_await Call(broker, std::move(call), body.dump(), kTries);
  if (!answer.ok()) co_return Explain(answer.status(), stream.settings.title);
  co_return action;
}

asio::awaitable<absl::StatusOr<std::string>> ApplyConsumer(Broker& broker, const std::string& stream,
                                                           const PlannedConsumer& consumer) {
  std::string action = "created";
  Json body{{"stream_name", stream}, {"action", "create"}, {"config", consumer.want}};
  if (consumer.have.has_value()) {
    const std::vector<Difference> differences = CompareConsumer(*consumer.have, consumer.want);
    if (differences.empty()) co_return std::string("unchanged");
    body["action"] = "update";
    body["config"] = Merge(*consumer.have, differences);
    action = "updated " + ShowChanges(differences);
  }
  const absl::StatusOr<std::string> answer = co_await Call(broker, consumer.create_call, body.dump(), kTries);
  if (!answer.ok()) co_return Explain(answer.status(), consumer.title);
  co_return action;
}

// Sentences about one stream and its consumers, for Verify.
void Report(const PlannedStream& stream, const QueueConfig& config, ServiceRole role,
            std::vector<std::string>& sentences) {
  const auto mend = [](const std::string& title) {
    return absl::StrCat(title, " is missing: run `goniec provision` with this configuration");
  };
  const auto differs = [](const std::string& title, const Difference& difference) {
    return absl::StrCat(title, " has ", difference.key, " ", ShowValue(difference.key, difference.have),
                        ", expected ", ShowValue(difference.key, difference.want),
                        ": run `goniec provision` with this configuration");
  };
  const std::string& title = stream.settings.title;
  if (!stream.have.has_value()) {
    sentences.push_back(mend(title));
    return;
  }
  const bool shards_matter = role == ServiceRole::kOutbound;
  if (std::string problem = LayoutProblem(stream.settings, *stream.have, config, shards_matter);
      !problem.empty()) {
    sentences.push_back(std::move(problem));
  }
  for (const Difference& difference : CompareStream(*stream.have, stream.want)) {
    if (difference.harmful) sentences.push_back(differs(title, difference));
  }
  for (const PlannedConsumer& consumer : stream.consumers) {
    if (!consumer.have.has_value()) {
      sentences.push_back(mend(consumer.title));
      continue;
    }
    for (const Difference& difference : CompareConsumer(*consumer.have, consumer.want)) {
      if (difference.harmful) sentences.push_back(differs(consumer.title, difference));
    }
  }
}

// The version of the server that is connected, checked.
absl::Status CheckConnectedServer(const Broker& broker) {
  if (!broker.connected() || broker.server_version().empty()) {
    const std::string why = broker.last_error();
    return absl::UnavailableError(absl::StrCat("not connected to the broker", why.empty() ? "" : ": ", why));
  }
  return CheckServerVersion(broker.server_version());
}

}  // namespace

absl::Status CheckServerVersion(const std::string& version) {
  const std::vector<std::string> parts = absl::StrSplit(version, absl::MaxSplits('.', 2));
  int major = 0;
  int minor = 0;
  const bool readable =
      parts.size() >= 2 && absl::SimpleAtoi(parts[0], &major) && absl::SimpleAtoi(parts[1], &minor);
  if (readable && (major > kLeastMajor || (major == kLeastMajor && minor >= kLeastMinor)))
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("nats-server ", version.empty() ? "of unknown version" : version,
                   " is too old: goniec needs ", kLeastMajor, ".", kLeastMinor, " or newer"));
}

asio::awaitable<absl::StatusOr<std::vector<ProvisionChange>>> Provision(Broker& broker, QueueConfig config) {
  if (absl::Status status = CheckConnectedServer(broker); !status.ok()) co_return status;
  // Everything is looked at before anything is touched: a refusal leaves the broker as it was.
  std::vector<PlannedStream> plan;
  for (StreamSettings& settings : ExpectedStreams(config)) {
    absl::StatusOr<PlannedStream> planned =
        co_await LookAtStream(broker, std::move(settings), config, true, kTries);
    if (!planned.ok()) co_return planned.status();
    plan.push_back(*std::move(planned));
  }
  if (absl::Status status = CheckPlan(plan, config); !status.ok()) co_return status;

  std::vector<ProvisionChange> changes;
  for (const PlannedStream& stream : plan) {
    absl::StatusOr<std::string> action = co_await ApplyStream(broker, stream);
    if (!action.ok()) co_return action.status();
    changes.push_back(ProvisionChange{stream.settings.title, *std::move(action)});
    for (const PlannedConsumer& consumer : stream.consumers) {
      absl::StatusOr<std::string> done = co_await ApplyConsumer(broker, stream.settings.name, consumer);
      if (!done.ok()) co_return done.status();
      changes.push_back(ProvisionChange{consumer.title, *std::move(done)});
    }
  }
  co_return changes;
}

asio::awaitable<absl::StatusOr<std::vector<std::string>>> Verify(Broker& broker, QueueConfig config,
                                                                 ServiceRole role) {
  std::vector<std::string> sentences;
  if (absl::Status status = CheckConnectedServer(broker); absl::IsFailedPrecondition(status)) {
    sentences.emplace_back(Message(status));
    co_return sentences;
  } else if (!status.ok()) {
    co_return status;
  }
  const bool with_consumers = role == ServiceRole::kOutbound;
  for (StreamSettings& settings : ExpectedStreams(config)) {
    if (role == ServiceRole::kInbound && !settings.needed_by_inbound) continue;
    const absl::StatusOr<PlannedStream> planned =
        co_await LookAtStream(broker, std::move(settings), config, with_consumers, 1);
    if (!planned.ok()) co_return planned.status();
    Report(*planned, config, role, sentences);
  }
  co_return sentences;
}

}  // namespace goniec::queue
