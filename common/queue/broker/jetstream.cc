#include "common/queue/broker/jetstream.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/await.h"
#include "common/base/text.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::milliseconds kReadLimit{5'000};
// A slower one tells the broker's time too badly.
constexpr std::chrono::seconds kFreshAnswer{1};
constexpr int kNoResponders = 503;
constexpr int kEndOfBatch = 204;
constexpr int kNoMessage = 404;

// Codes of JetStream after which the record is certain not to be stored.
constexpr int kErrFull[] = {10023 /* resources */, 10002 /* account limit */, 10047 /* store failed: limit */,
                            10077 /* max_bytes */};
constexpr int kErrNotStored[] = {10054 /* payload over the stream's limit */, 10167 /* inflight */,
                                 10210 /* stream sealed or closed */};

template <std::size_t N>
bool Contains(const int (&codes)[N], int code) {
  return std::find(std::begin(codes), std::end(codes), code) != std::end(codes);
}

std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t Number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
}

absl::Status ApiError(const Json& error) {
  const int code = static_cast<int>(Number(error, "code"));
  const std::string text = absl::StrCat(Text(error, "description"), " (", Number(error, "err_code"), ")");
  if (code == 404) return absl::NotFoundError(text);
  if (code == 400) return absl::FailedPreconditionError(text);
  return absl::UnavailableError(text);
}

// Header lines "NATS/1.0\r\nKey: value\r\n…" as stored.
Headers ParseStoredHeaders(std::string_view block) {
  Headers headers;
  std::size_t at = block.find("\r\n");
  while (at != std::string_view::npos && at + 2 < block.size()) {
    const std::size_t begin = at + 2;
    at = block.find("\r\n", begin);
    const std::string_view line = block.substr(begin, at == std::string_view::npos ? at : at - begin);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    headers.emplace_back(std::string(line.substr(0, colon)),
                         std::string(TrimAsciiSpace(line.substr(colon + 1))));
  }
  return headers;
}

absl::StatusOr<StoredMessage> ReadStoredMessage(const std::string& json) {
  const Json answer = Json::parse(json, nullptr, false);
  if (!answer.is_object() || !answer.contains("message")) {
    return absl::UnavailableError("the broker's answer is not a stored message");
  }
  const Json& message = answer["message"];
  StoredMessage stored;
  stored.subject = Text(message, "subject");
  stored.sequence = Number(message, "seq");
  stored.stored_at = ParseBrokerTime(Text(message, "time"));
  std::string headers;
  if (!absl::Base64Unescape(Text(message, "data"), &stored.data) ||
      !absl::Base64Unescape(Text(message, "hdrs"), &headers)) {
    return absl::UnavailableError("the broker's answer is not valid base64");
  }
  stored.headers = ParseStoredHeaders(headers);
  return stored;
}

// Several requests at once; the answers in the order of the requests.
asio::awaitable<std::vector<Reply>> RequestTogether(Broker& broker, std::vector<OutgoingMessage> messages,
                                                    std::chrono::milliseconds limit) {
  using Replies = std::vector<Reply>;
  struct Together {
    std::mutex mutex;  // answers come on the broker's thread, refusals perhaps on ours
    Replies replies;
    std::size_t open;
    std::function<void(Replies)> done;
  };
  if (messages.empty()) co_return Replies();
  co_return co_await AwaitCallback<Replies>(
      [&broker, limit, messages = std::move(messages)](std::function<void(Replies)> done) mutable {
        const auto together = std::make_shared<Together>();
        together->replies.resize(messages.size());
        together->open = messages.size();
        together->done = std::move(done);
        for (std::size_t i = 0; i < messages.size(); ++i) {
          broker.Request(std::move(messages[i]), limit, [together, i](Reply reply) {
            {
              const std::lock_guard lock(together->mutex);
              together->replies[i] = std::move(reply);
              if (--together->open > 0) return;
            }
            together->done(std::move(together->replies));
          });
        }
      });
}

OutgoingMessage RequestOf(ApiCall call) {
  OutgoingMessage request;
  request.subject = absl::StrCat("$JS.API.", call.call);
  request.payload = std::make_shared<const std::string>(std::move(call.json));
  return request;
}

struct ApiAnswer {
  std::string text;
  WallTime described_at;  // of a stream; else the epoch
};

absl::StatusOr<ApiAnswer> ReadApiAnswer(const Reply& reply) {
  if (!reply.message.ok()) return reply.message.status();
  if (reply.message->status == kNoResponders) {
    return absl::UnavailableError(
        "JetStream does not answer: it is not enabled, or this user may not ask it");
  }
  std::string text(reply.message->data);
  const Json answer = Json::parse(text, nullptr, false);
  if (!answer.is_object()) return absl::UnavailableError("JetStream's answer cannot be read");
  if (const auto error = answer.find("error"); error != answer.end()) return ApiError(*error);
  return ApiAnswer{std::move(text), ParseBrokerTime(Text(answer, "ts"))};
}

