#include "common/queue/model/record_check.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/mail/ulid.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

absl::Status Bad(std::string_view what) {
  return absl::InvalidArgumentError(std::string(what));
}

// The fields of a subject that its records repeat.
struct Place {
  std::string mail_class;
  std::string tenant;
  // Set where records of several mails lie: READY and the shelf.
  std::string slot;
  // Set where a record has one mail.
  std::string message_id;
  std::optional<std::uint32_t> generation;

  [[nodiscard]] bool HasGeneration(std::uint32_t of_mail) const {
    return generation ? *generation == of_mail : of_mail > 0;
  }
};

absl::StatusOr<Place> ParsePlace(std::string_view subject) {
  std::vector<std::string> tokens = absl::StrSplit(std::string(subject), '.');
  if (tokens.size() < 5) return Bad("its subject has too few parts");
  // ready.<lane>.<class>.<tenant>.<slot>
  if (tokens[0] == "ready") return Place{tokens[2], tokens[3], tokens[4], "", 0};
  // due.<lane>.held.…, as held.<lane>.…
  if (tokens[0] == "due" && tokens[2] == "held") {
    tokens[0] = "held";
    tokens.erase(tokens.begin() + 2);
  }
  const bool held = tokens[0] == "held";
  if (!held && tokens[0] != "wait" && tokens[0] != "due") return Bad("its subject is none of the queue's");
  if (tokens.size() < 7) return Bad("its subject has too few parts");
  // held.<lane>.<class>.<site>.<tenant>.<slot>.<minute>
  if (held) return Place{tokens[2], tokens[4], tokens[5], "", std::nullopt};
  // wait.<lane>.<class>.<tenant>.<id>.<generation>.<domain…>, or due.…
  std::uint32_t generation = 0;
  if (!absl::SimpleAtoi(tokens[5], &generation)) return Bad("its subject has no generation");
  return Place{tokens[2], tokens[3], "", tokens[4], generation};
}

absl::Status CheckRecipients(const v1::Mail& mail) {
  if (mail.recipients().empty()) return Bad("a mail without recipients");
  std::set<std::uint32_t> indexes;
  for (const v1::Recipient& recipient : mail.recipients()) {
    if (recipient.address().empty()) return Bad("a recipient without address");
    if (recipient.index() >= mail.recipient_count())
      return Bad("a recipient beyond the message's number of them");
    if (!indexes.insert(recipient.index()).second) return Bad("a recipient that is there twice");
  }
  return absl::OkStatus();
}

absl::Status CheckBody(const v1::Mail& mail) {
  if (mail.body_case() == v1::Mail::BODY_NOT_SET) return Bad("a mail without body that this version knows");
  // Sent as anything else it would be another message.
  if (!v1::BodyType_IsValid(mail.body_type())) return Bad("a body type of a later version");
  if (mail.has_body_reference() && (mail.body_reference().chunk_count() == 0 ||
                                    !mail::ParseUlid(mail.body_reference().body_id()).has_value())) {
    return Bad("a reference to no body");
  }
  return absl::OkStatus();
}

absl::Status CheckMail(const v1::Mail& mail, const std::string& record_id, const Place& place) {
  const std::optional<std::string> id = mail::ParseUlid(mail.message_id());
  if (!id.has_value() || *id != mail.message_id()) return Bad("a message id that is none");
  if (mail::RecordIdOf(mail.message_id()) != record_id) return Bad("a message id of another record");
  if (mail.tenant() != place.tenant || !IsValidTenant(mail.tenant()))
    return Bad("a tenant that is not its subject's");
  if (ClassToken(ClassOf(mail)) != place.mail_class) return Bad("a class that is not its subject's");
  if (!place.HasGeneration(mail.generation())) return Bad("a generation that is not its subject's");
  if (!place.message_id.empty() && mail.message_id() != place.message_id)
    return Bad("a message id that is not its subject's");
  if (!mail.has_accept_time() || !mail.has_expire_time()) return Bad("a mail without its times");
  if (absl::Status recipients = CheckRecipients(mail); !recipients.ok()) return recipients;
  return CheckBody(mail);
}

}  // namespace

absl::Status CheckRecord(const v1::Record& record, std::string_view subject) {
  const absl::StatusOr<Place> place = ParsePlace(subject);
  if (!place.ok()) return place.status();
  if (record.layout() > kKnownLayout) return Bad("a layout of a later version");
  if (record.mails().empty()) return Bad("no mail in it");
  if (record.mails_size() > (place->slot.empty() ? 1 : mail::kMaxMailsPerRecord)) {
    return Bad("too many mails in it");
  }
  if (!place->slot.empty() && place->slot != absl::StrCat(SlotOf(record.record_id()))) {
    return Bad("a record id that is not its subject's");
  }
  std::set<std::string_view> ids;
  for (const v1::Mail& mail : record.mails()) {
    if (absl::Status checked = CheckMail(mail, record.record_id(), *place); !checked.ok()) return checked;
    if (!ids.insert(mail.message_id()).second) return Bad("a message id that is there twice");
  }
  return absl::OkStatus();
}

}  // namespace goniec::queue
