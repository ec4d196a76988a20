// One mail transaction of the sending session: the recipients that it serves and what became of each. The
// session drives it; the connection knows whose it is. Confined to its session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/base/clock.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/deliver/envelope.h"
#include "outbound/deliver/extensions.h"
#include "outbound/outcome/result.h"

namespace goniec::outbound {

class Transaction final {
 public:
  // `recipients` are positions in mail->recipients(), not empty. The session may change their order.
  // `may_finish` is asked immediately before the bytes that end the message are put out.
  Transaction(std::shared_ptr<const queue::v1::Mail> mail, std::vector<std::uint32_t> recipients,
              std::function<bool()> may_finish);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  [[nodiscard]] bool MayFinish() const { return may_finish_(); }
  [[nodiscard]] const queue::v1::Mail& mail() const { return *mail_; }
  [[nodiscard]] const std::vector<std::uint32_t>& recipients() const { return recipients_; }

  // Once the session has given it back. Every recipient is in a result or in leftover(), unless it is
  // untouched: then nothing is known of any, no end of data was sent, and it may be run again on another
  // connection.
  [[nodiscard]] bool untouched() const { return untouched_; }
  // Untouched, because the server said goodbye instead of an answer to it: that.
  [[nodiscard]] const std::optional<queue::v1::Outcome>& goodbye() const { return goodbye_; }
  std::vector<Result>& results() { return results_; }
  // Recipients for another transaction at once: those that the peer put off because there were too many (RFC
  // 5321 §4.5.3.1.10) while it took others, and those that an extension of the peer's came in the way of.
  [[nodiscard]] const std::vector<std::uint32_t>& leftover() const { return leftover_; }
  // True if leftover() is there for the second reason: the peer refused an extension that it offers.
  [[nodiscard]] bool extension_failed() const { return extension_failed_; }

 private:
  friend class ClientSession;

  // While none is asked for: those that cannot be, with what became of them, and the others of to_ask().
  void Exclude(std::vector<Result> unfit, const std::vector<std::uint32_t>& fit);
  // Those that are asked for.
  [[nodiscard]] std::span<const std::uint32_t> to_ask() const {
    return std::span(recipients_).subspan(excluded_);
  }

  // What became of recipients_[i].
  void Accept(std::size_t i) { accepted_.push_back(recipients_[i]); }
  void Refuse(std::size_t i, Verdict verdict, queue::v1::Outcome outcome);
  // Refused for now, in favour of those accepted: if these are delivered, it is left over, else `outcome`
  // stands.
  void PutOff(std::size_t i, queue::v1::Outcome outcome);
  // As if it had never been begun.
  void LeaveUntouched();
  // To be asked for again, without the extension that it was refused with.
  void AskAgain(std::size_t i);
  // AskAgain for all that are accepted, put off or were not answered yet.
  void AskAllAgain();
  // All that are accepted or were not asked for yet.
  void DecideRest(Verdict verdict, const queue::v1::Outcome& outcome);
  // True when DecideRest would find nobody.
  [[nodiscard]] bool decided() const { return accepted_.empty() && answered_ == recipients_.size(); }

  std::shared_ptr<const queue::v1::Mail> mail_;
  std::vector<std::uint32_t> recipients_;
  std::function<bool()> may_finish_;
  std::vector<std::uint32_t> accepted_;
  std::vector<Result> put_off_;
  std::vector<std::uint32_t> leftover_;
  std::vector<Result> results_;
  // In front, those that are not asked for.
  std::size_t excluded_ = 0;
  // Recipients, from the front, whose RCPT was answered or needs no answer any more.
  std::size_t answered_ = 0;
  bool untouched_ = false;
  std::optional<queue::v1::Outcome> goodbye_;
  bool extension_failed_ = false;

  // The session's notes.
  BootTime start_;
  std::size_t sent_ = 0;        // commands: MAIL, then each RCPT, then DATA
  std::size_t unanswered_ = 0;  // of those sent
  bool answered_any_ = false;
  bool mail_accepted_ = false;
  bool rogue_accept_ = false;  // a RCPT was accepted although MAIL was not
  bool dsn_ = false;           // DSN parameters are sent where there are some
  BootTime mail_since_;        // MAIL is answered from then on
  MailParameters parameters_;  // MAIL goes with these
  bool again_ = false;         // MAIL was refused for its parameters and goes once more
  bool repeated_ = false;      // MAIL goes alone, and not for the first time
  BrokenExtensions suspect_;   // proven to be broken if MAIL is accepted as it goes now
  // The message needs this, and MAIL goes without it: proven to be broken for this message if it is accepted.
  bool Extensions::* question_ = nullptr;
  bool chunking_ = false;          // BDAT instead of DATA
  bool bdat_sent_ = false;         // at least one
  bool in_content_ = false;        // content may be sent
  bool end_sent_ = false;          // the end of data was put out
  std::uint32_t next_chunk_ = 0;   // of a stored body
  std::uint64_t chunk_bytes_ = 0;  // of a stored body, so far
};

}  // namespace goniec::outbound
