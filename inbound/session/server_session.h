// The SMTP server: RFC 5321 with PIPELINING (2920), SIZE (1870), 8BITMIME (6152), SMTPUTF8 (6531),
// ENHANCEDSTATUSCODES (2034), CHUNKING (3030) and, where the shell has a certificate, STARTTLS (3207). Bytes
// in, replies and steps out; no I/O, no clock, no threads. The shell (inbound/accept/) drives it:
//
//   write(session.Greeting())
//   loop:  read → session.Receive(bytes)
//          while ((step = session.Next()) is not NeedInput) do what the step says
//          write(session.TakeOutput())
//
// Replies gather until the shell takes them, so that a pipelined group is answered in one write. The shell
// writes them whenever it is about to wait: at NeedInput, Flush, CommitMessage, UpgradeTls and Close.
//
// Between two calls of Next() the shell may do whatever takes time (open a body, store a chunk, wait for the
// record's acknowledgement); input that has been received stays where it is. Memory of a session is bounded:
// a partial command line (limits.h), the envelope (SessionConfig), the replies (Flush).
//
// Confined to its connection's executor. Calls out of turn are our bugs and stop the process in debug builds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/smtp/command.h"
#include "common/smtp/content_start.h"
#include "common/smtp/data_codec.h"
#include "common/smtp/header_scan.h"
#include "common/smtp/reply.h"
#include "inbound/memory/mail_memory.h"
#include "inbound/policy/recipient_policy.h"
#include "inbound/session/command_input.h"
#include "inbound/session/session_config.h"
#include "inbound/session/tolerance.h"
#include "inbound/session/transaction.h"

namespace goniec::inbound {

// What the shell does next.
struct NeedInput {};  // write the output, then read
struct Flush {};      // write the output, then go on with Next(): much has gathered
// Prepare for a message; then BodyOpened() or BodyFailed(). The transaction lives until the next call.
struct OpenBody {
  const Transaction* transaction;
};
// Content of the message, CR LF line ends, dots removed. Valid until the next call. Keep it or store it; if
// that fails, BodyFailed() before the next Next().
struct BodyChunk {
  std::string_view bytes;
};
// The message is refused or given up: forget what has come of it.
struct AbandonBody {};
// The message is complete and well formed: store it, then Committed(). The transaction lives until then.
struct CommitMessage {
  const Transaction* transaction;
};
// Write the output, do the TLS handshake, then TlsStarted(). If it fails, close: RFC 3207 §4.1 has no way
// back.
struct UpgradeTls {};
struct Close {};  // write the output, close; the session is over

using Step =
    std::variant<NeedInput, Flush, OpenBody, BodyChunk, AbandonBody, CommitMessage, UpgradeTls, Close>;

// Told about each refusal, for the log and the counters. `argument` is what the peer wrote behind the verb:
// bytes of a stranger, escape them; for the content of a message it is empty and the verb is DATA or BDAT.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void OnRefused(smtp::Verb verb, std::string_view argument, const smtp::Reply& reply) = 0;
};

class ServerSession {
 public:
  // `config`, `policy` and `observer` (may be null) must outlive the session. Envelopes are held against
  // `memory`; null: against nothing.
  ServerSession(const SessionConfig& config, PeerInfo peer, const RecipientPolicy& policy,
                SessionObserver* observer = nullptr, std::shared_ptr<ClientMemory> memory = nullptr);
  ~ServerSession();
  ServerSession(const ServerSession&) = delete;
  ServerSession& operator=(const ServerSession&) = delete;

  // The 220 line. What a client says before it is the shell's to judge: TalkedFirst() in its place.
  std::string Greeting() const;
  // 554, and the session is over.
  void TalkedFirst();

  // Only after NeedInput (or at the beginning). `bytes` are not copied: they must stay as they are until
  // Next() has returned NeedInput, UpgradeTls or Close.
  void Receive(std::string_view bytes);
  Step Next();
  std::string TakeOutput();

  // Answers to OpenBody.
  void BodyOpened();
  // To OpenBody, or at any time between it and CommitMessage: no more chunks come, the rest of the message is
  // read and dropped, and `reply` is what the client gets in its place. No AbandonBody follows.
  void BodyFailed(const smtp::Reply& reply);
  // To CommitMessage: `reply` is 250 only if the message is stored durably.
  void Committed(const smtp::Reply& reply);
  // To UpgradeTls. What had been received in clear is gone.
  void TlsStarted(TlsInfo info);

  // The shell wants the session to end (idle for too long, stopping): `reply` (a 421) goes out and the next
  // step is Close, preceded by AbandonBody if a message was open. Not between CommitMessage and Committed().
  void EndWith(const smtp::Reply& reply);

  // True when nothing would be lost by ending now: no transaction is open and no commit is waited for.
  bool IsIdle() const;
  // True from the beginning of a message to its end, taken or refused: what the client sends is content, or
  // more is owed.
  bool InMessage() const;
  // True if the session has ended because of what the client did.
  bool EndedBadly() const { return ended_badly_; }
  const PeerInfo& peer() const { return peer_; }

