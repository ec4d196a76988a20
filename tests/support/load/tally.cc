#include "tests/support/load/tally.h"

#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace goniec::load {
namespace {

struct Column {
  const char* text;
  const char* json;
  double percent;
};
constexpr std::array kColumns = std::to_array<Column>({
    {"p50", "p50", 50},
    {"p90", "p90", 90},
    {"p99", "p99", 99},
    {"p99.9", "p99_9", 99.9},
});

constexpr int kMostLost = 100;  // in a row
constexpr std::size_t kMostReasons = 16;
constexpr const char* kOtherReasons = "others";

double Milliseconds(Tally::Time time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

double Seconds(Tally::Time time) {
  return std::chrono::duration<double>(time).count();
}

// The text is escaped for a terminal already (Printable), which leaves quotes and backslashes.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

void AppendReason(std::string* json, const std::pair<const std::string, std::uint64_t>& reason) {
  absl::StrAppend(json, Quoted(reason.first), ":", reason.second);
}

}  // namespace

void Tally::Accepted(Time due, Time now) {
  ++accepted_;
  lost_in_a_row_ = 0;
  last_ = now;
  if (now <= in_time_until) ++in_time_;
  latency_.Record(now - due);
}

void Tally::Refused(Time now, std::string reply) {
  Count(reply);
  if (refused_++ == 0) first_refusal_ = std::move(reply);
  lost_in_a_row_ = 0;
  last_ = now;
}

void Tally::Lost(Time now, std::string reason) {
  Count(reason);
  if (lost_++ == 0) first_loss_ = reason;
  last_loss_ = std::move(reason);
  ++lost_in_a_row_;
  last_ = now;
}

void Tally::Count(const std::string& reason) {
  const bool known = reasons_.contains(reason) || reasons_.size() < kMostReasons;
  ++reasons_[known ? reason : kOtherReasons];
}

double Tally::Rate() const {
  return last_.count() > 0 ? static_cast<double>(accepted_) / Seconds(last_) : 0;
}

double Tally::ProcessorMicroseconds() const {
  return ended() > 0
             ? std::chrono::duration<double, std::micro>(processor).count() / static_cast<double>(ended())
             : 0;
}

std::string Tally::Text(const Options& options) const {
  const bool smtp = options.protocol == Options::Protocol::kSmtp;
  std::string text =
      absl::StrFormat("%s %s: mails of %d octets, ", smtp ? "smtp" : "grpc", options.target, options.size);
  if (options.rate > 0) {
    absl::StrAppendFormat(&text, "%g a second, at most %d %s\n", options.rate, options.sessions,
                          smtp ? "connections" : "calls in flight");
  } else {
    absl::StrAppendFormat(&text, "%d %s\n", options.sessions, smtp ? "sessions" : "calls in flight");
  }
  absl::StrAppendFormat(&text, "accepted     %d   refused %d   lost %d\n", accepted_, refused_, lost_);
  absl::StrAppendFormat(&text, "rate         %.1f mails/s over %.2f s\n", Rate(), Seconds(last_));
  if (options.rate > 0) {
    absl::StrAppendFormat(&text, "in time      %d by %.2f s\n", in_time_, Seconds(in_time_until));
  }
  absl::StrAppend(&text, "latency, ms ");
  for (const Column& column : kColumns) {
    absl::StrAppendFormat(&text, " %s %.2f  ", column.text,
                          Milliseconds(latency_.Percentile(column.percent)));
  }
  absl::StrAppendFormat(&text, " max %.2f\n", Milliseconds(latency_.max()));
  absl::StrAppendFormat(&text, "own CPU      %.1f µs a mail\n", ProcessorMicroseconds());
  absl::StrAppendFormat(&text, "connections  %d\n", connections);
  if (waited > 0) absl::StrAppendFormat(&text, "waited       %d mails for a free one\n", waited);
  return text;
}

std::string Tally::Json(const Options& options) const {
  std::string json = absl::StrFormat(
      R"({"protocol":"%s","size":%d,"sessions":%d,"rate_wanted":%g,"accepted":%d,"refused":%d,"lost":%d,)"
      R"("seconds":%.6f,"rate":%.3f,"latency_ms":{)",
      options.protocol == Options::Protocol::kSmtp ? "smtp" : "grpc", options.size, options.sessions,
      options.rate, accepted_, refused_, lost_, Seconds(last_), Rate());
  for (const Column& column : kColumns) {
    absl::StrAppendFormat(&json, R"("%s":%.4f,)", column.json,
                          Milliseconds(latency_.Percentile(column.percent)));
  }
  absl::StrAppendFormat(&json, R"("max":%.4f},"cpu_us_per_mail":%.3f,"connections":%d,"waited":%d)",
                        Milliseconds(latency_.max()), ProcessorMicroseconds(), connections, waited);
  if (options.rate > 0) absl::StrAppend(&json, ",\"in_time\":", in_time_);
  if (refused_ > 0) absl::StrAppend(&json, ",\"first_refusal\":", Quoted(first_refusal_));
  if (lost_ > 0) absl::StrAppend(&json, ",\"first_loss\":", Quoted(first_loss_));
  if (!reasons_.empty()) {
    absl::StrAppend(&json, ",\"failures\":{", absl::StrJoin(reasons_, ",", AppendReason), "}");
  }
  return json + "}\n";
}

absl::Status Tally::Verdict() const {
  std::string line;
  if (refused_ > 0) {
    line = absl::StrCat(refused_, " of ", ended(), " mails were refused, the first: ", first_refusal_);
  }
  if (lost_ > 0) {
    absl::StrAppend(&line, line.empty() ? "" : "; ", lost_, " of ", ended(),
                    " were lost, the first: ", first_loss_);
  }
  return line.empty() ? absl::OkStatus() : absl::UnavailableError(line);
}

absl::Status Tally::GoOn(const Options& options) const {
  if (options.rate > 0 || lost_in_a_row_ < kMostLost) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("given up: ", kMostLost, " mails in a row were lost, the last: ", last_loss_));
}

}  // namespace goniec::load