// Collects the messages of a direct batch until the end mark.
class BatchCollector {
 public:
  explicit BatchCollector(std::function<void(absl::StatusOr<DirectBatch>)> done) : done_(std::move(done)) {}

  bool Take(Reply reply) {
    if (!reply.message.ok()) return End(reply.message.status());
    IncomingMessage& message = *reply.message;
    switch (message.status) {
      case kEndOfBatch: {
        if (!Follows(message)) return End(Gap());
        std::uint64_t pending = 0;
        if (absl::SimpleAtoi(message.Header("Nats-Num-Pending"), &pending)) batch_.pending = pending;
        return End(std::move(batch_));
      }
      case kNoMessage:
        return End(std::move(batch_));
      case kNoResponders:
        return End(absl::UnavailableError("no server answers for the stream"));
      case 0:
        break;
      default:
        return End(
            absl::UnavailableError(absl::StrCat("direct get: ", message.status, " ", message.description)));
    }
    StoredMessage stored;
    stored.subject = message.Header("Nats-Subject");
    if (!absl::SimpleAtoi(message.Header("Nats-Sequence"), &stored.sequence)) {
      return End(absl::UnavailableError("direct get: an answer without sequence"));
    }
    if (!Follows(message)) return End(Gap());
    last_ = stored.sequence;
    stored.stored_at = ParseBrokerTime(message.Header("Nats-Time-Stamp"));
    stored.data = std::string(message.data);
    for (const char* name : {kHeaderSchedule, kHeaderOrigin}) {
      if (std::string value = message.Header(name); !value.empty()) {
        stored.headers.emplace_back(name, std::move(value));
      }
    }
    batch_.messages.push_back(std::move(stored));
    return false;
  }

 private:
  // Each says which one was sent before it, the first one 0: a message that was lost on the way would look as
  // if it were not there.
  [[nodiscard]] bool Follows(const IncomingMessage& message) const {
    std::uint64_t before = 0;
    return absl::SimpleAtoi(message.Header("Nats-Last-Sequence"), &before) && before == last_;
  }
  static absl::Status Gap() { return absl::UnavailableError("direct get: a gap in the batch"); }
  bool End(absl::StatusOr<DirectBatch> result) {
    done_(std::move(result));
    return true;
  }

  std::function<void(absl::StatusOr<DirectBatch>)> done_;
  DirectBatch batch_;
  std::uint64_t last_ = 0;
};

}  // namespace

WallTime ParseBrokerTime(const std::string& text) {
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return {};
  return std::chrono::time_point_cast<WallTime::duration>(absl::ToChronoTime(time));
}

PublishResult ReadPublishReply(const Reply& reply) {
  PublishResult result;
  if (!reply.message.ok()) {
    result.state = reply.sent == Sent::kNo ? PublishState::kNotStored : PublishState::kUnknown;
    result.status = reply.message.status();
    return result;
  }
  if (reply.message->status == kNoResponders) {
    result.state = PublishState::kNotStored;
    result.no_stream = true;
    result.status =
        absl::UnavailableError("no stream takes the subject (not provisioned, or without leader)");
    return result;
  }
  const Json answer = Json::parse(reply.message->data.begin(), reply.message->data.end(), nullptr, false);
  if (!answer.is_object()) {
    result.status = absl::UnavailableError("the broker's acknowledgement cannot be read");
    return result;
  }
  if (const auto error = answer.find("error"); error != answer.end()) {
    result.error_code = static_cast<int>(Number(*error, "err_code"));
    const std::string text = absl::StrCat(Text(*error, "description"), " (", result.error_code, ")");
    const bool full = Contains(kErrFull, result.error_code);
    result.state = full || Contains(kErrNotStored, result.error_code) ? PublishState::kNotStored
                                                                      : PublishState::kUnknown;
    result.status = full ? absl::ResourceExhaustedError(text) : absl::UnavailableError(text);
    return result;
  }
  result.state = PublishState::kStored;
  result.stream = Text(answer, "stream");
  result.sequence = Number(answer, "seq");
  const auto duplicate = answer.find("duplicate");
  result.duplicate = duplicate != answer.end() && duplicate->is_boolean() && duplicate->get<bool>();
  if (result.stream.empty() || result.sequence == 0) {
    // Whoever answered, it was not a stream.
    result.state = PublishState::kUnknown;
    result.status = absl::UnavailableError("the broker's acknowledgement names no stream");
  }
  return result;
}

