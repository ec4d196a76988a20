// A message that comes in whole, made fit for SMTP without changing what its sender wrote: line ends, the
// fields that must not be sent, the fields that must be there, one Received field. Called by the API. Inbound
// does not use it: SMTP refuses what this mends. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace goniec::mail {

struct RawOptions {
  // Name of this server for the Received field.
  std::string host;
  // Domain of a Message-ID that has to be made when the message has no From to take it from.
  std::string fallback_domain;
  WallTime now;
};

// A field that says who a message is from (RFC 5322 §3.6.2, §3.6.6): From, Sender, Resent-From,
// Resent-Sender.
struct Originator {
  std::string field;
  std::vector<std::string> addresses;
  // As AddressField::malformed: if it is not empty, readers may see other addresses than these.
  std::string_view malformed;
};

// The message is head + header + body.
struct NormalizedRaw {
  // Received, and Date and Message-ID if they were missing, with queue::kMessageIdPlaceholder for the id:
  // Mail.head.
  std::string head;
  // The fields that stay, in their order and unchanged, and the empty line.
  std::string header;
  // A view of `raw`, or of `owner` if line ends had to be changed.
  std::string_view body;
  std::unique_ptr<std::string> owner;
  // Content of the Message-ID field without angle brackets, with the placeholder if it was made here; empty
  // if the sender's is not of that form.
  std::string internet_message_id;
  // Every such field of the message, in its order.
  std::vector<Originator> originators;
  // True if any byte is beyond ASCII, and if one in the header section is (RFC 6532: needs SMTPUTF8).
  bool eight_bit = false;
  bool smtputf8 = false;
};

// A lone LF becomes CR LF; the last line gets its end. Return-Path, Bcc and Resent-Bcc go. kInvalidArgument,
// with a phrase that goes on "raw …": a lone CR, a NUL, a malformed header section, more than one From field,
// or one without an address, an originator's field above the limits of address_field.h, a header section
// beyond ASCII that is not UTF-8. `raw` must outlive the result.
absl::StatusOr<NormalizedRaw> NormalizeRaw(std::string_view raw, const RawOptions& options);

}  // namespace goniec::mail
