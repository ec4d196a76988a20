#include "common/queue/streams/stream_state.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"

namespace goniec::queue {
namespace {

using Json = nlohmann::json;

std::uint64_t Number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

// The epoch if it is not there, or the broker's own way to say "none" (the year 1).
WallTime Time(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return {};
  return std::max(ParseBrokerTime(found->get<std::string>()), WallTime());
}

// Adds one page; the number of subjects that match in all, or nothing if the answer cannot be read.
std::optional<std::uint64_t> AddPage(const std::string& text, StreamState& state) {
  const Json answer = Json::parse(text, nullptr, false);
  if (!answer.is_object()) return std::nullopt;
  const auto found = answer.find("state");
  if (found == answer.end() || !found->is_object()) return std::nullopt;
  state.messages = Number(*found, "messages");
  state.bytes = Number(*found, "bytes");
  state.first_sequence = Number(*found, "first_seq");
  state.last_sequence = Number(*found, "last_seq");
  state.first_time = Time(*found, "first_ts");
  state.last_time = Time(*found, "last_ts");
  state.created = Time(answer, "created");
  std::uint64_t on_page = 0;
  if (const auto subjects = found->find("subjects"); subjects != found->end() && subjects->is_object()) {
    for (const auto& [subject, count] : subjects->items()) {
      if (!count.is_number_unsigned()) return std::nullopt;
      state.subjects[subject] = count.get<std::uint64_t>();
      ++on_page;
    }
  }
  return answer.contains("total") ? Number(answer, "total") : on_page;
}

}  // namespace

asio::awaitable<absl::StatusOr<StreamState>> ReadStreamState(Broker& broker, std::string stream,
                                                             std::string subjects_filter) {
  StreamState state;
  for (;;) {
    Json request = Json::object();
    if (!subjects_filter.empty()) {
      request["subjects_filter"] = subjects_filter;
      request["offset"] = state.subjects.size();
    }
    const std::size_t before = state.subjects.size();
    const absl::StatusOr<std::string> answer = co_await CallApi(
        broker, absl::StrCat("STREAM.INFO.", stream), subjects_filter.empty() ? "" : request.dump());
    if (!answer.ok()) co_return answer.status();
    const std::optional<std::uint64_t> total = AddPage(*answer, state);
    if (!total.has_value()) {
      co_return absl::UnavailableError(absl::StrCat(stream, ": the broker's answer cannot be read"));
    }
    if (subjects_filter.empty() || state.subjects.size() >= *total || state.subjects.size() == before) break;
  }
  co_return state;
}

}  // namespace goniec::queue
