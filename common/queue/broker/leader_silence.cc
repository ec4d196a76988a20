#include "common/queue/broker/leader_silence.h"

#include <algorithm>

namespace goniec::queue {
namespace {

// Above the longest election, with its repeats; well below queue.commit_limit, so that what is in flight is
// still confirmed on the next connection.
constexpr std::chrono::seconds kLongest{12};
// "JetStream system temporarily unavailable": the node knows of no leader of the cluster.
constexpr std::string_view kNoCluster = "\"err_code\":10008";
// "expected no message with this id in flight": a leader that cannot finish the first one says so to each
// repeat.
constexpr std::string_view kStillInFlight = "\"err_code\":10158";
// Answers that say only this are short; longer ones are not searched.
constexpr std::size_t kShort = 512;

bool Says(std::string_view data, std::string_view words) {
  return data.size() <= kShort && data.find(words) != std::string_view::npos;
}

std::size_t IndexOf(LeaderSilence::Kind kind) {
  return kind == LeaderSilence::Kind::kWrite ? 0 : 1;
}

}  // namespace

LeaderSilence::Kind LeaderSilence::KindOf(std::string_view subject) {
  if (subject.starts_with("$JS.API.STREAM.") || subject.starts_with("$JS.API.CONSUMER.")) return Kind::kRead;
  // The rest of the API any server answers by itself; acknowledgements are the consumer's.
  if (subject.starts_with("$JS.")) return Kind::kNone;
  return Kind::kWrite;
}

bool LeaderSilence::FromLeader(Kind kind, int status, std::string_view data) {
  return kind != Kind::kNone && status == 0 && !Says(data, kNoCluster) && !Says(data, kStillInFlight);
}

bool LeaderSilence::Confirmed(int status, std::string_view data) {
  return status == 0 && data.size() <= kShort && Says(data, "\"stream\"") && !Says(data, "\"error\"") &&
         !Says(data, "\"duplicate\"");
}

void LeaderSilence::Asked(Kind kind, BootTime now) {
  if (kind == Kind::kNone) return;
  std::optional<BootTime>& since = since_[IndexOf(kind)];
  if (!since) since = now;
}

void LeaderSilence::Answered(Kind kind) {
  if (kind != Kind::kNone) since_[IndexOf(kind)].reset();
}

bool LeaderSilence::TooLong(BootTime now) const {
  return std::any_of(since_.begin(), since_.end(),
                     [now](const auto& since) { return since && now - *since >= kLongest; });
}

}  // namespace goniec::queue
