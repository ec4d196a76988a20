#include "outbound/cli/render.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/text.h"
#include "common/config/units.h"

namespace goniec::cli {
namespace {

// As many columns as a terminal shows for it: code points, close enough.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string TimeText(const google::protobuf::Timestamp& stamp) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixSeconds(stamp.seconds()),
                          absl::UTCTimeZone());
}

std::string SpanText(const google::protobuf::Duration& span) {
  return config::FormatDuration(std::chrono::milliseconds(span.seconds() * 1000 + span.nanos() / 1'000'000));
}

std::string SizeText(std::int64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " bytes");
  if (bytes < 1024 * 1024) return absl::StrFormat("%.1f KiB", static_cast<double>(bytes) / 1024);
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1024 * 1024));
}

std::string Line(const char* label, const std::string& value) {
  return value.empty() ? std::string() : absl::StrFormat("%-11s %s\n", label, value);
}

// What decided when no reply did: "NO_SUCH_DOMAIN" as "no such domain".
std::string ReasonText(v1::Outcome::Reason reason) {
  std::string text = AsciiLower(v1::Outcome::Reason_Name(reason));
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string When(const v1::RecipientStatus& recipient) {
  if (recipient.has_end_time()) return TimeText(recipient.end_time());
  if (recipient.has_next_attempt_time()) return "next " + TimeText(recipient.next_attempt_time());
  return "";
}

}  // namespace

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string table;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, i == 0 ? "" : "  ", row[i], std::string(widths[i] - Width(row[i]), ' '));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&table, line, "\n");
  }
  return table;
}

std::string OutcomeText(const v1::Outcome& outcome) {
  const bool expired =
      outcome.reason() == v1::Outcome::EXPIRED && outcome.last_reason() != v1::Outcome::REASON_UNSPECIFIED;
  std::vector<std::string> parts;
  std::string reply = outcome.reply_code() > 0 ? absl::StrCat(outcome.reply_code()) : std::string();
  if (!outcome.enhanced_code().empty())
    absl::StrAppend(&reply, reply.empty() ? "" : " ", outcome.enhanced_code());
  if (!outcome.text().empty())
    absl::StrAppend(&reply, reply.empty() ? "" : " ", Printable(outcome.text(), 300));
  if (reply.empty()) reply = ReasonText(expired ? outcome.last_reason() : outcome.reason());
  parts.push_back(reply);
  if (!outcome.remote_host().empty() || !outcome.remote_ip().empty()) {
    std::string host = absl::StrCat("from ", Printable(outcome.remote_host()));
    if (!outcome.remote_ip().empty()) absl::StrAppend(&host, " [", outcome.remote_ip(), "]");
    if (outcome.remote_port() > 0) absl::StrAppend(&host, ":", outcome.remote_port());
    parts.push_back(host);
  }
  if (outcome.has_tls()) parts.push_back(outcome.tls().version());
  if (outcome.has_latency()) {
    parts.push_back(
        absl::StrCat(outcome.latency().seconds() * 1000 + outcome.latency().nanos() / 1'000'000, " ms"));
  }
  if (outcome.ambiguous()) parts.push_back("ambiguous");
  if (expired) {
    parts.push_back("then the time for delivery was over");
  }
  return absl::StrJoin(parts, ", ");
}

std::string MessageText(const v1::Message& message) {
  std::string text = Line("Message", message.message_id());
  absl::StrAppend(&text, Line("Message-ID", Printable(message.internet_message_id())),
                  Line("From", message.mail_from().empty() ? "<>" : Printable(message.mail_from())),
                  Line("Accepted", TimeText(message.create_time())));
  if (message.has_expire_time()) absl::StrAppend(&text, Line("Expires", TimeText(message.expire_time())));
  if (message.size_bytes() > 0) absl::StrAppend(&text, Line("Size", SizeText(message.size_bytes())));
  if (message.mail_class() == v1::MAIL_CLASS_BULK) absl::StrAppend(&text, Line("Class", "bulk"));
  absl::StrAppend(&text, Line("Tags", Printable(absl::StrJoin(message.tags(), ", "))));
  for (const auto& [key, value] : message.metadata()) {
    absl::StrAppend(&text, Line("Metadata", absl::StrCat(Printable(key), "=", Printable(value))));
  }
  std::vector<std::vector<std::string>> rows = {{"RECIPIENT", "STATE", "ATTEMPTS", "WHEN", "LAST OUTCOME"}};
  for (const v1::RecipientStatus& recipient : message.recipients()) {
    rows.push_back({Printable(recipient.address()), v1::RecipientStatus::State_Name(recipient.state()),
                    absl::StrCat(recipient.attempts()), When(recipient),
                    recipient.has_last_outcome() ? OutcomeText(recipient.last_outcome()) : ""});
  }
  return absl::StrCat(text, "\n", Table(rows));
}

std::string DurabilityText(const v1::Durability& durability) {
  const std::string replicas = durability.replicas() == 0 ? "replicas unknown"
                               : durability.replicas() == 1
                                   ? "1 replica"
                                   : absl::StrCat(durability.replicas(), " replicas");
  switch (durability.sync()) {
    case v1::Durability::FSYNC:
      return replicas + ", fsync";
    case v1::Durability::LAZY:
      return replicas + ", lazy sync (a power cut may lose the last minutes)";
    default:
      return replicas + ", sync unknown";
  }
}

std::string ServerInfoText(const v1::ServerInfo& info) {
  const v1::Limits& limits = info.limits();
  std::string text = Line("Version", info.version());
  absl::StrAppend(
      &text, Line("Serving", info.serving() ? "yes" : "no"),
      Line("Durability", DurabilityText(info.durability())),
      Line("Broker", info.broker_version().empty() ? "unknown" : "nats-server " + info.broker_version()),
      Line("Tenant", info.tenant()), Line("Senders", absl::StrJoin(info.sender_domains(), ", ")),
      Line("Limits",
           absl::StrCat(SizeText(limits.max_message_bytes()), " a message, ", limits.max_recipients(),
                        " recipients, ", SpanText(limits.max_life()), " of life")),
      Line("Expiry",
           absl::StrCat(SpanText(limits.transactional_life()), ", bulk ", SpanText(limits.bulk_life()),
                        ", from <> ", SpanText(limits.null_sender_life()))));
  return text;
}

std::string Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  // Fails only for messages with Any in them.
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return json + "\n";
}

}  // namespace goniec::cli
