#include "common/queue/hold/move.h"

#include <openssl/sha.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/queue/events/events.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

// A schedule fires at its second; a shelf's minute comes up to a minute after the time. And ReleaseOverdue
// (shelf.h) counts the current minute as dealt with, and asks only the last ones again: a record whose minute
// was so near might come to lie in one that is over.
constexpr std::chrono::minutes kTooNear{2};

// A schedule fires by itself; a shelf's minute needs one of the workers, whose place another takes within
// two.
constexpr std::chrono::minutes kForAFailover{5};

// Whether a move to WAIT may lie on kLaterShelf until its time, `margin` later at the most.
bool MayLieOnShelf(const Move& move, WallTime now, std::chrono::minutes margin) {
  const auto* wait = std::get_if<ToWait>(&move.to);
  if (wait == nullptr || wait->at < now + kTooNear) return false;
  return std::ranges::all_of(move.record.mails(), [&](const v1::Mail& mail) {
    return FromProto(mail.expire_time()) >= wait->at + kTooNear + margin;
  });
}

bool SameShelf(const Move& a, const Move& b) {
  const auto& one = std::get<ToHeld>(a.to);
  const auto& other = std::get<ToHeld>(b.to);
  return one.site == other.site && one.minute == other.minute;
}

v1::Mail* FindMail(v1::Record& record, const std::string& id) {
  for (v1::Mail& mail : *record.mutable_mails()) {
    if (mail.message_id() == id) return &mail;
  }
  return nullptr;
}

// False if they are not of one shelf, or `more` has no place beside what `shelf` holds.
bool Join(Move& shelf, const Move& more, std::size_t most_bytes) {
  if (shelf.into_wait() || more.into_wait() || !SameShelf(shelf, more)) return false;
  if (shelf.record.ByteSizeLong() + more.record.ByteSizeLong() > most_bytes) return false;
  for (const v1::Mail& mail : more.record.mails()) {
    const v1::Mail* there = FindMail(shelf.record, mail.message_id());
    if (there == nullptr) continue;
    if (there->attempts() != mail.attempts() || there->generation() != mail.generation()) return false;
  }
  for (const v1::Mail& mail : more.record.mails()) {
    if (v1::Mail* there = FindMail(shelf.record, mail.message_id())) {
      there->mutable_recipients()->MergeFrom(mail.recipients());
    } else {
      *shelf.record.add_mails() = mail;
    }
  }
  shelf.in_hand.insert(shelf.in_hand.end(), more.in_hand.begin(), more.in_hand.end());
  return true;
}

// "<message id>.<generation>.<first recipient>" is enough in WAIT, where a mail's recipients of one domain
// move together; on a shelf it takes all that is in the record.
std::string IdOf(const Move& move) {
  const v1::Mail& first = move.record.mails(0);
  if (move.into_wait()) {
    return absl::StrCat(first.message_id(), ".", first.generation(), ".", first.recipients(0).index());
  }
  std::string named;
  for (const v1::Mail& mail : move.record.mails()) {
    absl::StrAppend(&named, mail.message_id(), ".", mail.generation());
    for (const v1::Recipient& recipient : mail.recipients()) absl::StrAppend(&named, ".", recipient.index());
    named += '\n';
  }
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(named.data()), named.size(), hash);
  return absl::StrCat("held.", move.record.record_id(), ".",
                      absl::BytesToHexString({reinterpret_cast<const char*>(hash), sizeof hash}));
}

std::string HeldSubjectOf(const Move& move, int lane) {
  const v1::Mail& first = move.record.mails(0);
  const auto& to = std::get<ToHeld>(move.to);
  WallTime earliest = WallTime::max();
  for (const v1::Mail& mail : move.record.mails()) {
    earliest = std::min(earliest, FromProto(mail.expire_time()));
  }
  return HeldSubject({lane, ClassOf(first), to.site, first.tenant()}, SlotOf(move.record.record_id()),
                     to.minute.value_or(MinuteOf(earliest)));
}

}  // namespace

Move MakeMove(const v1::Record& record, const v1::Mail& mail, const std::vector<std::uint32_t>& positions,
              std::variant<ToWait, ToHeld> to, std::uint32_t attempts) {
  Move move{record, std::move(to)};
  move.record.clear_mails();
  v1::Mail& moved = *move.record.add_mails();
  moved = mail;
  moved.clear_recipients();
  for (const std::uint32_t position : positions) {
    *moved.add_recipients() = mail.recipients(static_cast<int>(position));
  }
  moved.set_generation(mail.generation() + 1);
  moved.set_attempts(attempts);
  return move;
}

std::vector<Move> Together(std::vector<Move> moves, std::size_t most_bytes) {
  std::vector<Move> together;
  for (Move& move : moves) {
    const bool joined = !move.into_wait() && std::any_of(together.begin(), together.end(), [&](Move& other) {
      return Join(other, move, most_bytes);
    });
    if (!joined) together.push_back(std::move(move));
  }
  return together;
}

void PutOnShelf(Move& move, WallTime now) {
  if (!MayLieOnShelf(move, now, std::chrono::minutes(0))) return;
  move.to = ToHeld{.site = kLaterShelf, .minute = MinuteOf(std::get<ToWait>(move.to).at) + 1};
}

void GatherOnShelf(std::vector<Move>& moves, WallTime now) {
  const auto minute_of = [](const Move* move) { return MinuteOf(std::get<ToWait>(move->to).at) + 1; };
  std::vector<Move*> waiting;
  for (Move& move : moves) {
    if (MayLieOnShelf(move, now, kForAFailover)) waiting.push_back(&move);
  }
  std::ranges::sort(waiting, std::greater<>(), minute_of);
  for (auto first = waiting.begin(); first != waiting.end();) {
    const std::int64_t shared = minute_of(*first);
    const auto end =
        std::find_if(first, waiting.end(), [&](const Move* move) { return minute_of(move) < shared - 1; });
    if (end - first >= kManyTogether) {
      for (auto it = first; it != end; ++it) (*it)->to = ToHeld{.site = kLaterShelf, .minute = shared};
    }
    first = end;
  }
}

OutgoingMessage EncodeMove(const Move& move, int lane) {
  OutgoingMessage message;
  message.payload = std::make_shared<const std::string>(move.record.SerializeAsString());
  message.headers = {{kHeaderMessageId, IdOf(move)}};
  const auto* wait = std::get_if<ToWait>(&move.to);
  if (wait == nullptr) {
    message.subject = HeldSubjectOf(move, lane);
    return message;
  }
  const v1::Mail& mail = move.record.mails(0);
  message.subject =
      WaitSubject(lane, ClassOf(mail), mail.tenant(), mail.message_id(), mail.generation(), wait->domain);
  const std::string at =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", absl::FromChrono(wait->at), absl::UTCTimeZone());
  message.headers.emplace_back(kHeaderSchedule, absl::StrCat("@at ", at));
  message.headers.emplace_back(kHeaderScheduleTarget, DueSubject(message.subject));
  return message;
}

}  // namespace goniec::queue
