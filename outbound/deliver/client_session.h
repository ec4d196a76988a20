// The sending side of SMTP on one connection, without the connection (RFC 5321, 2920, 3030, 3207): bytes of
// the server go in, bytes for the server and decisions come out. It greets, learns the extensions, asks for
// TLS, and runs transactions one after the other, where the server offers PIPELINING with the next one's
// commands right behind the end of data of the one before. It does no I/O and knows no time limit but by
// name: the shell (connection.h) writes output(), does what want() says within time_limit(), and reports what
// happened.
//
// The end of a message is put out last and alone: everything but the last kTail octets of its content goes
// first, and the transaction is asked for its leave (MayFinish) when the shell says that this has gone out.
// So the bytes that make the server responsible are never queued behind content that a slow reader takes
// minutes for.
//
// An extension that the server offers and then refuses (or breaks at, with BDAT) is never a verdict on the
// mail: the mail goes again without it, and TakeBroken() tells the shell what to remember of the address.
//
// MAIL that was refused for its parameters, or so it may be, goes again alone, without those that can be left
// out, and the others behind its acceptance. If that is refused as well, the server is asked without one that
// the message needs: MAIL and, when that is accepted, RSET. Only then, when the reply to RSET shows that none
// was taken for another's, and for this message only, the server counts as one that does not offer it.
//
// Confined to its connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/smtp/data_codec.h"
#include "common/smtp/reply.h"
#include "common/smtp/reply_parser.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/deliver/extensions.h"
#include "outbound/deliver/step.h"
#include "outbound/deliver/transaction.h"
#include "outbound/outcome/outcomes.h"
#include "outbound/outcome/result.h"

namespace goniec::outbound {

// Immutable, and outlives the session.
struct SessionConfig {
  std::string helo;
  // Ask for TLS where it is offered. (Required, DANE and MTA-STS will be further values.)
  enum class Tls { kNever, kIfOffered };
  Tls tls = Tls::kIfOffered;
  // Messages of this size and larger go by BDAT where it is offered.
  std::uint64_t chunking_from = 256 * 1024;
  // A transaction follows right behind another's end of data only if the server took less than this to accept
  // the last message.
  std::chrono::milliseconds follow_limit{1'000};
  std::uint32_t time_limit_percent = 100;
  const Clock* clock = &Clock::Real();
};

// What is remembered of the server's address from other connections.
struct PeerMemory {
  // STARTTLS failed there lately and is not asked for. (Then `config.tls` says kNever.)
  bool tls_failed = false;
  BrokenExtensions broken;
};

class ClientSession {
 public:
  // What the shell does next, after all of output() has been written.
  enum class Want {
    kReply,  // read, then Receive()
    kTls,    // shake hands, then TlsStarted() or Lost()
    kBody,   // read chunk body_chunk() of the current mail's stored body, then AddBody() or BodyUnreadable()
    kEnd,    // wait until what was written has left for the server, then EndContent()
    kWork,   // Submit() or Quit(), whenever there is something
    kClose,  // close the connection; all transactions have been given back
  };

  // At most so much of the content goes out together with its end. What is smaller is one write: a server
  // that has just asked for it has room for it.
  static constexpr std::size_t kTail = 16 * 1024;

  // `base` names the peer: host, address, port. It becomes the ground of every outcome.
  ClientSession(const SessionConfig& config, queue::v1::Outcome base, PeerMemory memory = {});

  [[nodiscard]] Want want() const;
  // To be written, and then cleared, by the shell.
  std::string& output() { return output_; }
  // For the current wait or write; starts anew when replies() has changed or something was written.
  [[nodiscard]] std::chrono::milliseconds time_limit() const;
  [[nodiscard]] std::uint64_t replies() const { return replies_; }

  void Receive(std::string_view input);
  // The handshake has been done. The session begins anew (RFC 3207 §4.2).
  void TlsStarted(std::string_view version, std::string_view cipher, std::string_view peer);

