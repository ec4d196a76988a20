#include "inbound/publish/incoming_mail.h"

#include <utility>

#include "common/base/clock.h"
#include "common/queue/broker.h"
#include "common/queue/publisher.h"
#include "common/smtp/ascii.h"
#include "inbound/publish/commit_reply.h"
#include "inbound/session/trace.h"

namespace goniec::inbound {
namespace {

std::chrono::milliseconds LifetimeOf(const MailConfig& config, const Transaction& transaction) {
  return transaction.mail_from().empty() ? config.null_sender_lifetime : config.lifetime;
}

// Chunks outlive the longest life of their mail by a day, for the last attempt and its event.
std::chrono::seconds KeepBodies(const MailConfig& config) {
  return std::chrono::ceil<std::chrono::seconds>(std::max(config.lifetime, config.null_sender_lifetime)) +
         std::chrono::hours(24);
}

void SetTime(google::protobuf::Timestamp& stamp, WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  stamp.set_seconds(seconds.time_since_epoch().count());
  stamp.set_nanos(static_cast<int32_t>(std::chrono::nanoseconds(time - seconds).count()));
}

// Everything but the body.
queue::v1::Mail Envelope(const Intake& intake, const Transaction& transaction, const PeerInfo& peer) {
  const WallTime now = std::chrono::system_clock::now();
  queue::v1::Mail mail;
  mail.set_mail_class(intake.mail.mail_class == queue::MailClass::kBulk
                          ? queue::v1::MAIL_CLASS_BULK
                          : queue::v1::MAIL_CLASS_TRANSACTIONAL);
  mail.set_tenant(intake.mail.tenant);
  mail.set_mail_from(transaction.mail_from());
  uint32_t index = 0;
  for (const smtp::Mailbox& mailbox : transaction.recipients()) {
    queue::v1::Recipient& recipient = *mail.add_recipients();
    recipient.set_index(index++);
    recipient.set_address(mailbox.ToString());
  }
  SetTime(*mail.mutable_expire_time(), now + LifetimeOf(intake.mail, transaction));
  mail.set_head(ReceivedHeader(transaction, intake.host_name, peer, now));
  mail.set_smtputf8(transaction.parameters().smtputf8);
  mail.set_body_type(transaction.parameters().body == smtp::BodyType::k8BitMime
                         ? queue::v1::BODY_TYPE_8BITMIME
                         : queue::v1::BODY_TYPE_UNSPECIFIED);
  const bool header_is_ascii = transaction.header_is_ascii() && smtp::IsAscii(mail.head());
  mail.set_header_octets(header_is_ascii ? queue::v1::OCTETS_ASCII : queue::v1::OCTETS_BEYOND_ASCII);
  mail.set_body_octets(transaction.body_is_ascii() ? queue::v1::OCTETS_ASCII
                                                   : queue::v1::OCTETS_BEYOND_ASCII);
  return mail;
}

}  // namespace

IncomingMail::IncomingMail(const Intake& intake)
    : intake_(intake), writer_(intake.broker, KeepBodies(intake.mail)) {}

IncomingMail::~IncomingMail() {
  intake_.memory.Give(counted_);
}

bool IncomingMail::Account() {
  const uint64_t used = writer_.memory();
  if (used > counted_) {
    if (!intake_.memory.Take(used - counted_)) return false;
  } else {
    intake_.memory.Give(counted_ - used);
  }
  counted_ = used;
  return true;
}

bool IncomingMail::AppendNow(std::string_view bytes) {
  if (!writer_.FitsInline(bytes.size())) return false;
  if (!intake_.memory.Take(bytes.size())) return false;  // Append() says why
  counted_ += bytes.size();
  writer_.AppendNow(bytes);
  return true;
}

asio::awaitable<absl::Status> IncomingMail::Append(std::string_view bytes) {
  // Taken before the bytes are copied; the writer may hold less afterwards.
  if (!intake_.memory.Take(bytes.size())) {
    co_return absl::ResourceExhaustedError("bodies on their way in take all of smtp.max_body_memory");
  }
  counted_ += bytes.size();
  absl::Status status = co_await writer_.Append(bytes);
  if (status.ok() && !Account()) {
    status = absl::ResourceExhaustedError("bodies on their way in take all of smtp.max_body_memory");
  }
  co_return status;
}

asio::awaitable<absl::StatusOr<std::string>> IncomingMail::Commit(const Transaction& transaction,
                                                                  const PeerInfo& peer) {
  queue::v1::Mail mail = Envelope(intake_, transaction, peer);
  if (absl::Status finished = co_await writer_.Finish(mail); !finished.ok()) {
    writer_.Abandon();
    co_return finished;
  }
  // From here on the publisher's own limit counts it.
  intake_.memory.Give(std::exchange(counted_, 0));
  const absl::StatusOr<queue::Committed> committed = co_await intake_.publisher.Commit(std::move(mail));
  if (MustKeepBody(committed.status())) {
    writer_.Keep();
  } else {
    writer_.Abandon();
  }
  if (!committed.ok()) co_return committed.status();
  co_return committed->message_id;
}

}  // namespace goniec::inbound
