// One mail on its way in: what MAIL, RCPT and the body have said so far. Made by MAIL, destroyed by RSET,
// EHLO, a refused message or the end of the commit; nothing of it can leak into the next mail of the
// connection. Read by the shell when it opens a body and when it commits. Confined to its session.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/smtp/address.h"
#include "common/smtp/parameters.h"

namespace goniec::inbound {

// What the Received header and the log say about TLS; empty without it.
struct TlsInfo {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // "TLS_AES_256_GCM_SHA384"
};

// How the client introduced itself, fixed at MAIL.
struct ClientIdentity {
  std::string hello_name;  // as the client wrote it: escape before showing it
  bool esmtp = false;      // EHLO, not HELO
  bool tls = false;
  TlsInfo tls_info;
};

class Transaction {
 public:
  Transaction(smtp::Path reverse_path, smtp::MailParameters parameters, ClientIdentity client);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // As it goes on the wire, without brackets and source route; empty for the null sender.
  const std::string& mail_from() const { return mail_from_; }
  const smtp::Path& reverse_path() const { return reverse_path_; }
  const smtp::MailParameters& parameters() const { return parameters_; }
  const ClientIdentity& client() const { return client_; }
  // Each with a domain, in the order of RCPT, no two equal (RFC 5321's equality, Mailbox::Canonical).
  // ToString() is the wire form, domain.ascii what is routed.
  const std::vector<smtp::Mailbox>& recipients() const { return recipients_; }
  // Octets of content given to the shell so far: dots removed, CR LF counted (RFC 1870 §4).
  uint64_t body_size() const { return body_size_; }
  // Once the content is complete: whether its header section, and the part behind it, are ASCII only.
  bool header_is_ascii() const { return header_is_ascii_; }
  bool body_is_ascii() const { return body_is_ascii_; }
  // About what sender and recipients take in the record.
  size_t envelope_size() const { return envelope_size_; }
  // Octets of memory that it takes until its commit is done: this object, what it points to, and the copy
  // that becomes part of the record.
  size_t memory() const { return MemoryFor(recipients_.size(), recipient_heap_); }
  // False if the content has no header section: its first line is no header field.
  bool has_header() const { return has_header_; }

  // The keyword behind "with" in the Received header: SMTP, ESMTP, ESMTPS, UTF8SMTP, UTF8SMTPS (RFC 3848, RFC
  // 6531).
  std::string_view Protocol() const;

 private:
  friend class ServerSession;
  // What a recipient costs in the record beside its text: the fields' tags and lengths, canonical domain, id.
  static size_t CostOf(const smtp::Mailbox& mailbox);
  bool Knows(const smtp::Mailbox& mailbox) const { return known_.contains(mailbox.Canonical()); }
  // One that it does not know.
  void AddRecipient(smtp::Mailbox mailbox);
  size_t MemoryWith(const smtp::Mailbox& mailbox) const;
  size_t MemoryFor(size_t recipients, size_t heap) const;

  smtp::Path reverse_path_;
  std::string mail_from_;
  smtp::MailParameters parameters_;
  ClientIdentity client_;
  std::vector<smtp::Mailbox> recipients_;
  absl::flat_hash_set<std::string> known_;  // canonical
  size_t sender_heap_ = 0;
  size_t recipient_heap_ = 0;
  bool has_header_ = true;
  int refused_recipients_ = 0;
  uint64_t body_size_ = 0;
  bool header_is_ascii_ = true;
  bool body_is_ascii_ = true;
  size_t envelope_size_ = 0;
};

}  // namespace goniec::inbound