asio::awaitable<PublishResult> PublishAcknowledged(Broker& broker, OutgoingMessage message,
                                                   std::chrono::milliseconds limit) {
  const Reply reply = co_await broker.Request(std::move(message), limit);
  co_return ReadPublishReply(reply);
}

asio::awaitable<std::vector<PublishResult>> PublishTogether(Broker& broker,
                                                            std::vector<OutgoingMessage> messages,
                                                            std::chrono::milliseconds limit) {
  const std::vector<Reply> replies = co_await RequestTogether(broker, std::move(messages), limit);
  std::vector<PublishResult> results;
  results.reserve(replies.size());
  for (const Reply& reply : replies) results.push_back(ReadPublishReply(reply));
  co_return results;
}

asio::awaitable<absl::StatusOr<std::string>> CallApi(Broker& broker, std::string call, std::string json,
                                                     std::chrono::milliseconds limit) {
  const BootTime asked = BootClock::now();
  const Reply reply = co_await broker.Request(RequestOf({std::move(call), std::move(json)}), limit);
  const BootTime answered = BootClock::now();
  absl::StatusOr<ApiAnswer> answer = ReadApiAnswer(reply);
  if (!answer.ok()) co_return answer.status();
  // Streams are described with the time of the description. It is as old as the answer was on its way.
  if (answer->described_at != WallTime() && answered - asked < kFreshAnswer) {
    broker.LearnTime(answer->described_at, answered);
  }
  co_return std::move(answer->text);
}

asio::awaitable<absl::Status> CallTogether(Broker& broker, std::vector<ApiCall> calls,
                                           std::chrono::milliseconds limit) {
  std::vector<OutgoingMessage> messages;
  messages.reserve(calls.size());
  for (ApiCall& call : calls) messages.push_back(RequestOf(std::move(call)));
  const std::vector<Reply> replies = co_await RequestTogether(broker, std::move(messages), limit);
  for (const Reply& reply : replies) {
    const absl::StatusOr<ApiAnswer> answer = ReadApiAnswer(reply);
    if (!answer.ok()) co_return answer.status();
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<StoredMessage>> GetNextMessage(Broker& broker, std::string stream,
                                                              std::string subject,
                                                              std::uint64_t from_sequence) {
  const Json request = {{"seq", from_sequence}, {"next_by_subj", subject}};
  absl::StatusOr<std::string> answer =
      co_await CallApi(broker, absl::StrCat("STREAM.MSG.GET.", stream), request.dump(), kReadLimit);
  if (!answer.ok()) co_return answer.status();
  co_return ReadStoredMessage(*answer);
}

asio::awaitable<absl::StatusOr<std::string>> GetDirect(Broker& broker, std::string stream,
                                                       std::string subject) {
  const Reply reply = co_await broker.Request(
      {absl::StrCat("$JS.API.DIRECT.GET.", stream, ".", subject), nullptr, {}}, kReadLimit);
  if (!reply.message.ok()) co_return reply.message.status();
  const IncomingMessage& message = *reply.message;
  if (message.status == kNoMessage) co_return absl::NotFoundError("no message of that subject");
  if (message.status != 0 || message.Header("Nats-Subject") != subject) {
    co_return absl::UnavailableError(absl::StrCat("direct get: ", message.status, " ", message.description));
  }
  co_return std::string(message.data);
}

asio::awaitable<absl::StatusOr<DirectBatch>> GetDirectBatch(Broker& broker, std::string stream,
                                                            std::string subject, int batch,
                                                            std::optional<WallTime> start_time,
                                                            std::uint64_t from_sequence,
                                                            std::size_t max_bytes) {
  Json request = {{"batch", batch}, {"next_by_subj", subject}};
  if (max_bytes > 0) request["max_bytes"] = max_bytes;
  if (from_sequence > 0) {
    request["seq"] = from_sequence;
  } else if (start_time) {
    request["start_time"] =
        absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", absl::FromChrono(*start_time), absl::UTCTimeZone());
  } else {
    request["seq"] = 1;
  }
  OutgoingMessage message;
  message.subject = absl::StrCat("$JS.API.DIRECT.GET.", stream);
  message.payload = std::make_shared<const std::string>(request.dump());
  co_return co_await AwaitCallback<absl::StatusOr<DirectBatch>>(
      [&broker, message = std::move(message)](std::function<void(absl::StatusOr<DirectBatch>)> done) mutable {
        auto collector = std::make_shared<BatchCollector>(std::move(done));
        broker.RequestMany(std::move(message), kReadLimit,
                           [collector](Reply reply) { return collector->Take(std::move(reply)); });
      });
}

}  // namespace goniec::queue
