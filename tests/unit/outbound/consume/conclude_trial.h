// Mails, results, and what followed from them, in words: for the tests of conclude.h.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/mail/ulid.h"
#include "common/queue/events/events.h"
#include "outbound/consume/conclude.h"
#include "outbound/route/route.h"

namespace goniec::outbound {

using queue::v1::EventType;
using queue::v1::Mail;
using queue::v1::Reason;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

inline const WallTime kNow = WallTime(hours(400'000));
inline constexpr char kDomain[] = "sink.test";
inline constexpr char kSite[] = "mx:mx.sink.test:25";

inline RetryPolicy Policy() {
  RetryPolicy policy;
  policy.first_delay = minutes(5);
  policy.not_tried_delay = minutes(1);
  policy.jitter_percent = 0;
  return policy;
}

inline queue::v1::Record MakeRecord(std::uint32_t attempts, minutes life) {
  queue::v1::Record record;
  record.set_record_id(mail::NewRecordId(kNow));
  Mail& mail = *record.add_mails();
  mail.set_message_id(mail::MessageIdOf(record.record_id(), 0));
  mail.set_tenant("default");
  mail.set_generation(2);
  mail.set_attempts(attempts);
  *mail.mutable_accept_time() = queue::ToProto(kNow - hours(1));
  *mail.mutable_expire_time() = queue::ToProto(kNow + life);
  for (std::uint32_t index = 0; index < 4; ++index) {
    queue::v1::Recipient& recipient = *mail.add_recipients();
    recipient.set_index(index);
    recipient.set_address(absl::StrCat("r", index, "@", kDomain));
  }
  mail.set_recipient_count(4);
  return record;
}

inline Result Of(Verdict verdict, Reason reason, std::vector<std::uint32_t> recipients,
                 bool ambiguous = false) {
  Result result{verdict, {}, std::move(recipients)};
  result.outcome.set_reason(reason);
  result.outcome.set_ambiguous(ambiguous);
  return result;
}
inline Result Delivered(std::vector<std::uint32_t> to) {
  return Of(Verdict::kDelivered, queue::v1::REASON_ACCEPTED, std::move(to));
}
inline Result Refused(std::vector<std::uint32_t> to) {
  return Of(Verdict::kPermanent, queue::v1::REASON_REPLY, std::move(to));
}
inline Result Later(std::vector<std::uint32_t> to, Reason reason = queue::v1::REASON_REPLY) {
  return Of(Verdict::kTemporary, reason, std::move(to));
}
inline Result Unanswered(std::vector<std::uint32_t> to) {
  return Of(Verdict::kTemporary, queue::v1::REASON_TIMEOUT, std::move(to), true);
}
inline Result NotTried(Reason reason, std::vector<std::uint32_t> to,
                       std::optional<milliseconds> wait = std::nullopt) {
  Result result = Of(Verdict::kNotTried, reason, std::move(to));
  result.wait = wait;
  return result;
}

inline Conclusion ConcludeOf(const queue::v1::Record& record, const std::vector<Result>& results,
                             const LastOutcomes& last = {}, const RetryPolicy& policy = Policy(),
                             const std::string& site = kSite, const std::string& shelf_site = "") {
  const std::string domain = kDomain;
  return Conclude({record, record.mails(0), domain, site, last, results, shelf_site}, policy, kNow,
                  [] { return 0.5; });
}

// "DELIVERED 0,1 attempts=3 REPLY"
inline std::vector<std::string> EventsOf(const Conclusion& conclusion) {
  std::vector<std::string> shown;
  for (const queue::v1::Event& event : conclusion.events) {
    std::string line = queue::v1::EventType_Name(event.type()).substr(11);
    for (const auto& recipient : event.recipients()) {
      absl::StrAppend(&line, line.find(' ') == std::string::npos ? " " : ",", recipient.index());
    }
    absl::StrAppend(&line, " attempts=", event.attempts(), " ",
                    queue::v1::Reason_Name(event.outcome().reason()).substr(7));
    shown.push_back(line);
  }
  return shown;
}

inline std::string ToldOf(const Conclusion& conclusion) {
  std::string shown;
  for (const Telling& telling : conclusion.tellings) {
    absl::StrAppend(&shown, shown.empty() ? "" : " ", ToldName(telling.told), "=",
                    telling.result.recipients.size());
  }
  return shown;
}

inline const queue::ToWait& WaitOf(const Conclusion& conclusion) {
  return std::get<queue::ToWait>(conclusion.move->to);
}

// "0,2 in 300 s", "0,2 on the shelf"; empty without.
inline std::string MoveOf(const Conclusion& conclusion) {
  if (!conclusion.move) return "";
  std::string shown;
  for (const auto& recipient : conclusion.move->record.mails(0).recipients()) {
    absl::StrAppend(&shown, shown.empty() ? "" : ",", recipient.index());
  }
  if (const auto* held = std::get_if<queue::ToHeld>(&conclusion.move->to)) {
    EXPECT_EQ(held->site, SiteToken(kSite));
    EXPECT_EQ(held->site_name, kSite);
    EXPECT_FALSE(held->minute.has_value());
    return shown + " on the shelf";
  }
  return absl::StrCat(shown, " in ",
                      std::chrono::duration_cast<seconds>(WaitOf(conclusion).at - kNow).count(), " s");
}

}  // namespace goniec::outbound
