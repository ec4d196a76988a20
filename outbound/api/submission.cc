#include "outbound/api/submission.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/config/units.h"
#include "common/mail/compose.h"
#include "common/mail/raw.h"
#include "common/mail/ulid.h"
#include "common/queue/model/timestamps.h"
#include "common/queue/publish/publisher.h"
#include "common/smtp/ascii.h"
#include "common/smtp/header_scan.h"
#include "outbound/api/draft.h"
#include "outbound/api/fields.h"

namespace goniec::outbound {
namespace {

constexpr int kMaxTags = 10;
constexpr std::size_t kMaxTag = 64;
constexpr int kMaxMetadata = 20;
constexpr std::size_t kMaxMetadataKey = 64;
constexpr std::size_t kMaxMetadataValue = 512;
// What joining a record adds to a mail: its id (in the head once or twice as well), times and counts.
constexpr std::size_t kAddedByQueue = 512;

// One request on its way to a Submission.
class Reader {
 public:
  Reader(const v1::SendMessageRequest& request, const Caller& caller, const SubmissionRules& rules,
         WallTime now)
      : request_(request), caller_(caller), rules_(rules), now_(now), mail_(submission_.mail) {}

  std::variant<Submission, Violations, DeniedDomain> Read() {
    mail_.set_tenant(caller_.tenant);
    ReadTags();
    ReadMetadata();
    ReadOptions();
    switch (request_.content_case()) {
      case v1::SendMessageRequest::kRaw:
        ReadRaw();
        break;
      case v1::SendMessageRequest::kComposed:
        ReadComposed();
        break;
      case v1::SendMessageRequest::CONTENT_NOT_SET:
        ReadEnvelope();
        violations_.Add("content", "is required: either raw or composed");
    }
    if (violations_.empty()) ReadExpireTime();
    if (violations_.empty()) CheckSizes();
    if (!violations_.empty()) return std::move(violations_);
    if (denied_) return *std::move(denied_);
    NoteOctets();
    return std::move(submission_);
  }

 private:
  void ReadTags();
  void ReadMetadata();
  void ReadOptions();
  void ReadExpireTime();
  void ReadEnvelope();
  void ReadRaw();
  void ReadComposed();
  void DeriveEnvelope(const CheckedDraft& checked);
  void AddRecipient(const smtp::Mailbox& mailbox);
  void MayUse(const std::string& field, const smtp::Domain& domain, const std::string& header = "");
  void HoldOriginators(const std::vector<mail::Originator>& originators);
  [[nodiscard]] bool TooManyRecipients(int count, const char* path);
  void CheckSizes();
  void NoteOctets();

