#include "common/queue/model/record_builder.h"

#include <chrono>
#include <utility>

#include "common/mail/ulid.h"
#include "common/queue/model/timestamps.h"

namespace goniec::queue {
namespace {

// What subject, headers and the record's own fields may add to the mails of a record, and to each mail.
constexpr std::size_t kRecordOverhead = 2 * 1024;
constexpr std::size_t kMailOverhead = 128;

// Our clock and the broker's may differ by so much (readiness.cc). What a caller computed with a clock that
// is farther off is set right.
constexpr std::chrono::seconds kMostClockOffset{10};

std::string ExpandIds(const std::string& head, const std::string& id) {
  std::string expanded;
  expanded.reserve(head.size() + 2 * id.size());
  for (const char c : head) {
    if (c == kMessageIdPlaceholder) {
      expanded += id;
    } else {
      expanded += c;
    }
  }
  return expanded;
}

}  // namespace

RecordBuilder::RecordBuilder(WallTime now, WallTime our_now, std::size_t most_bytes)
    : now_(now), behind_(now - our_now), most_bytes_(most_bytes) {
  record_.set_record_id(mail::NewRecordId(now));
}

bool RecordBuilder::HasRoomFor(std::size_t bytes) const {
  const int mails = record_.mails_size();
  return mails == 0 || (mails < mail::kMaxMailsPerRecord && bytes_ + bytes + kRecordOverhead <= most_bytes_);
}

std::string RecordBuilder::Add(v1::Mail mail, std::size_t bytes) {
  bytes_ += bytes + kMailOverhead;
  std::string id = mail::MessageIdOf(record_.record_id(), record_.mails_size());
  v1::Mail& joined = *record_.add_mails();
  joined = std::move(mail);
  joined.set_message_id(id);
  joined.set_recipient_count(static_cast<std::uint32_t>(joined.recipients_size()));
  *joined.mutable_accept_time() = ToProto(now_);
  if (std::chrono::abs(behind_) > kMostClockOffset) {
    *joined.mutable_expire_time() = ToProto(FromProto(joined.expire_time()) + behind_);
  }
  joined.set_head(ExpandIds(joined.head(), id));
  joined.set_internet_message_id(ExpandIds(joined.internet_message_id(), id));
  joined.set_size_bytes(joined.head().size() + joined.size_bytes());
  return id;
}

}  // namespace goniec::queue
