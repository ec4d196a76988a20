// Every field of SendMessageRequest that can be invalid, each with the path that the answer names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/outbound/api/requests.h"

namespace goniec::outbound {
namespace {

using testing::ElementsAre;
using v1::SendMessageRequest;

struct Row {
  const char* name;
  bool raw;
  std::function<void(SendMessageRequest&)> spoil;
  std::string field;
};

std::vector<std::string> FieldsOf(const SendMessageRequest& request) {
  Rules rules;
  const auto read = rules.Read(request);
  std::vector<std::string> fields;
  if (const auto* violations = std::get_if<Violations>(&read)) {
    for (const auto& violation : violations->list()) fields.push_back(violation.field);
  }
  return fields;
}

v1::Attachment& AddAttachment(SendMessageRequest& request) {
  v1::Attachment& attachment = *request.mutable_composed()->add_attachments();
  attachment.set_name("a.bin");
  return attachment;
}

v1::Header& AddHeader(SendMessageRequest& request, const char* name, const std::string& value) {
  v1::Header& header = *request.mutable_composed()->add_headers();
  header.set_name(name);
  header.set_value(value);
  return header;
}

const std::string kNul("a\0b", 3);

class InvalidField : public testing::TestWithParam<Row> {};

TEST_P(InvalidField, IsNamedByItsPath) {
  SendMessageRequest request = GetParam().raw ? RawRequest() : ComposedRequest();
  GetParam().spoil(request);
  EXPECT_THAT(FieldsOf(request), ElementsAre(GetParam().field));
}

const Row kGeneral[] = {
    {"NoContent", true, [](auto& r) { r.clear_raw(); }, "content"},
    {"TooManyTags", true,
     [](auto& r) {
       for (int i = 0; i < 11; ++i) r.add_tags("t" + std::to_string(i));
     },
     "tags"},
    {"LongTag", true, [](auto& r) { r.add_tags(std::string(65, 't')); }, "tags[0]"},
    {"EmptyTag", true,
     [](auto& r) {
       r.add_tags("ok");
       r.add_tags("");
     },
     "tags[1]"},
    {"TagTwice", true,
     [](auto& r) {
       r.add_tags("ok");
       r.add_tags("ok");
     },
     "tags[1]"},
    {"LfInTag", true, [](auto& r) { r.add_tags("a\nb"); }, "tags[0]"},
    {"TooMuchMetadata", true,
     [](auto& r) {
       for (int i = 0; i < 21; ++i) (*r.mutable_metadata())[std::to_string(i)] = "v";
     },
     "metadata"},
    {"EmptyMetadataKey", true, [](auto& r) { (*r.mutable_metadata())[""] = "v"; }, "metadata"},
    {"LongMetadataKey", true, [](auto& r) { (*r.mutable_metadata())[std::string(65, 'k')] = "v"; },
     "metadata"},
    {"CrInMetadataKey", true, [](auto& r) { (*r.mutable_metadata())["a\rb"] = "v"; }, "metadata"},
    {"LongMetadataValue", true, [](auto& r) { (*r.mutable_metadata())["k"] = std::string(513, 'v'); },
     "metadata[\"k\"]"},
    {"NulInMetadataValue", true, [](auto& r) { (*r.mutable_metadata())["k"] = kNul; }, "metadata[\"k\"]"},
    {"UnknownClass", true,
     [](auto& r) { r.mutable_options()->set_mail_class(static_cast<v1::MailClass>(9)); },
     "options.mail_class"},
    {"UnknownPolicy", true,
     [](auto& r) { r.mutable_options()->set_ambiguous_policy(static_cast<v1::AmbiguousPolicy>(9)); },
     "options.ambiguous_policy"},
    {"ExpireInThePast", true,
     [](auto& r) { r.mutable_options()->mutable_expire_time()->set_seconds(1'700'000'000); },
     "options.expire_time"},
    {"ExpireTooLate", true,
     [](auto& r) { r.mutable_options()->mutable_expire_time()->set_seconds(1'900'000'000); },
     "options.expire_time"},
    {"ExpireBeyondTime", true,
     [](auto& r) { r.mutable_options()->mutable_expire_time()->set_seconds(253'402'300'799); },
     "options.expire_time"},
    {"ExpireMalformed", true, [](auto& r) { r.mutable_options()->mutable_expire_time()->set_nanos(-1); },
     "options.expire_time"},
};

const Row kEnvelope[] = {
    {"NoEnvelope", true, [](auto& r) { r.clear_envelope(); }, "envelope"},
    {"BadMailFrom", true, [](auto& r) { r.mutable_envelope()->set_mail_from("nobody"); },
     "envelope.mail_from"},
    {"CrLfInMailFrom", true,
     [](auto& r) { r.mutable_envelope()->set_mail_from("a@b.test\r\nRCPT TO:<x@y>"); }, "envelope.mail_from"},
    {"NobodyToSendTo", true, [](auto& r) { r.mutable_envelope()->clear_to(); }, "envelope.to"},
    {"TooManyRecipients", true,
     [](auto& r) {
       for (int i = 0; i < 1000; ++i)
         r.mutable_envelope()->add_to()->set_address(std::to_string(i) + "@a.test");
     },
     "envelope.to"},
    {"LongRecipientsTogether", true,
     [](auto& r) {
       for (int i = 0; i < 999; ++i) {
         r.mutable_envelope()->add_to()->set_address(std::to_string(i) + "@" + std::string(60, 'a') + "." +
                                                     std::string(60, 'b') + "." + std::string(60, 'c') +
                                                     ".test");
       }
     },
     "envelope.to"},
    {"EmptyRecipient", true, [](auto& r) { r.mutable_envelope()->add_to(); }, "envelope.to[1].address"},
    {"BadRecipient", true, [](auto& r) { r.mutable_envelope()->add_to()->set_address("<a@b.test>"); },
     "envelope.to[1].address"},
    {"LongRecipient", true,
     [](auto& r) { r.mutable_envelope()->add_to()->set_address("a@" + std::string(254, 'b')); },
     "envelope.to[1].address"},
    {"SourceRoute", true, [](auto& r) { r.mutable_envelope()->add_to()->set_address("@x.test:a@b.test"); },
     "envelope.to[1].address"},
    {"Unreachable", true, [](auto& r) { r.mutable_envelope()->add_to()->set_address("a@[x400:thing]"); },
     "envelope.to[1].address"},
    {"NoDomain", true, [](auto& r) { r.mutable_envelope()->add_to()->set_address("postmaster"); },
     "envelope.to[1].address"},
    {"RecipientTwice", true, [](auto& r) { r.mutable_envelope()->add_to()->set_address("kot@EXAMPLE.net"); },
     "envelope.to[1].address"},
    {"NulInRecipient", true, [](auto& r) { r.mutable_envelope()->add_to()->set_address(kNul + "@a.test"); },
     "envelope.to[1].address"},
    {"EmptyRaw", true, [](auto& r) { r.set_raw(""); }, "raw"},
    {"LoneCrInRaw", true, [](auto& r) { r.set_raw("A: b\r\n\r\nx\ry\r\n"); }, "raw"},
    {"NulInRaw", true, [](auto& r) { r.set_raw("A: b\r\n\r\n" + kNul + "\r\n"); }, "raw"},
    {"RawWithoutHeader", true, [](auto& r) { r.set_raw("hello\r\n"); }, "raw"},
    {"LargeRaw", true, [](auto& r) { r.set_raw("A: b\r\n\r\n" + std::string(26 << 20, 'x')); }, "raw"},
    // With a lone LF at each line it is one octet below the limit as it comes, and above it as it is stored.
    {"RawThatGrows", true,
     [](auto& r) {
       std::string raw = "A: b\n\n";
       while (raw.size() < (25u << 20) - 2) raw += "x\n";
       r.set_raw(raw);
     },
     "raw"},
};

const Row kComposed[] = {
    {"NoFrom", false, [](auto& r) { r.mutable_composed()->clear_from(); }, "composed.from"},
    {"EmptyFrom", false, [](auto& r) { r.mutable_composed()->mutable_from()->clear_address(); },
     "composed.from.address"},
    {"LfInFromName", false,
     [](auto& r) { r.mutable_composed()->mutable_from()->set_display_name("a\nBcc: x@y"); },
     "composed.from.display_name"},
    {"LongName", false,
     [](auto& r) { r.mutable_composed()->mutable_to(0)->set_display_name(std::string(257, 'n')); },
     "composed.to[0].display_name"},
    {"BadSender", false, [](auto& r) { r.mutable_composed()->mutable_sender()->set_address("x"); },
     "composed.sender.address"},
    {"BadReplyTo", false, [](auto& r) { r.mutable_composed()->add_reply_to()->set_address("a b@c.test"); },
     "composed.reply_to[0].address"},
    {"TooManyReplyTo", false,
     [](auto& r) {
       for (int i = 0; i < 11; ++i) r.mutable_composed()->add_reply_to()->set_address("a@b.test");
     },
     "composed.reply_to"},
    {"NobodyToSendTo", false, [](auto& r) { r.mutable_composed()->clear_to(); }, "composed.to"},
    {"BadTo", false, [](auto& r) { r.mutable_composed()->add_to()->set_address("a@b.test, c@d.test"); },
     "composed.to[1].address"},
    {"BadCc", false, [](auto& r) { r.mutable_composed()->add_cc()->set_address("a@-b.test"); },
     "composed.cc[0].address"},
    {"BadBcc", false, [](auto& r) { r.mutable_composed()->add_bcc(); }, "composed.bcc[0].address"},
    {"TooManyTogether", false,
     [](auto& r) {
       for (int i = 0; i < 500; ++i)
         r.mutable_composed()->add_to()->set_address(std::to_string(i) + "@a.test");
       for (int i = 0; i < 500; ++i)
         r.mutable_composed()->add_bcc()->set_address(std::to_string(i) + "@b.test");
     },
     "composed.to"},
    {"CrInSubject", false, [](auto& r) { r.mutable_composed()->set_subject("a\rb"); }, "composed.subject"},
    {"NulInSubject", false, [](auto& r) { r.mutable_composed()->set_subject(kNul); }, "composed.subject"},
    {"LongSubject", false, [](auto& r) { r.mutable_composed()->set_subject(std::string(999, 's')); },
     "composed.subject"},
    {"NulInText", false, [](auto& r) { r.mutable_composed()->set_text(kNul); }, "composed.text"},
    {"NulInHtml", false, [](auto& r) { r.mutable_composed()->set_html(kNul); }, "composed.html"},
    {"LargeText", false, [](auto& r) { r.mutable_composed()->set_text(std::string(26 << 20, 't')); },
     "composed"},
    {"LargeOnceEncoded", false, [](auto& r) { AddAttachment(r).set_content(std::string(20 << 20, 'x')); },
     "composed"},
};

const Row kParts[] = {
    {"NoName", false, [](auto& r) { AddAttachment(r).clear_name(); }, "composed.attachments[0].name"},
    {"PathInName", false, [](auto& r) { AddAttachment(r).set_name("../a"); }, "composed.attachments[0].name"},
    {"LongName", false, [](auto& r) { AddAttachment(r).set_name(std::string(256, 'n')); },
     "composed.attachments[0].name"},
    {"LfInName", false, [](auto& r) { AddAttachment(r).set_name("a\nb"); }, "composed.attachments[0].name"},
    {"EscapeInName", false, [](auto& r) { AddAttachment(r).set_name("a\x1b[2J"); },
     "composed.attachments[0].name"},
    {"TabInName", false, [](auto& r) { AddAttachment(r).set_name("a\tb"); }, "composed.attachments[0].name"},
    {"DelInName", false, [](auto& r) { AddAttachment(r).set_name("a\x7f"); }, "composed.attachments[0].name"},
    {"C1InName", false, [](auto& r) { AddAttachment(r).set_name("a\u0085"); },
     "composed.attachments[0].name"},
    {"ControlInType", false, [](auto& r) { AddAttachment(r).set_content_type("a/b; x=\"\x1b\""); },
     "composed.attachments[0].content_type"},
    {"ControlInContentId", false, [](auto& r) { AddAttachment(r).set_content_id("a\x1b"); },
     "composed.attachments[0].content_id"},
    {"BadType", false, [](auto& r) { AddAttachment(r).set_content_type("png"); },
     "composed.attachments[0].content_type"},
    {"CrLfInType", false, [](auto& r) { AddAttachment(r).set_content_type("a/b\r\nX: y"); },
     "composed.attachments[0].content_type"},
    {"MessageType", false, [](auto& r) { AddAttachment(r).set_content_type("message/rfc822"); },
     "composed.attachments[0].content_type"},
    {"BadContentId", false, [](auto& r) { AddAttachment(r).set_content_id("<a@b>"); },
     "composed.attachments[0].content_id"},
    {"ContentIdTwice", false,
     [](auto& r) {
       AddAttachment(r).set_content_id("a");
       AddAttachment(r).set_content_id("a");
     },
     "composed.attachments[1].content_id"},
    {"InlineWithoutId", false,
     [](auto& r) {
       r.mutable_composed()->set_html("<p>");
       AddAttachment(r).set_inline_(true);
     },
     "composed.attachments[0].content_id"},
    {"InlineWithoutHtml", false,
     [](auto& r) {
       AddAttachment(r).set_inline_(true);
       r.mutable_composed()->mutable_attachments(0)->set_content_id("a");
     },
     "composed.attachments[0].inline"},
    {"TooManyAttachments", false,
     [](auto& r) {
       for (int i = 0; i < 101; ++i) AddAttachment(r);
     },
     "composed.attachments"},
    {"EmptyHeaderName", false, [](auto& r) { AddHeader(r, "", "x"); }, "composed.headers[0].name"},
    {"ColonInHeaderName", false, [](auto& r) { AddHeader(r, "X:", "x"); }, "composed.headers[0].name"},
    {"LfInHeaderName", false, [](auto& r) { AddHeader(r, "X\nY", "x"); }, "composed.headers[0].name"},
    {"NonAsciiHeaderName", false, [](auto& r) { AddHeader(r, "X-ü", "x"); }, "composed.headers[0].name"},
    {"LongHeaderName", false, [](auto& r) { AddHeader(r, std::string(77, 'X').c_str(), "x"); },
     "composed.headers[0].name"},
    {"StructuralHeader", false, [](auto& r) { AddHeader(r, "content-TYPE", "text/html"); },
     "composed.headers[0].name"},
    {"TraceHeader", false, [](auto& r) { AddHeader(r, "Received", "by me"); }, "composed.headers[0].name"},
    {"SignatureHeader", false, [](auto& r) { AddHeader(r, "DKIM-Signature", "v=1"); },
     "composed.headers[0].name"},
    {"BccHeader", false, [](auto& r) { AddHeader(r, "Bcc", "x@y.test"); }, "composed.headers[0].name"},
    {"CrLfInHeaderValue", false, [](auto& r) { AddHeader(r, "X", "a\r\nBcc: x@y.test"); },
     "composed.headers[0].value"},
    {"LongHeaderValue", false, [](auto& r) { AddHeader(r, "X", std::string(8193, ' ')); },
     "composed.headers[0].value"},
    {"LongRun", false, [](auto& r) { AddHeader(r, "X", "a " + std::string(901, 'r')); },
     "composed.headers[0].value"},
    {"NonAsciiInAnId", false, [](auto& r) { AddHeader(r, "In-Reply-To", "<ü@x.test>"); },
     "composed.headers[0].value"},
    {"NonAsciiInAUrl", false, [](auto& r) { AddHeader(r, "list-unsubscribe", "<https://x.test/ü>"); },
     "composed.headers[0].value"},
    {"ControlInAToken", false, [](auto& r) { AddHeader(r, "Auto-Submitted", "no\x1b"); },
     "composed.headers[0].value"},
    {"TooManyHeaders", false,
     [](auto& r) {
       for (int i = 0; i < 101; ++i) AddHeader(r, "X", "y");
     },
     "composed.headers"},
    {"HeadersTogether", false,
     [](auto& r) {
       for (int i = 0; i < 9; ++i) AddHeader(r, "X", std::string(8000, ' '));
     },
     "composed.headers"},
};

const auto kNameOf = [](const testing::TestParamInfo<Row>& info) { return std::string(info.param.name); };
INSTANTIATE_TEST_SUITE_P(General, InvalidField, testing::ValuesIn(kGeneral), kNameOf);
INSTANTIATE_TEST_SUITE_P(Envelope, InvalidField, testing::ValuesIn(kEnvelope), kNameOf);
INSTANTIATE_TEST_SUITE_P(Composed, InvalidField, testing::ValuesIn(kComposed), kNameOf);
INSTANTIATE_TEST_SUITE_P(Parts, InvalidField, testing::ValuesIn(kParts), kNameOf);

TEST(Violations, AllOfThemAreNamedAtOnce) {
  SendMessageRequest request = ComposedRequest();
  request.add_tags("");
  request.mutable_composed()->set_subject("a\nb");
  request.mutable_composed()->add_cc();
  EXPECT_THAT(FieldsOf(request), ElementsAre("tags[0]", "composed.cc[0].address", "composed.subject"));
}

TEST(Violations, AreLimitedInNumber) {
  SendMessageRequest request = ComposedRequest();
  for (int i = 0; i < 500; ++i) request.mutable_composed()->add_bcc();
  EXPECT_EQ(FieldsOf(request).size(), 20u);
}

}  // namespace
}  // namespace goniec::outbound