  const v1::SendMessageRequest& request_;
  const Caller& caller_;
  const SubmissionRules& rules_;
  const WallTime now_;
  Violations violations_;
  std::optional<DeniedDomain> denied_;
  bool smtputf8_ = false;
  Submission submission_;
  queue::v1::Mail& mail_;
};

void Reader::ReadTags() {
  if (request_.tags_size() > kMaxTags) {
    return violations_.Add("tags",
                           absl::StrCat("has ", request_.tags_size(), " entries, the limit is ", kMaxTags));
  }
  std::set<std::string_view> known;
  for (int i = 0; i < request_.tags_size(); ++i) {
    const std::string& tag = request_.tags(i);
    if (!CheckText(tag, At("tags", i), kMaxTag, violations_)) continue;
    if (tag.empty()) violations_.Add(At("tags", i), "is empty");
    if (!known.insert(tag).second) violations_.Add(At("tags", i), "stands in the list already");
    mail_.add_tags(tag);
  }
}

void Reader::ReadMetadata() {
  if (request_.metadata_size() > kMaxMetadata) {
    return violations_.Add(
        "metadata", absl::StrCat("has ", request_.metadata_size(), " entries, the limit is ", kMaxMetadata));
  }
  for (const auto& [key, value] : request_.metadata()) {
    // A key that is no good is not repeated in an answer that ends up in logs.
    if (key.empty()) {
      violations_.Add("metadata", "has an empty key");
    } else if (CheckText(key, "metadata", kMaxMetadataKey, violations_)) {
      CheckText(value, absl::StrCat("metadata[\"", key, "\"]"), kMaxMetadataValue, violations_);
    }
    (*mail_.mutable_metadata())[key] = value;
  }
}

void Reader::ReadOptions() {
  const v1::DeliveryOptions& options = request_.options();
  switch (options.mail_class()) {
    case v1::MAIL_CLASS_UNSPECIFIED:
    case v1::MAIL_CLASS_TRANSACTIONAL:
      mail_.set_mail_class(queue::v1::MAIL_CLASS_TRANSACTIONAL);
      break;
    case v1::MAIL_CLASS_BULK:
      mail_.set_mail_class(queue::v1::MAIL_CLASS_BULK);
      break;
    default:
      violations_.Add("options.mail_class", "is not a class that this server knows");
  }
  switch (options.ambiguous_policy()) {
    case v1::AMBIGUOUS_POLICY_UNSPECIFIED:
    case v1::AMBIGUOUS_POLICY_RETRY:
      mail_.set_ambiguous_policy(queue::v1::AMBIGUOUS_POLICY_RETRY);
      break;
    case v1::AMBIGUOUS_POLICY_AT_MOST_ONCE:
      mail_.set_ambiguous_policy(queue::v1::AMBIGUOUS_POLICY_AT_MOST_ONCE);
      break;
    default:
      violations_.Add("options.ambiguous_policy", "is not a policy that this server knows");
  }
}

// Once the sender is known: a bounce has a life of its own.
void Reader::ReadExpireTime() {
  constexpr char kPath[] = "options.expire_time";
  WallTime expire = now_ + LifetimeOf(rules_.retry, mail_.mail_class(), mail_.mail_from().empty());
  if (request_.options().has_expire_time()) {
    const auto given = queue::ValidTime(request_.options().expire_time());
    if (!given) return violations_.Add(kPath, "is not a time");
    if (*given <= now_) return violations_.Add(kPath, "is in the past");
    if (*given > now_ + rules_.config.max_life) {
      return violations_.Add(
          kPath, absl::StrCat("is more than ", config::FormatDuration(rules_.config.max_life), " from now"));
    }
    expire = *given;
  }
  *mail_.mutable_expire_time() = queue::ToProto(expire);
}

bool Reader::TooManyRecipients(int count, const char* path) {
  if (count <= rules_.config.max_recipients) return false;
  violations_.Add(path,
                  absl::StrCat("has ", count, " recipients, the limit is ", rules_.config.max_recipients));
  return true;
}

void Reader::AddRecipient(const smtp::Mailbox& mailbox) {
  queue::v1::Recipient& recipient = *mail_.add_recipients();
  recipient.set_index(static_cast<std::uint32_t>(mail_.recipients_size() - 1));
  recipient.set_address(mail::WireAddress(mailbox, &smtputf8_));
}

void Reader::MayUse(const std::string& field, const smtp::Domain& domain, const std::string& header) {
  if (!denied_ && !caller_.MaySendFrom(domain.ascii)) denied_ = {field, domain.ascii, header};
}

void Reader::ReadEnvelope() {
  if (!request_.has_envelope()) return violations_.Add("envelope", "is required with raw");
  const v1::Envelope& envelope = request_.envelope();
  if (!envelope.mail_from().empty()) {
    if (const auto sender = ReadMailbox(envelope.mail_from(), "envelope.mail_from", violations_)) {
      mail_.set_mail_from(mail::WireAddress(*sender, &smtputf8_));
      MayUse("envelope.mail_from", sender->domain);
    }
  }
  if (envelope.to().empty()) return violations_.Add("envelope.to", "is empty");
  if (TooManyRecipients(envelope.to_size(), "envelope.to")) return;
  absl::flat_hash_map<std::string, int> known;
  for (int i = 0; i < envelope.to_size(); ++i) {
    const std::string path = At("envelope.to", i, "address");
    const auto mailbox = ReadMailbox(envelope.to(i).address(), path, violations_);
    if (!mailbox) continue;
    if (const auto [first, added] = known.emplace(mailbox->Canonical(), i); !added) {
      violations_.Add(path, absl::StrCat("is the address of ", At("envelope.to", first->second)));
      continue;
    }
    AddRecipient(*mailbox);
  }
}

// Every field that a reader may take for the sender's is held against the token's domains.
void Reader::HoldOriginators(const std::vector<mail::Originator>& originators) {
  if (caller_.sender_domains.empty()) return;
  bool has_from = false;
  for (const mail::Originator& originator : originators) {
    has_from = has_from || EqualsIgnoreCase(originator.field, "From");
    std::string_view wrong = originator.malformed;
    for (const std::string& address : originator.addresses) {
      // The local part is its domain's business.
      const auto domain = smtp::ParseDomain(address.substr(address.rfind('@') + 1));
      if (domain.ok()) {
        MayUse("raw", *domain, originator.field);
      } else {
        wrong = "has an address without a domain name in it";
      }
    }
    if (!wrong.empty())
      violations_.Add("raw", absl::StrCat("has a ", originator.field, " field that ", ToAbsl(wrong),
                                          "; the token allows certain domains only, so it must be clear"));
  }
  if (!has_from) violations_.Add("raw", "needs a From field, because the token allows certain domains only");
}

void Reader::ReadRaw() {
  ReadEnvelope();
  if (request_.raw().empty()) return violations_.Add("raw", "is empty");
  if (request_.raw().size() > rules_.config.max_message.bytes) {
    return violations_.Add("raw", absl::StrCat("has ", request_.raw().size(), " octets, the limit is ",
                                               rules_.config.max_message.bytes));
  }
  auto normalized =
      mail::NormalizeRaw(request_.raw(), {.host = rules_.host, .fallback_domain = rules_.host, .now = now_});
  if (!normalized.ok()) return violations_.Add("raw", std::string(Message(normalized.status())));
  HoldOriginators(normalized->originators);
  const auto message = std::make_shared<mail::NormalizedRaw>(*std::move(normalized));
  mail_.set_head(message->head);
  mail_.set_internet_message_id(message->internet_message_id);
  mail_.set_smtputf8(message->smtputf8 || smtputf8_);
  mail_.set_body_type(message->eight_bit ? queue::v1::BODY_TYPE_8BITMIME : queue::v1::BODY_TYPE_UNSPECIFIED);
  submission_.body = {message->header, message->body};
  submission_.owners.push_back(message);
}

// What the message has, not what it was meant to have.
void Reader::NoteOctets() {
  smtp::HeaderScan scan;
  for (const std::string_view piece : submission_.body) scan.Feed(piece);
  const bool header_is_ascii = scan.header_is_ascii() && smtp::IsAscii(mail_.head());
  mail_.set_header_octets(header_is_ascii ? queue::v1::OCTETS_ASCII : queue::v1::OCTETS_BEYOND_ASCII);
  mail_.set_body_octets(scan.body_is_ascii() ? queue::v1::OCTETS_ASCII : queue::v1::OCTETS_BEYOND_ASCII);
}

// Everybody who is to get it, once; who stands in several fields is counted where first seen.
void Reader::DeriveEnvelope(const CheckedDraft& checked) {
  const mail::Draft& draft = checked.draft;
  mail_.set_mail_from(mail::WireAddress((draft.sender ? *draft.sender : draft.from).mailbox, &smtputf8_));
  std::set<std::string> known;
  for (const auto* list : {&draft.to, &draft.cc, &checked.bcc}) {
    for (const mail::NamedAddress& address : *list) {
      if (known.insert(address.mailbox.Canonical()).second) AddRecipient(address.mailbox);
    }
  }
}

void Reader::ReadComposed() {
  const v1::ComposedMessage& composed = request_.composed();
  const int named = composed.to_size() + composed.cc_size() + composed.bcc_size();
  if (TooManyRecipients(named, "composed.to")) return;
  if (named == 0 && !request_.has_envelope())
    violations_.Add("composed.to", "is empty, and so are cc and bcc");
  CheckedDraft checked = ReadDraft(composed, violations_);
  if (request_.has_envelope()) ReadEnvelope();
  std::uint64_t content = composed.text().size() + composed.html().size();
  for (const v1::Attachment& attachment : composed.attachments()) content += attachment.content().size();
  if (content > rules_.config.max_message.bytes) {
    violations_.Add("composed",
                    absl::StrCat("has ", content, " octets of content before encoding, the limit is ",
                                 rules_.config.max_message.bytes));
  }
  if (!violations_.empty()) return;

  if (!request_.has_envelope()) DeriveEnvelope(checked);
  MayUse("composed.from", checked.draft.from.mailbox.domain);
  if (checked.draft.sender) MayUse("composed.sender", checked.draft.sender->mailbox.domain);
  if (denied_) return;
  checked.draft.date = now_;
  const auto message = mail::Compose(checked.draft);
  if (!message.ok()) return violations_.Add("composed", std::string(Message(message.status())));
  mail_.set_head(message->head);
  mail_.set_internet_message_id(message->internet_message_id);
  mail_.set_smtputf8(message->smtputf8 || smtputf8_);
  mail_.set_body_type(message->smtputf8 ? queue::v1::BODY_TYPE_8BITMIME : queue::v1::BODY_TYPE_UNSPECIFIED);
  submission_.body = {message->message};
  submission_.owners.push_back(message->owner);
}

void Reader::CheckSizes() {
  const bool raw = request_.content_case() == v1::SendMessageRequest::kRaw;
  const std::uint64_t size = submission_.body_size() + mail_.head().size();
  if (size > rules_.config.max_message.bytes) {
    violations_.Add(raw ? "raw" : "composed",
                    absl::StrCat("becomes a message of ", size, " octets, the limit is ",
                                 rules_.config.max_message.bytes));
  }
  if (mail_.ByteSizeLong() + kAddedByQueue > queue::kMaxEnvelopeBytes) {
    violations_.Add(request_.has_envelope() ? "envelope.to" : "composed.to",
                    absl::StrCat("with tags and metadata has more than ", queue::kMaxEnvelopeBytes / 1024,
                                 " KiB; split the recipients over several messages"));
  }
}

}  // namespace

std::uint64_t Submission::body_size() const {
  std::uint64_t size = 0;
  for (const std::string_view piece : body) size += piece.size();
  return size;
}

std::variant<Submission, Violations, DeniedDomain> ReadSubmission(const v1::SendMessageRequest& request,
                                                                  const Caller& caller,
                                                                  const SubmissionRules& rules,
                                                                  WallTime now) {
  return Reader(request, caller, rules, now).Read();
}

}  // namespace goniec::outbound
