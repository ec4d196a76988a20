// Writes samples of what this version of Goniec stores, for the versions that come after it (README.md). The
// records and events are made by the code of common/queue; ids and times are fixed, so that the same version
// always writes the same bytes.
//
//   goniec-record-samples FOLDER         this version's samples
//   goniec-record-samples --next FOLDER  the same as a later version might store them: fields that nobody
//                                        knows yet in every message, values that no enum has
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/mail/ulid.h"
#include "common/queue/events/events.h"
#include "common/queue/hold/move.h"
#include "common/queue/model/subjects.h"

namespace goniec::queue {
namespace {

namespace pb = google::protobuf;

constexpr char kTenant[] = "default";
const WallTime kAccepted{std::chrono::seconds(1'780'315'200)};  // 2026-06-01T12:00:00Z
const WallTime kExpires{std::chrono::seconds(4'102'444'800)};   // 2100: a worker of any time may serve them
constexpr int kUnknownField = 1000;
constexpr int kUnknownEnumValue = 99;

struct Sample {
  std::string name;
  std::string subject;
  std::vector<std::string> notes;  // "expect: …", "outcome: …", "header: …": see README.md
  const pb::Message& message;
};

std::string RecordId(std::string_view tail) {
  std::string id = mail::NewRecordId(kAccepted).substr(0, 10) + "0goniecgoniec0";
  std::replace(id.begin() + 10, id.end(), 'o', '0');
  std::replace(id.begin() + 10, id.end(), 'i', '1');
  return id.substr(0, id.size() - tail.size()).append(tail);
}

v1::Mail& AddMail(v1::Record& record, int recipients) {
  v1::Mail& mail = *record.add_mails();
  mail.set_message_id(mail::MessageIdOf(record.record_id(), record.mails_size() - 1));
  mail.set_mail_class(v1::MAIL_CLASS_TRANSACTIONAL);
  mail.set_tenant(kTenant);
  mail.set_mail_from("sender@sender.test");
  for (int i = 0; i < recipients; ++i) {
    v1::Recipient& recipient = *mail.add_recipients();
    recipient.set_index(static_cast<std::uint32_t>(i));
    recipient.set_address(absl::StrCat("r", i, "@first.test"));
  }
  mail.set_recipient_count(static_cast<std::uint32_t>(recipients));
  *mail.mutable_accept_time() = ToProto(kAccepted);
  *mail.mutable_expire_time() = ToProto(kExpires);
  mail.set_head(absl::StrCat("Received: from client.test by mx.goniec.test id ", mail.message_id(),
                             "; Mon, 1 Jun 2026 12:00:00 +0000\r\n"));
  mail.set_inline_body("From: sender@sender.test\r\nSubject: sample\r\n\r\nhello\r\n");
  mail.set_size_bytes(mail.head().size() + mail.inline_body().size());
  return mail;
}

v1::Record NewRecord(std::string_view tail) {
  v1::Record record;
  record.set_record_id(RecordId(tail));
  return record;
}

// Every field of a mail is set in one of the three.
v1::Record SeveralMails() {
  v1::Record record = NewRecord("001");
  v1::Mail& full = AddMail(record, 3);
  full.set_body_type(v1::BODY_TYPE_8BITMIME);
  full.set_smtputf8(true);
  full.set_ambiguous_policy(v1::AMBIGUOUS_POLICY_AT_MOST_ONCE);
  full.set_internet_message_id("sample@sender.test");
  full.add_tags("welcome");
  full.add_tags("spring");
  (*full.mutable_metadata())["order"] = "4711";
  full.set_trace_parent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  full.mutable_dsn()->set_ret("HDRS");
  full.mutable_dsn()->set_envid("QQ314159");
  full.mutable_recipients(1)->set_notify("SUCCESS,FAILURE");
  full.mutable_recipients(1)->set_orcpt("rfc822;r1@first.test");
  full.mutable_recipients(2)->set_address("zażółć@first.test");
  full.set_header_octets(v1::OCTETS_ASCII);
  full.set_body_octets(v1::OCTETS_BEYOND_ASCII);
  AddMail(record, 1).set_mail_from("");
  AddMail(record, 1);
  return record;
}

v1::Record StoredBody() {
  v1::Record record = NewRecord("002");
  v1::BodyReference& body = *AddMail(record, 1).mutable_body_reference();
  body.set_body_id(RecordId("bdy") + "00");
  body.set_chunk_count(3);
  body.set_size_bytes(1'400'000);
  return record;
}

v1::Record Bulk() {
  v1::Record record = NewRecord("003");
  AddMail(record, 1).set_mail_class(v1::MAIL_CLASS_BULK);
  return record;
}

std::string ReadyOf(const v1::Record& record) {
  return ReadySubject(0, ClassOf(record.mails(0)), kTenant, SlotOf(record.record_id()));
}
std::string WaitOf(const v1::Record& record) {
  const v1::Mail& mail = record.mails(0);
  return WaitSubject(0, ClassOf(mail), kTenant, mail.message_id(), mail.generation(), "first.test");
}
std::string HeldOf(const v1::Record& record) {
  return HeldSubject({0, ClassOf(record.mails(0)), "site1", kTenant}, SlotOf(record.record_id()),
                     MinuteOf(FromProto(record.mails(0).expire_time())));
}
std::string EventsOf(const v1::EventRecord& record) {
  return EventSubject(0, kTenant, SlotOf(record.events(0).message_id()));
}

v1::Event NewEvent(const v1::Mail& mail, v1::EventType type, const std::vector<std::uint32_t>& positions,
                   std::uint32_t generation) {
  v1::Event event =
      MakeEvent(mail, type, positions, kAccepted + std::chrono::seconds(static_cast<int>(type)));
  event.set_event_id(absl::StrCat(mail.message_id().substr(0, 24), 10 + static_cast<int>(type)));
  event.set_generation(generation);
  return event;
}

v1::Outcome FullOutcome() {
  v1::Outcome outcome;
  outcome.set_remote_host("mx.first.test");
  outcome.set_remote_ip("192.0.2.7");
  outcome.set_remote_port(25);
  outcome.set_tls_version("TLSv1.3");
  outcome.set_tls_cipher("TLS_AES_256_GCM_SHA384");
  outcome.set_tls_peer("pkix");
  outcome.set_phase(v1::PHASE_DOT);
  outcome.set_reply_code(451);
  outcome.set_enhanced_code("4.2.1");
  outcome.set_text("later");
  outcome.set_reason(v1::REASON_REPLY);
  outcome.set_ambiguous(true);
  outcome.set_latency_us(1234);
  return outcome;
}

std::string StateName(v1::EventType type) {
  return v1::EventType_Name(type).substr(std::string_view("EVENT_TYPE_").size());
}

class Recorder {
 public:
  Recorder(std::filesystem::path folder, bool next) : folder_(std::move(folder)), next_(next) {
    std::filesystem::create_directories(folder_);
  }

  void Write(const Sample& sample) const {
    std::string bytes;
    {
      pb::io::StringOutputStream stream(&bytes);
      pb::io::CodedOutputStream coded(&stream);
      coded.SetSerializationDeterministic(true);
      sample.message.SerializeToCodedStream(&coded);
    }
    std::string text = absl::StrCat("# proto-message: ", sample.message.GetTypeName(),
                                    "\n# subject: ", sample.subject, "\n");
    for (const std::string& note : sample.notes) absl::StrAppend(&text, "# ", note, "\n");
    std::string body;
    pb::TextFormat::PrintToString(sample.message, &body);
    std::ofstream(folder_ / (sample.name + ".binpb"), std::ios::binary) << bytes;
    std::ofstream(folder_ / (sample.name + ".txtpb"), std::ios::binary) << text << body;
  }

  void WriteRecord(const std::string& name, v1::Record record, const std::string& subject,
                   std::vector<std::string> notes = {}) const {
    if (next_) AddUnknown(record);
    Write({name, subject, std::move(notes), record});
  }
  void WriteNote(const std::string& name, v1::EventRecord record) const {
    if (next_) AddUnknown(record);
    Write({name, NoteSubject("", 1), {}, record});
  }
  void WriteEvents(const std::string& name, v1::EventRecord record, std::vector<std::string> notes) const {
    if (next_) {
      // Between the events that are known one whose type is not: were it an end, it would be the first.
      v1::Event unknown = record.events(0);
      unknown.set_event_id(unknown.event_id() + ".next");
      unknown.set_type(static_cast<v1::EventType>(kUnknownEnumValue));
      unknown.set_generation(unknown.generation() + 7);
      unknown.mutable_outcome()->set_reason(static_cast<v1::Reason>(kUnknownEnumValue));
      unknown.mutable_outcome()->set_phase(static_cast<v1::Phase>(kUnknownEnumValue));
      *record.add_events() = unknown;
      for (int i = record.events_size() - 1; i > 0; --i) record.mutable_events()->SwapElements(i, i - 1);
      AddUnknown(record);
    }
    Write({name, EventsOf(record), std::move(notes), record});
  }

 private:
  // A field of each kind, in this message and in all that it holds.
  static void AddUnknown(pb::Message& message) {
    const pb::Reflection& reflection = *message.GetReflection();
    std::vector<const pb::FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const pb::FieldDescriptor* field : fields) {
      if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
      if (!field->is_repeated()) {
        AddUnknown(*reflection.MutableMessage(&message, field));
        continue;
      }
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        AddUnknown(*reflection.MutableRepeatedMessage(&message, field, i));
      }
    }
    pb::UnknownFieldSet& unknown = *reflection.MutableUnknownFields(&message);
    unknown.AddVarint(kUnknownField, 7);
    unknown.AddFixed32(kUnknownField + 1, 8);
    unknown.AddFixed64(kUnknownField + 2, 9);
    unknown.AddLengthDelimited(kUnknownField + 3, "of a later version");
    unknown.AddGroup(kUnknownField + 4)->AddVarint(1, 10);
  }

  const std::filesystem::path folder_;
  const bool next_;
};

void RecordRecords(const Recorder& to) {
  const v1::Record several = SeveralMails();
  to.WriteRecord("ready_several_mails", several, ReadyOf(several));
  to.WriteRecord("ready_resend", several, ReadyOf(several), {absl::StrCat("header: ", kHeaderResend, ": 1")});
  to.WriteRecord("ready_body_by_reference", StoredBody(), ReadyOf(StoredBody()));
  to.WriteRecord("ready_bulk", Bulk(), ReadyOf(Bulk()));
  const v1::Record first =
      MakeMove(several, several.mails(0), {0, 2}, ToWait{"first.test", kAccepted}, 1).record;
  to.WriteRecord("wait_copy", first, WaitOf(first));
  const v1::Record second = MakeMove(first, first.mails(0), {1}, ToWait{"first.test", kAccepted}, 2).record;
  to.WriteRecord("due_second_copy", second, DueSubject(WaitOf(second)));
  const v1::Record body = StoredBody();
  const v1::Record held = MakeMove(body, body.mails(0), {0}, ToHeld{.site = "site1"}, 0).record;
  to.WriteRecord("held_copy", held, HeldOf(held));
  const Move one = MakeMove(several, several.mails(0), {0, 2}, ToHeld{.site = "site1"}, 1);
  const Move other = MakeMove(several, several.mails(1), {0}, ToHeld{.site = "site1"}, 0);
  const v1::Record together = Together({one, other}, several.ByteSizeLong() + 1024).at(0).record;
  to.WriteRecord("held_several_mails", together, HeldOf(together));
}

void RecordEvents(const Recorder& to) {
  const v1::Record record = SeveralMails();
  const v1::Mail& mail = record.mails(0);
  const v1::Event accepted = AcceptedEvent(mail);
  for (int number = v1::EVENT_TYPE_DEFERRED; number <= v1::EVENT_TYPE_COMPLAINED; ++number) {
    const auto type = static_cast<v1::EventType>(number);
    const bool moved = type == v1::EVENT_TYPE_DEFERRED || type == v1::EVENT_TYPE_HELD;
    const bool notice = type >= v1::EVENT_TYPE_DELAYED;
    v1::Event event = NewEvent(mail, type, {1}, moved ? 1 : 0);
    event.set_attempts(notice ? 0 : 1);
    if (moved) *event.mutable_next_attempt_time() = ToProto(kAccepted + std::chrono::minutes(5));
    *event.mutable_outcome() = FullOutcome();
    if (type == v1::EVENT_TYPE_EXPIRED) {
      event.mutable_outcome()->set_reason(v1::REASON_EXPIRED);
      event.mutable_outcome()->set_last_reason(v1::REASON_REPLY);
    }
    v1::EventRecord events;
    *events.add_events() = accepted;
    *events.add_events() = event;
    std::string name = StateName(type);
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    const auto expect = [&](int index, const std::string& state, int generation) {
      return absl::StrCat("expect: ", mail.message_id(), " ", index, " ", state, " ", generation);
    };
    to.WriteEvents("events_" + name, events,
                   {expect(0, "QUEUED", 0), expect(1, notice ? "QUEUED" : StateName(type), moved ? 1 : 0),
                    expect(2, "QUEUED", 0)});
  }
  v1::Event moved = NewEvent(mail, v1::EVENT_TYPE_DEFERRED, {1}, 1);
  *moved.mutable_next_attempt_time() = ToProto(kAccepted + std::chrono::minutes(5));
  moved.mutable_outcome()->set_phase(v1::PHASE_CONNECT);
  moved.mutable_outcome()->set_reason(v1::REASON_SITE_BUSY);
  moved.mutable_outcome()->set_text("the site has enough mail in hand");
  v1::EventRecord busy;
  *busy.add_events() = accepted;
  *busy.add_events() = moved;
  to.WriteEvents("events_site_busy", busy,
                 {absl::StrCat("expect: ", mail.message_id(), " 0 QUEUED 0"),
                  absl::StrCat("expect: ", mail.message_id(), " 1 DEFERRED 1"),
                  absl::StrCat("expect: ", mail.message_id(), " 2 QUEUED 0")});
  v1::EventRecord life;
  *life.add_events() = accepted;
  *life.add_events() = AcceptedEvent(record.mails(1));
  *life.add_events() = NewEvent(mail, v1::EVENT_TYPE_DEFERRED, {0, 1}, 1);
  *life.add_events() = NewEvent(mail, v1::EVENT_TYPE_BOUNCED, {2}, 0);
  *life.add_events() = NewEvent(record.mails(1), v1::EVENT_TYPE_HELD, {0}, 1);
  *life.add_events() = NewEvent(mail, v1::EVENT_TYPE_DELIVERED, {0}, 1);
  const std::string& id = mail.message_id();
  v1::ReadyPlace& ready = *life.mutable_ready();
  ready.set_lane(1);
  ready.set_sequence(4711);
  *ready.mutable_stored_time() = ToProto(kAccepted);
  ready.set_partial(true);
  to.WriteEvents("events_of_two_mails", life,
                 {absl::StrCat("expect: ", id, " 0 DELIVERED 1"),
                  absl::StrCat("expect: ", id, " 1 DEFERRED 1"), absl::StrCat("expect: ", id, " 2 BOUNCED 0"),
                  absl::StrCat("expect: ", record.mails(1).message_id(), " 0 HELD 1")});
}

// No events: what was dealt with by hand, and what left nothing to tell.
void RecordNote(const Recorder& to) {
  v1::EventRecord note;
  note.mutable_ready()->set_sequence(5);
  note.mutable_ready()->set_last_sequence(7);
  to.WriteNote("note_of_three_records", note);
}

// What this version must not serve.
void RecordLaterLayouts(const Recorder& to) {
  v1::Record later = SeveralMails();
  later.set_layout(1);
  to.WriteRecord("ready_of_a_later_layout", later, ReadyOf(later), {"outcome: a layout of a later version"});
  v1::Record body = StoredBody();
  body.mutable_mails(0)->clear_body();
  to.WriteRecord("ready_with_a_body_of_a_new_kind", body, ReadyOf(body),
                 {"outcome: a mail without body that this version knows"});
  v1::Record type = SeveralMails();
  type.mutable_mails(0)->set_body_type(static_cast<v1::BodyType>(kUnknownEnumValue));
  to.WriteRecord("ready_with_a_body_type_of_a_later_version", type, ReadyOf(type),
                 {"outcome: a body type of a later version"});
  v1::Record policy = SeveralMails();  // served as the default is
  policy.mutable_mails(0)->set_ambiguous_policy(static_cast<v1::AmbiguousPolicy>(kUnknownEnumValue));
  to.WriteRecord("ready_with_a_policy_of_a_later_version", policy, ReadyOf(policy));
}

}  // namespace
}  // namespace goniec::queue

int main(int argc, char** argv) {
  const bool next = argc == 3 && std::string_view(argv[1]) == "--next";
  if (argc != 2 && !next) {
    std::fputs("usage: goniec-record-samples [--next] FOLDER\n", stderr);
    return 2;
  }
  const goniec::queue::Recorder recorder(argv[argc - 1], next);
  goniec::queue::RecordRecords(recorder);
  goniec::queue::RecordEvents(recorder);
  goniec::queue::RecordNote(recorder);
  if (next) goniec::queue::RecordLaterLayouts(recorder);
  return 0;
}
