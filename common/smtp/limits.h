// Sizes of SMTP, in octets: what the protocol promises and how much of a peer's input we hold. Used by the
// address and reply parsers and by both protocol engines. Constants only.
#pragma once

#include <cstddef>

namespace goniec::smtp {

// RFC 5321 §4.5.3.1.2–3. The path limit includes the angle brackets and a source route.
//
// The local part has no limit of its own, in MAIL and in RCPT alike. §4.5.3.1.1 says 64, but §4.5.3.1 asks to
// take more where one can: senders that encode the recipient in it (VERP, SRS, BATV) pass 64 in practice,
// their bounces come back to it, and the owner of the mailbox knows best how long its name is.
inline constexpr size_t kMaxDomain = 255;
inline constexpr size_t kMaxPath = 256;
// What DNS can hold (RFC 1035 §2.3.4), as text without the root's dot; the limit of a canonical name.
inline constexpr size_t kMaxDnsName = 253;
inline constexpr size_t kMaxDnsLabel = 63;

// RFC 5321 §4.5.3.1.4 says 512 with CR LF; each extension adds to it (SMTPUTF8, DSN and AUTH most). What is
// longer is read to its end, not kept, and answered with 500.
inline constexpr size_t kMaxCommandLine = 4096;

// Text lines of a message have no limit of ours. RFC 5321 §4.5.3.1.6 promises 1000 with CR LF, but many
// senders write whole HTML pages as one line; nothing here keeps a line in memory, so they do no harm and are
// passed on as they are.

// Replies of a server (client side). RFC 5321 §4.5.3.1.5 says 512 for a line; nothing that means well comes
// near this, without the line's end.
inline constexpr size_t kMaxReplyLine = 2000;
// Longer lines are cut to what is kept.
inline constexpr size_t kMaxReplyLineKept = 1024;
inline constexpr size_t kMaxReplyLinesKept = 100;
// Beyond this a reply is not one any more and the connection is given up.
inline constexpr size_t kMaxReplyBytes = size_t{64} * 1024;

// Received headers that stand for a loop (RFC 5321 §6.3: at least 100).
inline constexpr int kMaxHops = 100;

}  // namespace goniec::smtp
