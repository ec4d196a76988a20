#include "outbound/api/submission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/queue/model/timestamps.h"
#include "tests/unit/outbound/api/requests.h"

namespace goniec::outbound {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Submission Good(const v1::SendMessageRequest& request, const Rules& rules = {}) {
  auto read = rules.Read(request);
  EXPECT_TRUE(std::holds_alternative<Submission>(read));
  if (const auto* violations = std::get_if<Violations>(&read)) {
    ADD_FAILURE() << violations->list()[0].field << " " << violations->list()[0].description;
    return {};
  }
  return std::move(std::get<Submission>(read));
}

std::string Body(const Submission& submission) {
  std::string body;
  for (const auto piece : submission.body) body += piece;
  return body;
}

std::vector<std::string> Addresses(const Submission& submission) {
  std::vector<std::string> addresses;
  for (const auto& recipient : submission.mail.recipients()) {
    EXPECT_EQ(recipient.index(), addresses.size());
    addresses.push_back(recipient.address());
  }
  return addresses;
}

std::chrono::seconds Life(const Submission& submission, const Rules& rules = {}) {
  return std::chrono::duration_cast<std::chrono::seconds>(*queue::ValidTime(submission.mail.expire_time()) -
                                                          rules.now);
}

TEST(Submission, DerivesTheEnvelopeOfAComposedMessage) {
  v1::SendMessageRequest request = ComposedRequest();
  v1::ComposedMessage& composed = *request.mutable_composed();
  composed.mutable_sender()->set_address("bot@example.test");
  composed.add_cc()->set_address("cc@example.net");
  composed.add_bcc()->set_address("secret@example.net");
  composed.add_bcc()->set_address("kot@EXAMPLE.NET");  // stands in `to` already
  const Submission submission = Good(request);
  EXPECT_EQ(submission.mail.mail_from(), "bot@example.test");
  EXPECT_THAT(Addresses(submission), ElementsAre("kot@example.net", "cc@example.net", "secret@example.net"));
  EXPECT_THAT(Body(submission), HasSubstr("Cc: cc@example.net\r\n"));
  EXPECT_THAT(Body(submission), Not(HasSubstr("secret")));
  EXPECT_THAT(Body(submission), Not(HasSubstr("Message-ID")));
  EXPECT_EQ(submission.mail.head(), std::string("Message-ID: <") + '\0' + "@example.test>\r\n");
  EXPECT_EQ(submission.mail.tenant(), "shop");
  EXPECT_FALSE(submission.mail.smtputf8());
}

// Against the grammar of RFC 5321, but people have them: passed on as given, in envelope and header.
TEST(Submission, AddressesThatExistAreTakenAsTheyAre) {
  const std::vector<std::string> exist = {"a..b@docomo.example", "a.@x.example", ".a@x.example",
                                          "a@my_host.example", std::string(65, 'a') + "@x.example"};
  v1::SendMessageRequest request = ComposedRequest();
  v1::ComposedMessage& composed = *request.mutable_composed();
  composed.mutable_from()->set_address("we..@example.test");
  composed.clear_to();
  for (const std::string& address : exist) composed.add_to()->set_address(address);
  const Submission submission = Good(request);
  EXPECT_EQ(submission.mail.mail_from(), "we..@example.test");
  EXPECT_EQ(Addresses(submission), exist);
  const std::string body = Body(submission);
  EXPECT_THAT(body, HasSubstr("From: we..@example.test\r\n"));
  for (const std::string& address : exist) EXPECT_THAT(body, HasSubstr(address));

  v1::SendMessageRequest raw = RawRequest();
  raw.mutable_envelope()->clear_to();
  for (const std::string& address : exist) raw.mutable_envelope()->add_to()->set_address(address);
  EXPECT_EQ(Addresses(Good(raw)), exist);
}

TEST(Submission, AnEnvelopeReplacesTheDerivedOne) {
  v1::SendMessageRequest request = ComposedRequest();
  request.mutable_envelope()->set_mail_from("bounce+kot=example.net@example.test");
  request.mutable_envelope()->add_to()->set_address("other@example.net");
  const Submission submission = Good(request);
  EXPECT_EQ(submission.mail.mail_from(), "bounce+kot=example.net@example.test");
  EXPECT_THAT(Addresses(submission), ElementsAre("other@example.net"));
}

TEST(Submission, RawMessagesKeepTheirBytes) {
  const v1::SendMessageRequest request = RawRequest();
  const Submission submission = Good(request);
  EXPECT_EQ(Body(submission), request.raw());
  EXPECT_THAT(submission.mail.head(), HasSubstr("Received: by mail.test with gRPC id "));
  EXPECT_EQ(submission.mail.internet_message_id(), "1@example.test");
}

TEST(Submission, SetsWhatTheTransportMustKnow) {
  v1::SendMessageRequest request = RawRequest();
  request.mutable_raw()->append("\xc3\xbc\r\n");
  EXPECT_EQ(Good(request).mail.body_type(), queue::v1::BODY_TYPE_8BITMIME);
  EXPECT_FALSE(Good(request).mail.smtputf8());
  request.mutable_envelope()->add_to()->set_address("jürgen@bücher.test");
  EXPECT_TRUE(Good(request).mail.smtputf8());
  request = ComposedRequest();
  request.mutable_composed()->mutable_to(0)->set_address("a@bücher.test");
  EXPECT_FALSE(Good(request).mail.smtputf8());
  EXPECT_THAT(Addresses(Good(request)), ElementsAre("a@xn--bcher-kva.test"));
}

TEST(Submission, NotesWhichOctetsThereAre) {
  using queue::v1::OCTETS_ASCII;
  using queue::v1::OCTETS_BEYOND_ASCII;
  v1::SendMessageRequest request = RawRequest();
  EXPECT_EQ(Good(request).mail.header_octets(), OCTETS_ASCII);
  EXPECT_EQ(Good(request).mail.body_octets(), OCTETS_ASCII);
  request.mutable_raw()->append("\xc3\xbc\r\n");
  EXPECT_EQ(Good(request).mail.header_octets(), OCTETS_ASCII);
  EXPECT_EQ(Good(request).mail.body_octets(), OCTETS_BEYOND_ASCII);
  request = RawRequest();
  request.mutable_raw()->insert(0, "X-Name: \xc3\xbc\r\n");
  EXPECT_EQ(Good(request).mail.header_octets(), OCTETS_BEYOND_ASCII);
  EXPECT_EQ(Good(request).mail.body_octets(), OCTETS_ASCII);
  // Composed content is encoded; only an address stands as it is.
  request = ComposedRequest();
  request.mutable_composed()->set_subject("Zażółć");
  request.mutable_composed()->set_text("gęślą jaźń");
  EXPECT_EQ(Good(request).mail.header_octets(), OCTETS_ASCII);
  EXPECT_EQ(Good(request).mail.body_octets(), OCTETS_ASCII);
  request.mutable_composed()->mutable_to(0)->set_address("jürgen@example.net");
  EXPECT_EQ(Good(request).mail.header_octets(), OCTETS_BEYOND_ASCII);
}

TEST(Submission, LifetimesFollowClassAndSender) {
  v1::SendMessageRequest request = RawRequest();
  EXPECT_EQ(Life(Good(request)), std::chrono::hours(5 * 24));
  EXPECT_EQ(Good(request).mail.mail_class(), queue::v1::MAIL_CLASS_TRANSACTIONAL);
  request.mutable_options()->set_mail_class(v1::MAIL_CLASS_BULK);
  EXPECT_EQ(Life(Good(request)), std::chrono::hours(2 * 24));
  EXPECT_EQ(Good(request).mail.mail_class(), queue::v1::MAIL_CLASS_BULK);
  request.mutable_envelope()->clear_mail_from();
  EXPECT_EQ(Life(Good(request)), std::chrono::hours(24));
  request.mutable_options()->mutable_expire_time()->set_seconds(1'800'000'600);
  EXPECT_EQ(Life(Good(request)), std::chrono::seconds(600));
}

TEST(Submission, CarriesTagsMetadataAndPolicy) {
  v1::SendMessageRequest request = ComposedRequest();
  request.add_tags("welcome");
  (*request.mutable_metadata())["order"] = "17";
  request.mutable_options()->set_ambiguous_policy(v1::AMBIGUOUS_POLICY_AT_MOST_ONCE);
  const Submission submission = Good(request);
  EXPECT_THAT(submission.mail.tags(), ElementsAre("welcome"));
  EXPECT_EQ(submission.mail.metadata().at("order"), "17");
  EXPECT_EQ(submission.mail.ambiguous_policy(), queue::v1::AMBIGUOUS_POLICY_AT_MOST_ONCE);
}

struct DomainRow {
  const char* name;
  std::function<v1::SendMessageRequest()> request;
  std::string denied_field;  // empty: allowed
};

TEST(Submission, HoldsSendersAgainstTheDomainsOfTheToken) {
  Rules rules;
  rules.caller.sender_domains = {"example.test", "xn--bcher-kva.test"};
  const auto composed = [](const char* from, const char* sender = nullptr) {
    return [=] {
      v1::SendMessageRequest request = ComposedRequest();
      request.mutable_composed()->mutable_from()->set_address(from);
      if (sender != nullptr) request.mutable_composed()->mutable_sender()->set_address(sender);
      return request;
    };
  };
  const auto raw = [](const char* mail_from, const char* from) {
    return [=] {
      v1::SendMessageRequest request = RawRequest();
      request.mutable_envelope()->set_mail_from(mail_from);
      request.set_raw(std::string("From: ") + from + "\r\n\r\n");
      return request;
    };
  };
  for (const DomainRow& row : std::vector<DomainRow>{
           {"allowed", composed("a@EXAMPLE.test"), ""},
           {"other form", composed("a@bücher.test"), ""},
           {"other domain", composed("a@evil.test"), "composed.from"},
           {"subdomain", composed("a@sub.example.test"), "composed.from"},
           {"suffix", composed("a@notexample.test"), "composed.from"},
           {"sender", composed("a@example.test", "b@evil.test"), "composed.sender"},
           {"from behind a sender", composed("a@evil.test", "b@example.test"), "composed.from"},
           {"raw", raw("a@example.test", "X <a@example.test>"), ""},
           {"raw null sender", raw("", "a@example.test"), ""},
           {"raw mail_from", raw("a@evil.test", "a@example.test"), "envelope.mail_from"},
           {"raw From", raw("a@example.test", "a@example.test, b@evil.test"), "raw"},
           {"raw From of a bounce", raw("", "a@evil.test"), "raw"},
           {"raw dots", raw("", "a..b@example.test, a.@example.test"), ""},
           {"raw address as a name", raw("", "a@evil.test <a@example.test>"), "raw"},
           {"raw group", raw("", "g: a@example.test, b@evil.test;"), "raw"},
           {"raw Sender", raw("", "a@example.test\r\nSender: b@evil.test"), "raw"},
           {"raw good Sender", raw("", "a@example.test\r\nSender: b@example.test"), ""},
           {"raw second Sender", raw("", "a@example.test\r\nSender: b@example.test\r\nSENDER: b@evil.test"),
            "raw"},
           {"raw Resent-From", raw("", "a@example.test\r\nResent-From: b@example.test,\r\n\tb@evil.test"),
            "raw"},
           {"raw Resent-Sender", raw("", "a@example.test\r\nResent-Sender : b@evil.test"), "raw"},
           {"raw Reply-To", raw("", "a@example.test\r\nReply-To: b@other.test"), ""}}) {
    const auto read = rules.Read(row.request());
    const auto* denied = std::get_if<DeniedDomain>(&read);
    EXPECT_EQ(denied != nullptr ? denied->field : "", row.denied_field) << row.name;
    EXPECT_EQ(std::holds_alternative<Submission>(read), row.denied_field.empty()) << row.name;
  }
}

TEST(Submission, ARestrictedTokenNeedsClearOriginators) {
  const auto with = [](const std::string& fields) {
    v1::SendMessageRequest request = RawRequest();
    request.set_raw(fields + "\r\n\r\n");
    return request;
  };
  for (const char* fields :
       {"From: Doe, John <a@example.test>", "From: a@example.test; b@example.test",
        "From: <a@example.test> <b@example.test>", "From: g: h: a@example.test;;", "From: a@example.test (",
        "From: a@example.test\r\nSender: nobody",
        "From: a@example.test\r\nResent-From:", "From: a@example.test@evil.test", "From: a@-example.test"}) {
    const v1::SendMessageRequest request = with(fields);
    Good(request);
    Rules rules;
    rules.caller.sender_domains = {"example.test"};
    const auto read = rules.Read(request);
    const auto* violations = std::get_if<Violations>(&read);
    ASSERT_NE(violations, nullptr) << fields;
    EXPECT_EQ(violations->list()[0].field, "raw") << fields;
    EXPECT_NE(violations->list()[0].description.find(" field "), std::string::npos) << fields;
  }
}

// Parsers that recurse end with the process.
TEST(Submission, NestedFieldsOfARawMessageAreHarmless) {
  for (const char* piece : {"g:", "(", "<", "\"\\\"", "[", "a@", "@a,", ",", ";", "=?x?q?", "a.", "\\"}) {
    std::string nested;
    while (nested.size() < 200'000) nested += piece;
    for (const char* field : {"From", "Sender", "Resent-From", "To", "Cc", "Message-ID", "Content-Type",
                              "Content-Disposition", "References", "MIME-Version", "Date", "X-Any"}) {
      v1::SendMessageRequest request = RawRequest();
      request.set_validate_only(true);
      const std::string from = std::string(field) == "From" ? "" : "From: a@example.test\r\n";
      request.set_raw(from + field + ": " + nested + "\r\n\r\n");
      Rules rules;
      const auto read = rules.Read(request);
      const bool judged = std::string(field).ends_with("From") || std::string(field) == "Sender";
      EXPECT_EQ(std::holds_alternative<Violations>(read), judged) << field << " " << piece;
    }
  }
}

TEST(Submission, ARestrictedTokenNeedsAFromField) {
  v1::SendMessageRequest request = RawRequest();
  request.set_raw("Subject: x\r\n\r\n");
  Good(request);
  Rules rules;
  rules.caller.sender_domains = {"example.test"};
  EXPECT_TRUE(std::holds_alternative<Violations>(rules.Read(request)));
}

}  // namespace
}  // namespace goniec::outbound