 private:
  enum class Source { kData, kChunk };
  // States. A refused body is a state of its own: it is read to its end, then the refusal is said.
  struct AwaitCommand {};
  struct OpeningBody {
    Source source;
    bool asked = false;  // the shell knows
  };
  struct ReadingData {
    smtp::DataDecoder decoder;
  };
  struct SkippingData {
    smtp::DataDecoder decoder;
    smtp::Reply refusal;
  };
  struct ReadingChunk {};
  struct SkippingChunk {
    smtp::Reply refusal;
  };
  struct Committing {
    bool asked = false;
  };
  struct UpgradingTls {};
  struct Ending {};
  using State = std::variant<AwaitCommand, OpeningBody, ReadingData, SkippingData, ReadingChunk,
                             SkippingChunk, Committing, UpgradingTls, Ending>;

  // The message that is coming in, from OpenBody to its end.
  struct Body {
    smtp::ContentCheck check;
    smtp::ContentStart start;
    smtp::HeaderScan headers;
    uint64_t received = 0;  // octets, those included that are left out
  };
  // The chunk that BDAT announced.
  struct Chunk {
    uint64_t size = 0;
    uint64_t left = 0;
    bool last = false;
  };

  using Handler = void (ServerSession::*)(std::string_view argument);
  struct VerbRule;
  static const VerbRule& RuleOf(smtp::Verb verb);

  // One step of each state; nullopt: the state has changed, look again. (server_session.cc, body.cc)
  std::optional<Step> StepIn(AwaitCommand& state);
  std::optional<Step> StepIn(OpeningBody& state);
  std::optional<Step> StepIn(ReadingData& state);
  std::optional<Step> StepIn(SkippingData& state);
  std::optional<Step> StepIn(ReadingChunk& state);
  std::optional<Step> StepIn(SkippingChunk& state);
  std::optional<Step> StepIn(Committing& state);
  std::optional<Step> StepIn(UpgradingTls& state);
  std::optional<Step> StepIn(Ending& state);

  void Execute(const smtp::CommandLine& command);
  // The verbs, one file each; those that touch no envelope share control.cc.
  void OnEhlo(std::string_view argument);
  void OnHelo(std::string_view argument);
  void OnMail(std::string_view argument);
  void OnRcpt(std::string_view argument);
  void OnData(std::string_view argument);
  void OnBdat(std::string_view argument);
  void OnStartTls(std::string_view argument);
  void OnRset(std::string_view argument);
  void OnNoop(std::string_view argument);
  void OnVrfy(std::string_view argument);
  void OnHelp(std::string_view argument);
  void OnQuit(std::string_view argument);
  void OnNotImplemented(std::string_view argument);
  void OnForeign(std::string_view argument);
  void OnUnknown(std::string_view argument);

  // What is wrong with the chunk that BDAT announced (bdat.cc).
  std::optional<smtp::Reply> JudgeChunk() const;
  // Body (body.cc).
  std::optional<smtp::Reply> Admit(std::string_view content);
  std::optional<Step> GiveContent();
  std::optional<Step> GivePiece(std::string_view content);
  std::optional<Step> FinishBody();
  void NoteOctets();
  void RefuseBody(smtp::Reply refusal);
  void EndChunk(const smtp::Reply& refusal);
  // Counts octets of a refused message; false if no more of it are to be read, and then the session ends.
  bool MaySkip(uint64_t octets, const smtp::Reply& refusal);
  // Destroys the transaction; Reset tells the shell if a message was open.
  void EndTransaction();
  void ResetTransaction();

  // Replies.
  void Say(const smtp::ReplyText& reply);
  void Say(const smtp::Reply& reply);
  void Refuse(const smtp::Reply& reply);         // a decision: policy, limits
  void RefuseCommand(const smtp::Reply& reply);  // a mistake of the client
  void RefuseFor(Deed deed, const smtp::Reply& reply);
  void Idle(const smtp::ReplyText& reply);  // a yes that brings no mail
  bool Tolerated(Deed deed);                // false: 421 is said
  void Tell(const smtp::Reply& reply);      // to client and observer
  // The client has brought it about: 421, and the session is over.
  void EndBadly(const smtp::Reply& reply);

  const SessionConfig& config_;
  const PeerInfo peer_;
  const RecipientPolicy& policy_;
  const smtp::Domain postmaster_domain_;
  SessionObserver* const observer_;

  CommandInput input_;
  std::string output_;
  State state_;
  ClientIdentity client_;
  bool greeted_ = false;  // by EHLO or HELO
  bool abandon_ = false;  // AbandonBody is due
  bool ended_badly_ = false;
  Tolerance tolerance_;
  smtp::Verb verb_ = smtp::Verb::kUnknown;  // being executed, for the observer
  std::string_view argument_;

  std::unique_ptr<Transaction> transaction_;
  MemoryHold envelope_memory_;
  std::optional<Body> body_;                   // open at the shell
  std::string_view content_;                   // received, not yet given to the shell
  uint64_t refused_octets_ = 0;                // of the message that is being skipped
  std::optional<smtp::Reply> chunks_refused_;  // the message that BDAT began is refused until RSET or LAST
  Chunk chunk_;
};

}  // namespace goniec::inbound
