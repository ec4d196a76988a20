#include "inbound/session/transaction.h"

#include <utility>

namespace goniec::inbound {
namespace {

// What malloc adds to a block, and a short string has no block.
constexpr size_t kBlock = 16;
constexpr size_t kShortString = 15;
// A recipient in the record beside its address: the message object, its text's object and the pointer to it.
constexpr size_t kRecordRecipient = 128;

size_t HeapOf(size_t text) {
  return text > kShortString ? text + 1 + kBlock : 0;
}

// The wire form, the canonical one, and the one in the record.
size_t HeapOf(const smtp::Mailbox& mailbox) {
  const size_t whole = mailbox.local.size() + 1 + mailbox.domain.text.size();
  return HeapOf(mailbox.local.size()) + HeapOf(mailbox.domain.text.size()) +
         HeapOf(mailbox.domain.ascii.size()) + 2 * HeapOf(whole);
}

// A vector that grows by doubling has so many places for `count`.
size_t Doubled(size_t count) {
  size_t places = 1;
  while (places < count) places *= 2;
  return count == 0 ? 0 : places;
}

// A hash table that is filled to seven eighths.
size_t TableSlots(size_t count) {
  size_t slots = 1;
  while (slots - slots / 8 < count) slots = slots * 2 + 1;
  return count == 0 ? 0 : slots;
}

}  // namespace

Transaction::Transaction(smtp::Path reverse_path, smtp::MailParameters parameters, ClientIdentity client)
    : reverse_path_(std::move(reverse_path)), parameters_(std::move(parameters)), client_(std::move(client)) {
  if (!reverse_path_.null) mail_from_ = reverse_path_.mailbox.ToString();
  envelope_size_ = mail_from_.size();
  sender_heap_ =
      HeapOf(reverse_path_.mailbox) + 2 * HeapOf(mail_from_.size()) + 2 * HeapOf(client_.hello_name.size());
  for (const std::string& host : reverse_path_.source_route)
    sender_heap_ += sizeof host + HeapOf(host.size());
}

size_t Transaction::CostOf(const smtp::Mailbox& mailbox) {
  constexpr size_t kFields = 32;
  return mailbox.local.size() + mailbox.domain.text.size() + mailbox.domain.ascii.size() + kFields;
}

void Transaction::AddRecipient(smtp::Mailbox mailbox) {
  known_.insert(mailbox.Canonical());
  recipient_heap_ += HeapOf(mailbox);
  envelope_size_ += CostOf(mailbox);
  recipients_.push_back(std::move(mailbox));
}

size_t Transaction::MemoryWith(const smtp::Mailbox& mailbox) const {
  return MemoryFor(recipients_.size() + 1, recipient_heap_ + HeapOf(mailbox));
}

size_t Transaction::MemoryFor(size_t recipients, size_t heap) const {
  return sizeof *this + sender_heap_ + heap + Doubled(recipients) * sizeof(smtp::Mailbox) +
         TableSlots(recipients) * (sizeof(std::string) + 1) + recipients * kRecordRecipient;
}

std::string_view Transaction::Protocol() const {
  if (parameters_.smtputf8) return client_.tls ? "UTF8SMTPS" : "UTF8SMTP";
  if (client_.tls) return "ESMTPS";  // STARTTLS is an extension, so even behind a HELO
  return client_.esmtp ? "ESMTP" : "SMTP";
}

}  // namespace goniec::inbound
