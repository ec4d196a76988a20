// Mails on their way out of a record in hand: into WAIT, to be tried at a time, or onto a shelf in HELD. Made
// by what follows from an attempt (outbound/consume/conclude) and by the next holder that finishes an
// interrupted move (holder.h); stored by store_move.h. The event that tells of a move is its maker's.
//
// Values and pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/queue/broker/broker.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

// One mail's recipients of one domain, due at a time.
struct ToWait {
  // Canonical, the same in every process.
  std::string domain;
  WallTime at;
};

// Several mails of one record, until their site takes mail again; or, on kLaterShelf, until a minute.
struct ToHeld {
  // The site as one token of a subject, or kLaterShelf.
  std::string site;
  // The site's name (outbound's Route::site), for the shelf's mark; it does not tell shelves apart.
  std::string site_name = {};
  // When the record comes back (MinuteOf); without, when the first of its mails expires.
  std::optional<std::int64_t> minute = std::nullopt;
};

struct Move {
  // ToWait: one mail. ToHeld: one or more of the same record, each once.
  v1::Record record;
  std::variant<ToWait, ToHeld> to;
  // Kept until the move is stored: what its mails count for is in memory until then.
  std::vector<std::shared_ptr<const void>> in_hand = {};

  [[nodiscard]] bool into_wait() const { return std::holds_alternative<ToWait>(to); }
};

// `mail`, one of `record`'s, with only the recipients at `positions`, one generation on. Everything else that
// stands in the record, the mail and the recipients goes along, fields of a later version included. `record`
// may have lost its mails. The same for everybody who derives it from the mail and the event.
Move MakeMove(const v1::Record& record, const v1::Mail& mail, const std::vector<std::uint32_t>& positions,
              std::variant<ToWait, ToHeld> to, std::uint32_t attempts);

// Moves out of one record, as they are stored: those to the same shelf in one record of at most `most_bytes`,
// recipients of the same mail in one mail. A mail that stands there with other attempts or another generation
// goes in a record of its own.
std::vector<Move> Together(std::vector<Move> moves, std::size_t most_bytes);

// Where WAIT has no room: the same until its time on kLaterShelf, in the first minute that begins when it is
// due or later. What is due within two minutes, or expires within two of that, stays as it is.
void PutOnShelf(Move& move, WallTime now);

// Moves out of one record. Where at least kManyTogether of them wait for the same minute or two that follow
// each other, they wait on kLaterShelf until the later one: that takes one publish for all instead of two for
// each, and a site that answers thousands of mails with 4xx costs others little. As PutOnShelf(), but what
// expires within seven minutes of its time stays as it is.
inline constexpr std::ptrdiff_t kManyTogether = 4;
void GatherOnShelf(std::vector<Move>& moves, WallTime now);

// As it is published in `lane`. Its Nats-Msg-Id says which recipients of which mails moved, and at what
// generation: the same move is stored once, and another is never taken for it.
OutgoingMessage EncodeMove(const Move& move, int lane);

}  // namespace goniec::queue
