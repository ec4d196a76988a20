#include "inbound/session/transaction.h"

#include <utility>

namespace goniec::inbound {

Transaction::Transaction(smtp::Path reverse_path, smtp::MailParameters parameters, ClientIdentity client)
    : reverse_path_(std::move(reverse_path)), parameters_(std::move(parameters)), client_(std::move(client)) {
  if (!reverse_path_.null) mail_from_ = reverse_path_.mailbox.ToString();
  envelope_size_ = mail_from_.size();
}

size_t Transaction::CostOf(const smtp::Mailbox& mailbox) {
  constexpr size_t kFields = 32;
  return mailbox.local.size() + mailbox.domain.text.size() + mailbox.domain.ascii.size() + kFields;
}

void Transaction::AddRecipient(smtp::Mailbox mailbox) {
  if (!known_.insert(mailbox.Canonical()).second) return;
  envelope_size_ += CostOf(mailbox);
  recipients_.push_back(std::move(mailbox));
}

std::string_view Transaction::Protocol() const {
  if (parameters_.smtputf8) return client_.tls ? "UTF8SMTPS" : "UTF8SMTP";
  if (client_.tls) return "ESMTPS";  // STARTTLS is an extension, so even behind a HELO
  return client_.esmtp ? "ESMTP" : "SMTP";
}

}  // namespace goniec::inbound
