// Every outcome that we make, in one table: verdict, reason, enhanced code (RFC 3463) and text. Who wonders
// what becomes a bounce reads the permanent part. Phase, peer and latency are added by who makes one; only
// what the retry decision adds (EXPIRED over an earlier attempt, OUTCOME_UNKNOWN) is made elsewhere
// (expiry.h, consume/conclude). Constants and pure functions; thread-safe.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "goniec/queue/v1/queue.pb.h"
#include "outbound/outcome/result.h"

namespace goniec::outbound {

struct OutcomeRow {
  // Of an attempt that had not sent its end of data.
  Verdict verdict = Verdict::kTemporary;
  queue::v1::Reason reason = queue::v1::REASON_UNSPECIFIED;
  // Empty: the peer's, or none.
  std::string_view enhanced_code;
  // Each % stands for what only its maker knows: a name, words of the peer or of the system.
  std::string_view text;
  // What a server would answer for it (routing only); else 0.
  std::uint32_t reply_code = 0;
};

// The row's text with `values` in the place of its %, one for each; nothing where there are too few.
std::string TextOf(const OutcomeRow& row, std::initializer_list<std::string_view> values = {});
// Sets what the row says.
void Describe(const OutcomeRow& row, std::string text, queue::v1::Outcome& outcome);
// Of a row that needs nothing else.
queue::v1::Outcome MakeOutcome(const OutcomeRow& row, queue::v1::Phase phase,
                               std::initializer_list<std::string_view> values = {});

namespace outcomes {

using enum queue::v1::Reason;

// ── Delivered: code and text are the peer's ──
inline constexpr OutcomeRow kAccepted{Verdict::kDelivered, REASON_ACCEPTED, "", "%"};

// ── Not tried: no attempt; goes back, or is moved until later ──
inline constexpr OutcomeRow kShuttingDown{Verdict::kNotTried, REASON_SHUTDOWN, "", "shutting down"};
inline constexpr OutcomeRow kSiteSilent{Verdict::kNotTried, REASON_SITE_BUSY, "",
                                        "the site takes long to answer"};
inline constexpr OutcomeRow kSiteFull{Verdict::kNotTried, REASON_SITE_BUSY, "",
                                      "the site has enough mail in hand"};
inline constexpr OutcomeRow kNoConnection{Verdict::kNotTried, REASON_SITE_BUSY, "",
                                          "no connection was opened"};
inline constexpr OutcomeRow kWaitedTooLong{Verdict::kNotTried, REASON_SITE_BUSY, "",
                                           "waited too long for a connection"};
inline constexpr OutcomeRow kOthersFirst{Verdict::kNotTried, REASON_SITE_BUSY, "",
                                         "other tenants' mail goes first"};
inline constexpr OutcomeRow kSiteElsewhere{Verdict::kNotTried, REASON_SITE_BUSY, "",
                                           "the site's connections are other workers'"};
// Why it is closed is an event of the mail for which it was tried.
inline constexpr OutcomeRow kSiteClosed{Verdict::kNotTried, REASON_SITE_CLOSED, "",
                                        "the site lets nobody in at the moment"};
// This machine has no descriptor or port left (IsOwnLimit).
inline constexpr OutcomeRow kOwnLimit{Verdict::kNotTried, REASON_CONNECTION_FAILED, "", "%"};
// The holder rule: without a lease nothing is finished.
inline constexpr OutcomeRow kQueueSilent{Verdict::kNotTried, REASON_BROKER, "",
                                         "given up before the end of data: the queue does not answer"};
inline constexpr OutcomeRow kLookupNotMade{Verdict::kNotTried, REASON_LOOKUP_BUSY, "4.4.5",
                                           "DNS lookup of % not made: %", 451};

// ── Temporary ──
inline constexpr OutcomeRow kLookupFailed{Verdict::kTemporary, REASON_DNS_TEMPORARY, "4.4.3",
                                          "DNS lookup of % failed: %", 451};
// What the operator wrote does not work now: a mistake that can be mended, so no mail is lost to it.
inline constexpr OutcomeRow kSmartHostUnusable{Verdict::kTemporary, REASON_DNS_TEMPORARY, "4.3.5",
                                               "smart host % cannot be used: %", 451};
inline constexpr OutcomeRow kConnectFailed{Verdict::kTemporary, REASON_CONNECTION_FAILED, "4.4.1", "%"};
inline constexpr OutcomeRow kConnectTimedOut{Verdict::kTemporary, REASON_TIMEOUT, "4.4.1", "%"};
inline constexpr OutcomeRow kConnectionLost{Verdict::kTemporary, REASON_CONNECTION_LOST, "4.4.2",
                                            "connection lost"};
inline constexpr OutcomeRow kConnectionGivenUp{Verdict::kTemporary, REASON_CONNECTION_LOST, "4.4.2",
                                               "connection given up"};
inline constexpr OutcomeRow kLostBeforeItsTurn{Verdict::kTemporary, REASON_CONNECTION_LOST, "",
                                               "the connection ended before this message, several times"};
// An attempt goes on without an extension that failed, but not for ever.
inline constexpr OutcomeRow kExtensionsRefused{Verdict::kTemporary, REASON_PROTOCOL, "4.5.0",
                                               "the server refused what it offers, several times"};
inline constexpr OutcomeRow kTimedOut{Verdict::kTemporary, REASON_TIMEOUT, "4.4.2", "timed out"};
inline constexpr OutcomeRow kHandshakeFailed{Verdict::kTemporary, REASON_TLS_FAILED, "4.7.5", "%"};
// The server insists on TLS, which it offers; why it is not in use, and the server's words.
inline constexpr OutcomeRow kTlsMissing{Verdict::kTemporary, REASON_TLS_FAILED, "",
                                        "TLS is offered and not in use, %: %"};
inline constexpr OutcomeRow kRefusedForNow{Verdict::kTemporary, REASON_REPLY, "", "%"};
inline constexpr OutcomeRow kReplyMalformed{Verdict::kTemporary, REASON_PROTOCOL, "4.5.0", "%"};
inline constexpr OutcomeRow kReplyOutOfPlace{Verdict::kTemporary, REASON_PROTOCOL, "4.5.0",
                                             "% makes no sense"};
inline constexpr OutcomeRow kReplyEarly{Verdict::kTemporary, REASON_PROTOCOL, "4.5.0",
                                        "a reply came before its command"};
inline constexpr OutcomeRow kReplyUnasked{Verdict::kTemporary, REASON_PROTOCOL, "4.5.0",
                                          "a reply came that nothing had asked for"};
inline constexpr OutcomeRow kResetRefused{Verdict::kTemporary, REASON_PROTOCOL, "4.5.0", "RSET was refused"};
inline constexpr OutcomeRow kRecipientsWithoutSender{Verdict::kTemporary, REASON_PROTOCOL, "4.5.0",
                                                     "recipients were accepted after the sender was refused"};
inline constexpr OutcomeRow kBodyUnreadable{Verdict::kTemporary, REASON_BODY_UNREADABLE, "4.3.0", "%"};

// ── Permanent: a bounce ──
inline constexpr OutcomeRow kRefused{Verdict::kPermanent, REASON_REPLY, "", "%"};
inline constexpr OutcomeRow kNoSuchDomain{Verdict::kPermanent, REASON_NO_SUCH_DOMAIN, "5.1.2",
                                          "domain % does not exist", 550};
inline constexpr OutcomeRow kNoSuchLiteral{Verdict::kPermanent, REASON_NO_SUCH_DOMAIN, "5.1.2",
                                           "% is no address that mail can be sent to", 550};
// RFC 7505 §4.
inline constexpr OutcomeRow kNullMx{Verdict::kPermanent, REASON_NULL_MX, "5.1.10",
                                    "domain % accepts no mail (null MX)", 556};
inline constexpr OutcomeRow kUnroutable{Verdict::kPermanent, REASON_ROUTE_REFUSED, "5.4.4", "no way to %: %",
                                        550};
inline constexpr OutcomeRow kLoop{Verdict::kPermanent, REASON_ROUTE_REFUSED, "5.4.6",
                                  "mail for % would come back to this system", 554};
inline constexpr OutcomeRow kSenderHasControls{Verdict::kPermanent, REASON_UNSUPPORTED, "5.1.7",
                                               "the sender's address has control characters"};
inline constexpr OutcomeRow kRecipientHasControls{Verdict::kPermanent, REASON_UNSUPPORTED, "5.1.3",
                                                  "the recipient's address has control characters"};
inline constexpr OutcomeRow kTooLarge{Verdict::kPermanent, REASON_UNSUPPORTED, "5.3.4",
                                      "the message is larger than the server takes"};
inline constexpr OutcomeRow kMessageNeedsUtf8{
    Verdict::kPermanent, REASON_UNSUPPORTED, "5.6.7",
    "the server does not support SMTPUTF8, which this message needs"};
inline constexpr OutcomeRow kRecipientNeedsUtf8{
    Verdict::kPermanent, REASON_UNSUPPORTED, "5.6.7",
    "the server does not support SMTPUTF8, which this recipient's address needs"};
// With the server's words.
inline constexpr OutcomeRow kUtf8Refused{Verdict::kPermanent, REASON_UNSUPPORTED, "5.6.7",
                                         "the server refused SMTPUTF8, which this message needs: %"};
inline constexpr OutcomeRow kMessageNeeds8Bit{
    Verdict::kPermanent, REASON_UNSUPPORTED, "5.6.3",
    "the server does not support 8BITMIME, which the 8-bit content of this message needs"};

// ── At the end of the time for delivery, without an attempt (RFC 3463 X.4.7) ──
inline constexpr OutcomeRow kExpired{Verdict::kNotTried, REASON_EXPIRED, "4.4.7",
                                     "the time for delivery was over before the first attempt"};

// All rows above, for tests and documentation.
// clang-format off: one a line would be longer than the table.
inline constexpr OutcomeRow kAll[] = {
    kAccepted, kShuttingDown, kSiteSilent, kSiteFull, kNoConnection, kWaitedTooLong,
    kOthersFirst, kSiteElsewhere, kSiteClosed, kOwnLimit, kQueueSilent,
    kLookupNotMade, kLookupFailed, kSmartHostUnusable, kConnectFailed, kConnectTimedOut, kConnectionLost,
    kConnectionGivenUp, kLostBeforeItsTurn, kExtensionsRefused,
    kTimedOut, kHandshakeFailed, kTlsMissing, kRefusedForNow,
    kReplyMalformed, kReplyOutOfPlace, kReplyEarly, kReplyUnasked, kResetRefused, kRecipientsWithoutSender,
    kBodyUnreadable, kRefused, kNoSuchDomain, kNoSuchLiteral, kNullMx, kUnroutable, kLoop, kSenderHasControls,
    kRecipientHasControls, kTooLarge, kMessageNeedsUtf8, kRecipientNeedsUtf8, kUtf8Refused, kMessageNeeds8Bit,
    kExpired,
};
// clang-format on

}  // namespace outcomes
}  // namespace goniec::outbound
