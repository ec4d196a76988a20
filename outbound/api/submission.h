// A SendMessage request, looked through: what is wrong with it, field by field, or the mail that it asks for.
// Pure: no I/O, no clock of its own. The one place where the API's rules for requests stand (proto/goniec/v1
// documents them). Thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "goniec/queue/v1/queue.pb.h"
#include "goniec/v1/mail_service.pb.h"
#include "outbound/api/api_config.h"
#include "outbound/api/credentials.h"
#include "outbound/api/violations.h"
#include "outbound/retry/retry.h"

namespace goniec::outbound {

struct SubmissionRules {
  const ApiConfig& config;
  // For the lifetimes of mails that set no expire_time.
  const RetryPolicy& retry;
  // This server's name, in Received and in the Message-ID of mail without a From.
  std::string host;
};

// What is to be stored: `mail` has all but its body; the body is the pieces one after the other.
struct Submission {
  queue::v1::Mail mail;
  std::vector<std::string_view> body;
  // Keeps the pieces valid, together with the request.
  std::vector<std::shared_ptr<const void>> owners;

  [[nodiscard]] std::uint64_t body_size() const;
};

struct DeniedDomain {
  std::string field;
  std::string domain;
  // The header field of a raw message that it stands in, or empty.
  std::string header;
};

// `request` must outlive the result.
std::variant<Submission, Violations, DeniedDomain> ReadSubmission(const v1::SendMessageRequest& request,
                                                                  const Caller& caller,
                                                                  const SubmissionRules& rules, WallTime now);

}  // namespace goniec::outbound
