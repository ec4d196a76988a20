// Joins mails into the record that commits them: gives each its id, its acceptance and its place, and keeps
// the record within its size. Pure; used by one thread.
#pragma once

#include <cstddef>
#include <string>

#include "common/base/clock.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::queue {

// In Mail.head and Mail.internet_message_id each of these bytes stands for the message id.
inline constexpr char kMessageIdPlaceholder = '\0';

class RecordBuilder {
 public:
  // `now` is the broker's time: ids are made from it, and a message is looked for from its id's time on.
  // `our_now` is this machine's, from which callers counted a mail's life. `most_bytes` bounds the record,
  // with all that the broker counts; the first mail fits at any size.
  RecordBuilder(WallTime now, WallTime our_now, std::size_t most_bytes);

  // Whether a mail of `bytes` serialised bytes may join; always the first.
  [[nodiscard]] bool HasRoomFor(std::size_t bytes) const;
  // The id that the mail was given. `bytes` as above: its caller has counted them.
  std::string Add(v1::Mail mail, std::size_t bytes);

  [[nodiscard]] const v1::Record& record() const { return record_; }

 private:
  const WallTime now_;
  const WallTime::duration behind_;
  const std::size_t most_bytes_;
  v1::Record record_;
  std::size_t bytes_ = 0;
};

}  // namespace goniec::queue
