// `goniec quarantine`: what workers have set aside, and how it gets back into the queue.
#include <google/protobuf/text_format.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/run_to_end.h"
#include "common/base/text.h"
#include "common/queue/broker/broker.h"
#include "common/queue/hold/quarantine.h"
#include "common/queue/model/record_check.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/cli/client.h"
#include "outbound/cli/command.h"
#include "outbound/cli/queue_access.h"
#include "outbound/cli/render.h"

namespace goniec::cli {
namespace {

constexpr std::array kFlags = std::to_array<FlagSpec>(
    {{"config", FlagKind::kOne, "FILE", "configuration of goniec-outbound; its section `queue` is read"},
     {"anyway", FlagKind::kSwitch, "", "return: also what would be set aside again"},
     {"json", FlagKind::kSwitch, "", "list: one line of JSON a record"}});

constexpr std::size_t kMostReason = 200;

std::string Time(WallTime time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromChrono(time), absl::UTCTimeZone());
}

std::string AsJson(const queue::SetAside& record) {
  const nlohmann::ordered_json object = {{"sequence", record.sequence}, {"since", Time(record.since)},
                                         {"subject", record.subject},   {"origin", record.origin},
                                         {"reason", record.why},        {"size", record.payload.size()}};
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

absl::Status List(queue::Broker& broker, const Flags& flags) {
  const auto records = RunToEnd(queue::ListSetAside(broker));
  if (!records.ok()) return records.status();
  std::vector<std::vector<std::string>> rows = {{"SEQUENCE", "SINCE", "SIZE", "SUBJECT", "REASON"}};
  for (const queue::SetAside& record : *records) {
    if (flags.Has("json")) std::fputs(AsJson(record).c_str(), stdout);
    rows.push_back({absl::StrCat(record.sequence), Time(record.since), absl::StrCat(record.payload.size()),
                    record.subject, Printable(record.why, kMostReason)});
  }
  if (flags.Has("json")) return absl::OkStatus();
  std::fputs(records->empty() ? "Nothing is set aside.\n" : Table(rows).c_str(), stdout);
  return absl::OkStatus();
}

// The record as this version reads it, without what nobody else should see: bodies are not shown.
std::string Content(const queue::SetAside& record) {
  queue::v1::Record read;
  if (!read.ParseFromString(record.payload)) return "not a record\n";
  for (queue::v1::Mail& mail : *read.mutable_mails()) {
    if (mail.has_inline_body())
      mail.set_inline_body(absl::StrCat("(", mail.inline_body().size(), " octets, not shown)"));
  }
  std::string text;
  google::protobuf::TextFormat::PrintToString(read, &text);
  return text;
}

absl::Status Show(const queue::SetAside& record) {
  queue::v1::Record read;
  const bool parsed = read.ParseFromString(record.payload);
  const absl::Status now =
      parsed ? queue::CheckRecord(read, record.subject) : absl::InvalidArgumentError("not a record");
  const std::string text =
      Table({{"SUBJECT", record.subject},
             {"ORIGIN", Printable(record.origin, kMostReason)},
             {"SINCE", Time(record.since)},
             {"SIZE", absl::StrCat(record.payload.size())},
             {"REASON", Printable(record.why, kMostReason)},
             {"FOR THIS VERSION", now.ok() ? "a good record" : std::string(now.message())}});
  std::fputs(absl::StrCat(text, "\n", Content(record)).c_str(), stdout);
  return absl::OkStatus();
}

absl::Status Return(queue::Broker& broker, const queue::QueueConfig& config, const queue::SetAside& record,
                    bool anyway) {
  queue::v1::Record read;
  const absl::Status good = read.ParseFromString(record.payload) ? queue::CheckRecord(read, record.subject)
                                                                 : absl::InvalidArgumentError("not a record");
  if (!good.ok() && !anyway) {
    return absl::FailedPreconditionError(absl::StrCat("a worker of this version would set it aside again (",
                                                      good.message(), "); --anyway returns it all the same"));
  }
  const auto returned = RunToEnd(queue::ReturnSetAside(broker, config, record));
  if (!returned.ok()) return returned.status();
  std::printf("Returned to %s as %s %llu.\n", record.subject.c_str(), returned->stream.c_str(),
              static_cast<unsigned long long>(returned->sequence));
  return absl::OkStatus();
}

absl::Status Quarantine(const Flags& flags) {
  const std::vector<std::string>& arguments = flags.arguments();
  const std::string what = arguments.empty() ? "list" : arguments[0];
  const bool list = what == "list";
  if (!list && what != "show" && what != "return") return UsageError("it is list, show or return");
  std::uint64_t sequence = 0;
  if (list ? arguments.size() > 1 : arguments.size() != 2 || !absl::SimpleAtoi(arguments[1], &sequence)) {
    return UsageError(list ? "unexpected argument"
                           : "the sequence that `goniec quarantine list` shows is missing");
  }
  if (!flags.Has("config")) return UsageError("--config FILE is missing");
  const auto config = LoadQueueConfig(flags.One("config"));
  if (!config.ok()) return config.status();
  const auto broker = ConnectToQueue(*config, "goniec quarantine");
  if (!broker.ok()) return broker.status();
  if (list) return List(**broker, flags);
  const auto record = RunToEnd(queue::FindSetAside(**broker, sequence));
  if (!record.ok()) return record.status();
  return what == "show" ? Show(*record) : Return(**broker, *config, *record, flags.Has("anyway"));
}

}  // namespace

const Command kQuarantineCommand = {
    .name = "quarantine",
    .arguments = "list|show SEQUENCE|return SEQUENCE --config FILE",
    .summary = "records that workers have set aside",
    .details =
        "list says what is set aside and why; show prints one record, bodies left out. return puts one back "
        "where\n"
        "it was and deletes it here once that is durable; its worker looks first at what has become of its "
        "mail.\n"
        "The broker's user needs the rights of outbound.",
    .flags = kFlags,
    .run = Quarantine,
};

}  // namespace goniec::cli
