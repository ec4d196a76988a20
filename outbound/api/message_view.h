// What clients see of a message: from the queue's records and their fold to goniec.v1. Pure; thread-safe.
#pragma once

#include "goniec/queue/v1/queue.pb.h"
#include "goniec/v1/mail_service.pb.h"

namespace goniec::queue {
struct Durability;
struct MessageStatus;
}  // namespace goniec::queue

namespace goniec::outbound {

v1::Message ViewOf(const queue::MessageStatus& status);

// A mail at the moment of its acceptance, all recipients queued. `mail` as it was given to the publisher,
// `size` of its body in octets.
v1::Message ViewOfAccepted(const queue::v1::Mail& mail, std::uint64_t body_size);
// Names the message, now that its id is known.
void SetMessageId(v1::Message& message, const std::string& id);

v1::Outcome ViewOf(const queue::v1::Outcome& outcome);

v1::Durability ViewOf(const queue::Durability& durability);

}  // namespace goniec::outbound
