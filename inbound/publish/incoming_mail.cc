#include "inbound/publish/incoming_mail.h"

#include <utility>

#include "common/base/clock.h"
#include "common/queue/broker/broker.h"
#include "common/queue/model/timestamps.h"
#include "common/queue/publish/publisher.h"
#include "common/smtp/ascii.h"
#include "inbound/publish/commit_reply.h"
#include "inbound/session/trace.h"

namespace goniec::inbound {
namespace {

// Less is not worth a message in the store.
constexpr std::size_t kSmallestSpill = std::size_t{32} * 1024;

std::chrono::milliseconds LifetimeOf(const MailConfig& config, const Transaction& transaction) {
  return transaction.mail_from().empty() ? config.null_sender_lifetime : config.lifetime;
}

// Chunks outlive the longest life of their mail by a day, for the last attempt and its event.
std::chrono::seconds KeepBodies(const MailConfig& config) {
  return std::chrono::ceil<std::chrono::seconds>(std::max(config.lifetime, config.null_sender_lifetime)) +
         std::chrono::hours(24);
}

absl::Status TooMuchUnfinished() {
  return absl::OutOfRangeError(
      "unfinished messages take all that their client may have of the store: an eighth of queue.capacity for "
      "all");
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
  *mail.mutable_expire_time() = queue::ToProto(now + LifetimeOf(intake.mail, transaction));
  mail.set_head(ReceivedHeader(transaction, intake.host_name, peer, now));
  // Content without a header section is all body, also behind a field of ours.
  if (!transaction.has_header()) mail.mutable_head()->append("\r\n");
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

IncomingMail::IncomingMail(const Intake& intake, std::shared_ptr<ClientMemory> client,
                           const net::IpAddress& peer)
    : intake_(intake),
      peer_(peer),
      memory_(std::move(client), MemoryPart::kBodies),
      writer_(intake.broker, KeepBodies(intake.mail)) {}

bool IncomingMail::AppendNow(std::string_view bytes) {
  if (!writer_.FitsInline(bytes.size())) return false;
  if (!memory_.Resize(writer_.MemoryWith(bytes.size()))) return false;  // Append() does what can be done
  writer_.AppendNow(bytes);
  return true;
}

bool IncomingMail::HoldStore(std::uint64_t octets) {
  if (!stored_.has_value()) stored_.emplace(intake_.unfinished.Client(peer_), MemoryPart::kBodies);
  return stored_->Resize(octets);
}

asio::awaitable<absl::Status> IncomingMail::Append(std::string_view bytes) {
  // Taken before the bytes are copied; the writer may hold less afterwards.
  if (!memory_.Resize(writer_.MemoryWith(bytes.size()))) {
    absl::Status spilled = co_await Spill();
    if (!spilled.ok()) co_return spilled;
    if (!memory_.Resize(writer_.MemoryWith(bytes.size()))) {
      co_return absl::AbortedError(
          "mail on its way in takes all that its client may have of smtp.max_memory");
    }
  }
  if (!writer_.FitsInline(bytes.size()) && !HoldStore(writer_.size() + bytes.size()))
    co_return TooMuchUnfinished();
  absl::Status status = co_await writer_.Append(bytes);
  (void)memory_.Resize(writer_.memory());  // no more than before
  co_return status;
}

bool IncomingMail::ShouldSpill() const {
  return writer_.memory() >= kSmallestSpill && memory_.IsTight();
}

asio::awaitable<absl::Status> IncomingMail::Spill() {
  if (!HoldStore(writer_.size())) co_return TooMuchUnfinished();
  absl::Status status = co_await writer_.Spill();
  (void)memory_.Resize(writer_.memory());
  co_return status;
}

asio::awaitable<absl::StatusOr<queue::Committed>> IncomingMail::Commit(const Transaction& transaction,
                                                                       const PeerInfo& peer) {
  queue::v1::Mail mail = Envelope(intake_, transaction, peer);
  if (absl::Status finished = co_await writer_.Finish(mail); !finished.ok()) {
    writer_.Abandon();
    co_return finished;
  }
  if (mail.has_body_reference()) memory_.Release();
  absl::StatusOr<queue::Committed> committed = co_await intake_.publisher.Commit(std::move(mail));
  if (MustKeepBody(committed.status())) {
    writer_.Keep();
  } else {
    writer_.Abandon();
  }
  co_return committed;
}

}  // namespace goniec::inbound