  // True if a transaction may be submitted now: the connection is idle, or the current one's end of data has
  // been put out and the next may follow behind it.
  [[nodiscard]] bool CanSubmit() const;
  void Submit(std::unique_ptr<Transaction> transaction);
  // Only at kWork. kReply follows, or kClose.
  void Quit();

  // At kBody: whose body it is, and which chunk of it.
  [[nodiscard]] const Transaction* current() const { return current_.get(); }
  [[nodiscard]] std::uint32_t body_chunk() const { return current_->next_chunk_; }
  void AddBody(std::string_view chunk);
  void BodyUnreadable(std::string_view why);
  // At kEnd. Asks MayFinish() and puts out the end, or gives up.
  void EndContent();

  // The connection is gone, its time is up, the handshake failed, or the shell gives it up: `row` says which.
  // `text` instead of the row's, if not empty. Then kClose.
  void Lost(const OutcomeRow& row, std::string_view text = {});

  // Transactions that are done, in order; the shell empties it.
  std::vector<std::unique_ptr<Transaction>>& finished() { return finished_; }
  // Set when the connection has ended before it could serve any transaction: what its jobs would have got.
  [[nodiscard]] const std::optional<Result>& failure() const { return failure_; }
  // True once the connection can serve or has served transactions.
  [[nodiscard]] bool ready() const { return ready_; }
  // Transactions begun, those that were decided without a word to the server excluded.
  [[nodiscard]] std::uint64_t transactions() const { return begun_; }
  [[nodiscard]] const Extensions& extensions() const { return extensions_; }
  // No further transaction would fare well here: Quit() at kWork, and go on with another connection.
  [[nodiscard]] bool spent() const { return tls_demanded_; }
  // The server wants TLS, which it offers and which is not in use: it is to be asked for next time.
  [[nodiscard]] bool tls_demanded() const { return tls_demanded_; }
  // What was found out here since the last call.
  BrokenExtensions TakeBroken() { return std::exchange(broken_, {}); }
  // Found out elsewhere: holds for transactions submitted from now on.
  void Avoid(const BrokenExtensions& broken) { extensions_ = Without(extensions_, broken); }

 private:
  struct Expected {
    Step step;
    Transaction* transaction;  // null for those of the session
    std::uint32_t recipient;   // kRcpt: which of the transaction's
  };
  using Handler = void (ClientSession::*)(const Expected&, const smtp::Reply&);
  static Handler HandlerOf(Step step);

  void Send(Step step, std::string_view line);
  void Expect(Step step, Transaction* transaction = nullptr, std::uint32_t recipient = 0);
  void OnReply(const smtp::Reply& reply);
  void OnUnaskedReply(const smtp::Reply& reply);
  void OnGreeting(const Expected& expected, const smtp::Reply& reply);
  void OnEhlo(const Expected& expected, const smtp::Reply& reply);
  void OnHelo(const Expected& expected, const smtp::Reply& reply);
  void OnStartTls(const Expected& expected, const smtp::Reply& reply);
  void OnRset(const Expected& expected, const smtp::Reply& reply);
  void OnMail(const Expected& expected, const smtp::Reply& reply);
  void OnRcpt(const Expected& expected, const smtp::Reply& reply);
  void OnData(const Expected& expected, const smtp::Reply& reply);
  void OnChunk(const Expected& expected, const smtp::Reply& reply);
  void OnEndOfData(const Expected& expected, const smtp::Reply& reply);
  void OnLoneDot(const Expected& expected, const smtp::Reply& reply);
  void OnQuit(const Expected& expected, const smtp::Reply& reply);

