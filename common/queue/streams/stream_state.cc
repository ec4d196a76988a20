#include "common/queue/streams/stream_state.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
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

using EachSubject = std::function<void(const std::string&, std::uint64_t)>;

struct Page {
  std::uint64_t subjects = 0;  // on this page
  std::uint64_t total = 0;     // that match in all
};

// Nothing if the answer cannot be read.
std::optional<Page> ReadPage(const std::string& text, StreamState& state, const EachSubject& each) {
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
  Page page;
  if (const auto subjects = found->find("subjects"); subjects != found->end() && subjects->is_object()) {
    for (const auto& [subject, count] : subjects->items()) {
      if (!count.is_number_unsigned()) return std::nullopt;
      each(subject, count.get<std::uint64_t>());
      ++page.subjects;
    }
  }
  page.total = answer.contains("total") ? Number(answer, "total") : page.subjects;
  return page;
}

asio::awaitable<absl::Status> ReadPages(Broker& broker, std::string stream, std::string filter,
                                        StreamState& state, EachSubject each,
                                        std::chrono::milliseconds limit) {
  std::uint64_t seen = 0;
  for (;;) {
    Json request = Json::object();
    if (!filter.empty()) {
      request["subjects_filter"] = filter;
      request["offset"] = seen;
    }
    const absl::StatusOr<std::string> answer = co_await CallApi(broker, absl::StrCat("STREAM.INFO.", stream),
                                                                filter.empty() ? "" : request.dump(), limit);
    if (!answer.ok()) co_return answer.status();
    const std::optional<Page> page = ReadPage(*answer, state, each);
    if (!page.has_value()) {
      co_return absl::UnavailableError(absl::StrCat(stream, ": the broker's answer cannot be read"));
    }
    seen += page->subjects;
    if (filter.empty() || seen >= page->total || page->subjects == 0) break;
  }
  co_return absl::OkStatus();
}

}  // namespace

asio::awaitable<absl::StatusOr<StreamState>> ReadStreamState(Broker& broker, std::string stream,
                                                             std::string subjects_filter) {
  StreamState state;
  absl::Status read = co_await ReadPages(
      broker, std::move(stream), std::move(subjects_filter), state,
      [&state](const std::string& subject, std::uint64_t messages) { state.subjects[subject] = messages; },
      std::chrono::seconds(5));
  if (!read.ok()) co_return read;
  co_return state;
}

asio::awaitable<absl::Status> ReadSubjects(
    Broker& broker, std::string stream, std::string filter,
    std::function<void(const std::string& subject, std::uint64_t messages)> each,
    std::chrono::milliseconds limit) {
  StreamState state;
  co_return co_await ReadPages(broker, std::move(stream), std::move(filter), state, std::move(each), limit);
}

}  // namespace goniec::queue
