// Every reply that our server gives, in one table: code, enhanced code (RFC 3463, RFC 5248), text. Who
// wonders which replies are temporary reads the 4xx part. Only the EHLO list, the greeting and the two texts
// with a value in them (replies.cc) are made elsewhere. Constants; thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/smtp/reply.h"

namespace goniec::smtp::replies {

// ── 2xx, 3xx: yes ──
inline constexpr ReplyText kHelp{
    214, {2, 0, 0}, "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY STARTTLS QUIT, see RFC 5321"};
inline constexpr ReplyText kReadyForTls{220, {2, 0, 0}, "Ready to start TLS"};
inline constexpr ReplyText kBye{221, {2, 0, 0}, "Bye"};
inline constexpr ReplyText kSenderOk{250, {2, 1, 0}, "Sender ok"};
inline constexpr ReplyText kRecipientOk{250, {2, 1, 5}, "Recipient ok"};
inline constexpr ReplyText kOk{250, {2, 0, 0}, "Ok"};
inline constexpr ReplyText kCannotVerify{
    252, {2, 0, 0}, "Cannot verify addresses, send some mail and I will try"};
inline constexpr ReplyText kStartInput{354, {}, "End data with <CR><LF>.<CR><LF>"};

// ── 4xx: not now; the client tries again ──
inline constexpr ReplyText kShuttingDown{421, {4, 3, 2}, "Shutting down, try again"};
inline constexpr ReplyText kIdleTooLong{421, {4, 4, 2}, "Idle for too long, closing"};
inline constexpr ReplyText kTooManyConnections{421, {4, 7, 0}, "Too many connections, try again later"};
inline constexpr ReplyText kTooManyErrors{421, {4, 7, 0}, "Too many errors, closing"};
inline constexpr ReplyText kTooManyRefusals{421, {4, 7, 0}, "Too many refusals without a message, closing"};
inline constexpr ReplyText kTooManyCommands{421, {4, 7, 0}, "Too many commands without a message, closing"};
// Behind the refusal of a message whose rest is not worth reading.
inline constexpr ReplyText kRestNotRead{
    421, {4, 7, 0}, "The rest of the refused message is not read, closing"};
inline constexpr ReplyText kBarred{
    421, {4, 7, 0}, "Too many bad sessions from your address, try again later"};
inline constexpr ReplyText kSessionTooOld{421, {4, 4, 2}, "This session has lasted too long, connect again"};
inline constexpr ReplyText kMessageTooSlow{421, {4, 4, 2}, "The message comes too slowly, closing"};
inline constexpr ReplyText kNotSmtp{421, {4, 7, 0}, "This is a mail server, closing"};
inline constexpr ReplyText kNotStored{451, {4, 3, 0}, "Cannot store the message now, try again"};
// The message may have been stored (RFC 1047).
inline constexpr ReplyText kStoreUnknown{451, {4, 3, 0}, "No answer from the store, try again"};
inline constexpr ReplyText kStoreFull{451, {4, 3, 1}, "The queue is full, try again later"};
inline constexpr ReplyText kEventsFull{451, {4, 3, 1}, "The store of events is full, try again later"};
inline constexpr ReplyText kWaitingFull{
    451, {4, 3, 1}, "Too much mail waits for its next attempt, try again later"};
inline constexpr ReplyText kOverloaded{451, {4, 3, 2}, "Too busy, try again later"};
inline constexpr ReplyText kMemoryFull{
    452, {4, 3, 1}, "Too little memory for more mail at the moment, try again later"};
inline constexpr ReplyText kTooMuchUnfinished{
    452, {4, 3, 1}, "Too many large messages come in at once, try again later"};
inline constexpr ReplyText kTooManyRecipients{
    452, {4, 5, 3}, "Too many recipients, send the rest in another message"};
inline constexpr ReplyText kTlsNotAvailable{454, {4, 7, 0}, "TLS is not available now"};

// ── 5xx: never like this ──
inline constexpr ReplyText kUnknownCommand{500, {5, 5, 2}, "Command not recognised"};
inline constexpr ReplyText kLineTooLong{500, {5, 5, 2}, "Line too long"};
inline constexpr ReplyText kBadLineEnding{
    500, {5, 5, 2}, "A command ends with CR LF and has no control characters"};
inline constexpr ReplyText kNotImplemented{502, {5, 5, 1}, "Command not implemented"};
inline constexpr ReplyText kNoArgumentAllowed{501, {5, 5, 4}, "This command has no argument"};
inline constexpr ReplyText kBadHelloName{501, {5, 5, 4}, "Say your domain name or address literal"};
inline constexpr ReplyText kBadMailSyntax{501, {5, 5, 4}, "Syntax: MAIL FROM:<address> [parameters]"};
inline constexpr ReplyText kBadRcptSyntax{501, {5, 5, 4}, "Syntax: RCPT TO:<address> [parameters]"};
inline constexpr ReplyText kBadBdatSyntax{501, {5, 5, 4}, "Syntax: BDAT size [LAST]"};
inline constexpr ReplyText kBadVrfySyntax{501, {5, 5, 4}, "Syntax: VRFY address"};
inline constexpr ReplyText kBadParameter{501, {5, 5, 4}, "A parameter is not well formed"};
inline constexpr ReplyText kRepeatedParameter{501, {5, 5, 4}, "A parameter is given twice"};
inline constexpr ReplyText kHelloFirst{503, {5, 5, 1}, "Say EHLO first"};
inline constexpr ReplyText kMailFirst{503, {5, 5, 1}, "MAIL first"};
inline constexpr ReplyText kRecipientFirst{503, {5, 5, 1}, "RCPT first"};
inline constexpr ReplyText kNestedMail{503, {5, 5, 1}, "A mail transaction is open already, RSET first"};
inline constexpr ReplyText kChunksBegun{
    503, {5, 5, 1}, "The message has begun with BDAT, only BDAT or RSET now"};
inline constexpr ReplyText kTlsAlready{503, {5, 5, 1}, "TLS is on already"};
inline constexpr ReplyText kTalksFirst{554, {5, 5, 1}, "Wait for the greeting"};
inline constexpr ReplyText kNoValidRecipients{554, {5, 5, 1}, "No valid recipients"};
inline constexpr ReplyText kUnsupportedParameter{555, {5, 5, 4}, "A parameter is not supported"};
// RFC 6531 §3.5 gives MAIL 550 and RCPT 553.
inline constexpr ReplyText kSenderNeedsUtf8{550, {5, 6, 7}, "A non-ASCII sender needs SMTPUTF8"};
inline constexpr ReplyText kRecipientNeedsUtf8{553, {5, 6, 7}, "A non-ASCII recipient needs SMTPUTF8"};
inline constexpr ReplyText kUnroutableLiteral{
    550, {5, 1, 2}, "This kind of address literal cannot be reached"};
inline constexpr ReplyText kRelayDenied{550, {5, 7, 1}, "Relaying denied"};
inline constexpr ReplyText kRoutedAddressDenied{
    550, {5, 7, 1}, "Relaying denied: addresses with a route in them are not taken"};
inline constexpr ReplyText kMessageTooLarge{552, {5, 3, 4}, "The message is larger than the limit"};
inline constexpr ReplyText kHopLimit{554, {5, 4, 6}, "Too many Received headers: a mail loop"};
inline constexpr ReplyText kBareCr{
    550, {5, 6, 11}, "The message has a CR without LF: lines end with CR LF (RFC 5321 2.3.8)"};
inline constexpr ReplyText kBareLf{
    550,
    {5, 6, 11},
    "A line ends with LF alone: send CR LF (curl: --crlf; a file: unix2dos; RFC 5321 2.3.8)"};
inline constexpr ReplyText kNul{554, {5, 6, 0}, "The message has a NUL octet"};
inline constexpr ReplyText kNoFirstField{
    554, {5, 6, 0}, "The message begins with a space or tab: a header field comes first, or an empty line"};

// All rows above, for tests and documentation.
// clang-format off: one a line would be longer than the table.
inline constexpr ReplyText kAll[] = {
    kHelp, kReadyForTls, kBye, kSenderOk, kRecipientOk, kOk, kCannotVerify, kStartInput, kShuttingDown,
    kIdleTooLong, kTooManyConnections, kTooManyErrors, kNotSmtp, kNotStored, kStoreUnknown, kStoreFull,
    kEventsFull, kWaitingFull, kOverloaded, kTooManyRecipients, kTlsNotAvailable, kUnknownCommand, kLineTooLong, kBadLineEnding,
    kNotImplemented, kNoArgumentAllowed, kBadHelloName, kBadMailSyntax, kBadRcptSyntax, kBadBdatSyntax,
    kBadVrfySyntax, kBadParameter, kRepeatedParameter, kHelloFirst, kMailFirst, kRecipientFirst,
    kNestedMail, kChunksBegun, kTlsAlready, kTalksFirst, kNoValidRecipients, kUnsupportedParameter,
    kSenderNeedsUtf8, kRecipientNeedsUtf8, kUnroutableLiteral, kRelayDenied, kRoutedAddressDenied,
    kMessageTooLarge, kHopLimit, kBareCr, kBareLf, kNul, kTooManyRefusals, kTooManyCommands, kRestNotRead,
    kBarred, kSessionTooOld, kMessageTooSlow, kMemoryFull, kTooMuchUnfinished, kNoFirstField,
};
// clang-format on

// 250: the message is stored durably under `message_id`. Only to be said after the store's acknowledgement.
Reply Queued(std::string_view message_id);
// 250 for a chunk that is not the last (RFC 3030 §2).
Reply ChunkReceived(uint64_t octets);
// 501 for an address that does not parse; `why` is the parser's message. 5.1.7 for a sender, 5.1.3 for a
// recipient.
Reply BadSender(std::string_view why);
Reply BadRecipient(std::string_view why);

}  // namespace goniec::smtp::replies