  // Of a refusal before the content: with what verdict, and told how.
  struct Judgement {
    Verdict verdict;
    queue::v1::Outcome outcome;
  };
  static Verdict VerdictOf(const smtp::Reply& reply) {
    return (reply.IsPermanent() ? outcomes::kRefused : outcomes::kRefusedForNow).verdict;
  }
  Judgement Judge(const Transaction* transaction, Step step, const smtp::Reply& reply);
  // Of a refusal of MAIL with SMTPUTF8, which its sender cannot be named without.
  static void JudgeUtf8Sender(const Transaction& transaction, const smtp::Reply& reply, Judgement* judgement);

  // Decides for the message or the recipients that a server with these extensions cannot take.
  void ExcludeUnfit(Transaction& transaction, const Extensions& extensions);
  void Begin(Transaction& transaction);
  void Advance(Transaction& transaction);
  void SendNext(Transaction& transaction);
  void Settle(Transaction& transaction);
  [[nodiscard]] bool IsOutOfStep(const smtp::Reply& reply) const;
  void AcceptMail(Transaction& transaction);
  void AcceptQuestion(Transaction& transaction);
  void RefuseMail(Transaction& transaction, const smtp::Reply& reply);
  static bool AskWithFewer(Transaction& transaction);
  void BeginContent(Transaction& transaction);
  void AppendContent(Transaction& transaction, std::string_view first, std::string_view second, bool last);
  void FinishCurrent();

  void NoteBroken(const BrokenExtensions& broken);
  // The current transaction came to nothing because of an extension: all goes again on another connection.
  void GiveUpWith(const BrokenExtensions& broken);

  void ClosedByPeer(const Expected& expected, const smtp::Reply& reply);
  // The server does not speak SMTP. `step`: whose reply was wrong, if it was the reply to something.
  void ProtocolError(const OutcomeRow& row, std::optional<Step> step = std::nullopt,
                     std::initializer_list<std::string_view> values = {});
  void OutOfPlace(Step step) { ProtocolError(outcomes::kReplyOutOfPlace, step, {RowOf(step).waiting_for}); }
  // Ends the session: what is in flight gets `outcome` (with the phase and the ambiguity of each) and
  // `verdict`, or is untouched. After its end of data a transaction has been tried, whatever `verdict` says.
  void End(queue::v1::Outcome outcome, Verdict verdict = Verdict::kTemporary);
  void EndTransaction(Transaction& transaction, bool at_its_turn, queue::v1::Outcome outcome,
                      Verdict verdict);

  [[nodiscard]] queue::v1::Phase PhaseOf(const Transaction* transaction) const;
  [[nodiscard]] queue::v1::Outcome OutcomeOf(const Transaction* transaction, Step step,
                                             const smtp::Reply& reply) const;
  [[nodiscard]] queue::v1::Outcome OwnOutcome(const Transaction* transaction, queue::v1::Phase phase,
                                              const OutcomeRow& row,
                                              std::initializer_list<std::string_view> values = {}) const;

  const SessionConfig& config_;
  queue::v1::Outcome base_;
  const BootTime opened_;

  smtp::ReplyParser parser_;
  smtp::DataEncoder encoder_;
  std::string output_;
  std::string tail_;  // the end of the current message, with what goes along
  std::deque<Expected> expected_;
  std::uint64_t replies_ = 0;
  std::uint64_t begun_ = 0;

  const PeerMemory memory_;
  Extensions extensions_;
  BrokenExtensions broken_;
  bool tls_ = false;
  bool tls_offered_ = false;
  bool tls_demanded_ = false;
  bool want_tls_ = false;
  bool ready_ = false;
  bool closed_ = false;
  // The server holds an envelope that came to nothing: RSET goes before the next MAIL.
  bool reset_needed_ = false;
  // How long the server took to accept the last message; nothing before the first.
  std::optional<BootClock::duration> last_accept_;
  BootTime end_sent_at_;

  std::unique_ptr<Transaction> current_;
  std::unique_ptr<Transaction> follower_;
  std::vector<std::unique_ptr<Transaction>> finished_;
  std::optional<Result> failure_;
};

}  // namespace goniec::outbound
