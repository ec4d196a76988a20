// Requests for the tests of the API's rules.
#pragma once

#include <string>

#include "goniec/v1/mail_service.pb.h"
#include "outbound/api/submission.h"

namespace goniec::outbound {

inline v1::SendMessageRequest ComposedRequest() {
  v1::SendMessageRequest request;
  v1::ComposedMessage& composed = *request.mutable_composed();
  composed.mutable_from()->set_address("ala@example.test");
  composed.add_to()->set_address("kot@example.net");
  composed.set_subject("Hello");
  composed.set_text("Hi\n");
  return request;
}

inline v1::SendMessageRequest RawRequest() {
  v1::SendMessageRequest request;
  request.mutable_envelope()->set_mail_from("ala@example.test");
  request.mutable_envelope()->add_to()->set_address("kot@example.net");
  request.set_raw("From: ala@example.test\r\nDate: x\r\nMessage-ID: <1@example.test>\r\n\r\nHi\r\n");
  return request;
}

// What the rules of a server with defaults make of a request.
struct Rules {
  ApiConfig config;
  RetryPolicy retry;
  Caller caller{.tenant = "shop", .name = "shop", .sender_domains = {}};
  WallTime now = WallTime(std::chrono::seconds(1'800'000'000));

  std::variant<Submission, Violations, DeniedDomain> Read(const v1::SendMessageRequest& request) const {
    return ReadSubmission(request, caller, {.config = config, .retry = retry, .host = "mail.test"}, now);
  }
};

}  // namespace goniec::outbound
