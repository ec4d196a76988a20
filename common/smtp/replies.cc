#include "common/smtp/replies.h"

#include <string>

namespace goniec::smtp::replies {

Reply Queued(std::string_view message_id) {
  return Reply(250, {2, 0, 0}, "Queued as " + std::string(message_id));
}

Reply ChunkReceived(uint64_t octets) {
  return Reply(250, {2, 0, 0}, std::to_string(octets) + " octets received");
}

Reply BadSender(std::string_view why) {
  return Reply(501, {5, 1, 7}, "Bad sender address: " + std::string(why));
}

Reply BadRecipient(std::string_view why) {
  return Reply(501, {5, 1, 3}, "Bad recipient address: " + std::string(why));
}

}  // namespace goniec::smtp::replies
