// The composed message of a request as a mail::Draft, every field of it checked. Called by submission.cc
// only. Pure.
#pragma once

#include <vector>

#include "common/mail/compose.h"
#include "goniec/v1/mail_service.pb.h"
#include "outbound/api/violations.h"

namespace goniec::outbound {

struct CheckedDraft {
  mail::Draft draft;
  std::vector<mail::NamedAddress> bcc;
};

// Incomplete if there are violations. `composed` must outlive the result; `date` is left to the caller.
CheckedDraft ReadDraft(const v1::ComposedMessage& composed, Violations& violations);

}  // namespace goniec::outbound
