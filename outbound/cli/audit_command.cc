// `goniec audit`: proves that nothing is lost, or names what is.
#include <array>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/base/run_to_end.h"
#include "common/base/text.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/events/events.h"
#include "common/queue/events/message_finder.h"
#include "common/queue/tend/audit.h"
#include "outbound/cli/client.h"
#include "outbound/cli/command.h"
#include "outbound/cli/queue_access.h"
#include "outbound/cli/render.h"

namespace goniec::cli {
namespace {

constexpr std::array kFlags = std::to_array<FlagSpec>(
    {{"config", FlagKind::kOne, "FILE", "configuration of goniec-outbound; its section `queue` is read"},
     {"age", FlagKind::kOne, "SECONDS", "mail accepted so long ago must be accounted for (300)"},
     {"close", FlagKind::kOne, "STREAM:FIRST-LAST",
      "note that these records, which are gone, were dealt with: they are not reported any more"},
     kJsonFlag});

std::string AsText(WallTime time) {
  return absl::FormatTime(absl::RFC3339_sec, absl::FromChrono(time), absl::UTCTimeZone());
}

std::string Numbers(const queue::MissingRecords& missing) {
  return missing.first == missing.last ? absl::StrCat(missing.first)
                                       : absl::StrCat(missing.first, "-", missing.last);
}

std::uint64_t CountOf(const std::vector<queue::MissingRecords>& missing) {
  std::uint64_t count = 0;
  for (const queue::MissingRecords& each : missing) count += each.count();
  return count;
}

// READY_0:5-7 or READY_0:5, as the report shows it.
absl::StatusOr<queue::v1::ReadyPlace> ParseRange(const std::string& text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
  const std::pair<std::string, std::string> ends = absl::StrSplit(parts.second, absl::MaxSplits('-', 1));
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  const bool numbers = absl::SimpleAtoi(ends.first, &first) &&
                       absl::SimpleAtoi(ends.second.empty() ? ends.first : ends.second, &last);
  auto place = queue::ReadyPlaceOf(parts.first, first, {});
  if (!numbers || first == 0 || last < first || !place) {
    return UsageError("--close is a stream and its sequences as the audit shows them, e.g. READY_0:5-7");
  }
  place->clear_stored_time();
  place->set_last_sequence(last);
  return *std::move(place);
}

absl::Status Close(queue::Broker& broker, const queue::QueueConfig& config, const std::string& range) {
  const auto place = ParseRange(range);
  if (!place.ok()) return place.status();
  const queue::PublishResult stored = RunToEnd(
      queue::PublishAcknowledged(broker, queue::ReadyNote(config, "", *place), std::chrono::seconds(5)));
  return stored.state == queue::PublishState::kStored ? absl::OkStatus() : stored.status;
}

absl::StatusOr<std::chrono::seconds> AgeOf(const Flags& flags) {
  if (!flags.Has("age")) return std::chrono::seconds(queue::kAuditAge);
  unsigned seconds = 0;
  if (!absl::SimpleAtoi(flags.One("age"), &seconds)) return UsageError("--age is a number of seconds");
  return std::chrono::seconds(seconds);
}

std::string NameOf(queue::v1::EventType type) {
  std::string name = queue::v1::EventType_Name(type);
  if (name.starts_with("EVENT_TYPE_")) name.erase(0, std::string_view("EVENT_TYPE_").size());
  return AsciiLower(name);
}

std::string Text(const queue::AuditReport& report) {
  std::vector<std::vector<std::string>> rows = {{"MESSAGES", absl::StrCat(report.counts.messages)},
                                                {"RECIPIENTS", absl::StrCat(report.counts.recipients)}};
  for (const auto& [type, count] : report.counts.ended)
    rows.push_back({absl::StrCat("  ", NameOf(type)), absl::StrCat(count)});
  rows.push_back({"  queued", absl::StrCat(report.queued)});
  rows.push_back({"  too young to tell", absl::StrCat(report.young)});
  rows.push_back({"  unaccounted", absl::StrCat(report.unaccounted.size())});
  rows.push_back({"RECORDS GONE UNSEEN", absl::StrCat(CountOf(report.missing_records))});
  rows.push_back({"RECORDS IN READY", absl::StrCat(report.ready_records)});
  rows.push_back({"RECORDS SET ASIDE", absl::StrCat(report.quarantined)});
  rows.push_back({"ENDED A SECOND TIME", absl::StrCat(report.counts.second_terminals)});
  if (report.share_bits > 0) rows.push_back({"SHARE LOOKED AT", absl::StrCat("1/", 1 << report.share_bits)});
  std::string text = Table(rows);
  for (const queue::UnaccountedRecipient& lost : report.unaccounted) {
    absl::StrAppend(&text, "unaccounted: ", lost.message_id, " recipient ", lost.index, " ",
                    Printable(lost.address, 254), " tenant ", lost.tenant, " generation ", lost.generation,
                    "\n");
  }
  for (const queue::MissingRecords& missing : report.missing_records) {
    absl::StrAppend(&text, "gone without a trace: ", missing.stream, ":", Numbers(missing),
                    " stored between ", AsText(missing.after), " and ", AsText(missing.before), "\n");
  }
  return text;
}

std::string AsJson(const queue::AuditReport& report) {
  nlohmann::ordered_json object;
  object["messages"] = report.counts.messages;
  object["recipients"] = report.counts.recipients;
  for (const auto& [type, count] : report.counts.ended) object["ended"][NameOf(type)] = count;
  object["queued"] = report.queued;
  object["young"] = report.young;
  object["ready_records"] = report.ready_records;
  object["quarantined_records"] = report.quarantined;
  object["second_terminals"] = report.counts.second_terminals;
  object["share"] = 1.0 / (1 << report.share_bits);
  object["unaccounted"] = nlohmann::ordered_json::array();
  for (const queue::UnaccountedRecipient& lost : report.unaccounted) {
    object["unaccounted"].push_back({{"message", lost.message_id},
                                     {"recipient", lost.index},
                                     {"address", lost.address},
                                     {"tenant", lost.tenant},
                                     {"generation", lost.generation}});
  }
  object["missing_records"] = nlohmann::ordered_json::array();
  for (const queue::MissingRecords& missing : report.missing_records) {
    object["missing_records"].push_back({{"stream", missing.stream},
                                         {"first", missing.first},
                                         {"last", missing.last},
                                         {"stored_after", AsText(missing.after)},
                                         {"stored_before", AsText(missing.before)}});
  }
  object["first_judged"] = report.first_judged;
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

absl::Status Audit(const Flags& flags) {
  if (!flags.arguments().empty()) return UsageError("unexpected argument");
  if (!flags.Has("config")) return UsageError("--config FILE is missing");
  const auto age = AgeOf(flags);
  if (!age.ok()) return age.status();
  const auto config = LoadQueueConfig(flags.One("config"));
  if (!config.ok()) return config.status();
  const auto broker = ConnectToQueue(*config, "goniec audit");
  if (!broker.ok()) return broker.status();
  if (flags.Has("close")) {
    if (absl::Status closed = Close(**broker, *config, flags.One("close")); !closed.ok()) return closed;
  }
  queue::MessageFinder finder(**broker, *config);
  queue::Audit audit(**broker, finder, *config);
  const auto report = RunToEnd(audit.Run({.age = *age}));
  if (!report.ok()) return report.status();
  std::fputs(flags.Has("json") ? AsJson(*report).c_str() : Text(*report).c_str(), stdout);
  if (report->unaccounted.empty() && report->missing_records.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(report->unaccounted.size(), " recipients and ",
                                          CountOf(report->missing_records), " records are unaccounted for"));
}

}  // namespace

const Command kAuditCommand = {
    .name = "audit",
    .arguments = "--config FILE",
    .summary = "whether all accepted mail has ended or is queued",
    .details =
        "Reads all events and the queue, and names every recipient that has neither ended nor lies in a "
        "record,\n"
        "and every record (by its sequence in READY) that is gone without any event.\n"
        "Exit status 0 only if there is none. The broker's user needs the rights of outbound.",
    .flags = kFlags,
    .run = Audit,
};

}  // namespace goniec::cli
