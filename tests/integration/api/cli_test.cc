// The command line as a person and as a script use it: exit status, what stands on standard output, what on
// error.
#include <gmock/gmock.h>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/run_to_end.h"
#include "common/mail/ulid.h"
#include "common/queue/hold/quarantine.h"
#include "common/queue/model/subjects.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/route/route.h"
#include "tests/integration/api/api_fixture.h"

namespace goniec::outbound {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Ran {
  int status = 0;
  std::string out;
  std::string err;
};

class CliTest : public ApiFixture {
 protected:
  Ran Goniec(std::vector<std::string> arguments, const std::string& input = "",
             std::vector<std::pair<std::string, std::string>> environment = {}) {
    arguments.insert(arguments.begin(), GONIEC);
    test::ProcessOptions options;
    options.environment = std::move(environment);
    if (api_ != nullptr)
      options.environment.emplace_back("GONIEC_API", absl::StrCat("127.0.0.1:", api_->port()));
    if (!input.empty()) options.input_file = folder_.Write("input", input);
    options.stdout_file = folder_.Write("out", "");
    const auto finished = test::RunProcess(std::move(arguments), options);
    EXPECT_TRUE(finished.ok()) << finished.status();
    if (!finished.ok()) return {};
    return {finished->status, test::ReadFileOrEmpty(options.stdout_file), finished->output};
  }
  // The 26 characters behind "message_id":" of a --json answer.
  static std::string IdIn(const std::string& json) {
    constexpr std::string_view kKey = "\"message_id\":\"";
    const std::size_t at = json.find(kKey);
    return at == std::string::npos ? "" : json.substr(at + kKey.size(), 26);
  }
  std::string ConfigFile() {
    return folder_.Write("outbound.yaml",
                         absl::StrCat("hostname: unknown to provision\nqueue:\n  servers: [\"",
                                      server_->url(), "\"]\n  capacity: 512MiB\n"));
  }
  static void ExpectOneLine(const Ran& ran, int status, const std::string& text) {
    EXPECT_EQ(ran.status, status) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(text));
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  }

  test::TempDir folder_;
};

TEST_F(CliTest, SendsTextAndShowsWhereItIs) {
  StartApi();
  const Ran sent = Goniec({"send", "--from", "Ala <ala@example.test>", "--to", "kot@example.net", "--bcc",
                           "pies@example.net", "--subject", "Hello", "--tag", "welcome"},
                          "Hi there\n");
  EXPECT_EQ(sent.status, 0) << sent.err;
  EXPECT_THAT(sent.out, StartsWith("Durability  1 replica, fsync\nMessage     "));
  EXPECT_THAT(sent.out, HasSubstr("\nkot@example.net   QUEUED  0\npies@example.net  QUEUED  0\n"));
  const std::string id = sent.out.substr(sent.out.find("Message     ") + 12, 26);
  const Ran got = Goniec({"get", id});
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, HasSubstr("Tags        welcome\n"));
  EXPECT_EQ(sent.out.substr(sent.out.find("Message ")), got.out);
}

TEST_F(CliTest, SendsAWholeMessage) {
  StartApi();
  const Ran sent = Goniec({"send", "--raw", "-", "--mail-from", "<>", "--to", "kot@example.net", "--json"},
                          "From: ala@example.test\nSubject: x\n\nHi\n");
  EXPECT_EQ(sent.status, 0) << sent.err;
  EXPECT_EQ(std::count(sent.out.begin(), sent.out.end(), '\n'), 1);
  const Ran got = Goniec({"get", "--json", IdIn(sent.out)});
  EXPECT_THAT(got.out, HasSubstr("\"mail_from\":\"\""));
  EXPECT_THAT(got.out, HasSubstr("\"state\":\"QUEUED\""));
}

TEST_F(CliTest, SaysWhatTheServerPromises) {
  StartApi();
  const Ran info = Goniec({"info"});
  EXPECT_EQ(info.status, 0) << info.err;
  EXPECT_THAT(info.out, HasSubstr("Durability  1 replica, fsync\n"));
  EXPECT_THAT(info.out, HasSubstr("Tenant      default\n"));
}

TEST_F(CliTest, ShowsWhereTheTroubleIs) {
  queue::v1::SiteWord word;
  word.set_version(1);
  word.set_state(queue::v1::SiteWord::STATE_CLOSED);
  word.set_site("mx:down.example:25");
  word.mutable_last_failure()->set_text("no route to host");
  Store({"$KV.control.site." + SiteToken(word.site()),
         std::make_shared<const std::string>(word.SerializeAsString())});
  Store({"$KV.presence.worker.mail-1", std::make_shared<const std::string>("alive")});
  StartApi();
  const Ran table = Goniec({"sites"});
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_THAT(table.out,
              HasSubstr("\nmx:down.example:25  closed  0     ?        ?        ?          ?       -       no "
                        "route to host\n"));
  EXPECT_THAT(table.out, HasSubstr("could not be read: all that mail-1 has in hand\n"));
  EXPECT_EQ(Goniec({"sites", "--state", "open"}).out.substr(0, 9), "no sites\n");
  const Ran json = Goniec({"sites", "--json", "--state", "closed", "--state", "probing"});
  EXPECT_EQ(json.status, 0) << json.err;
  EXPECT_EQ(std::count(json.out.begin(), json.out.end(), '\n'), 1);
  EXPECT_THAT(json.out, HasSubstr("\"state\":\"CLOSED\""));
  EXPECT_THAT(json.out, HasSubstr("\"bulk_records\":\"0\""));
  EXPECT_THAT(json.out, testing::Not(HasSubstr("in_hand")));
  ExpectOneLine(Goniec({"sites", "--state", "shut"}), 2, "open, closed or probing");
  ExpectOneLine(Goniec({"sites", "mx.example"}), 2, "--site");
}

TEST_F(CliTest, TokensComeFromTheEnvironmentOrAFile) {
  AddToken("secret-token", "shop", {"shop.test"});
  StartApi();
  ExpectOneLine(Goniec({"info"}), 1, "not authenticated");
  EXPECT_THAT(Goniec({"info"}, "", {{"GONIEC_TOKEN", "secret-token"}}).out, HasSubstr("Tenant      shop"));
  EXPECT_THAT(Goniec({"info", "--token-file", folder_.Write("token", "secret-token\n")}).out,
              HasSubstr("Senders     shop.test"));
  ExpectOneLine(Goniec({"info", "--api", "192.0.2.1:8443"}, "", {{"GONIEC_TOKEN", "secret-token"}}), 2,
                "--tls");
  // A name of somebody else's that looks like loopback.
  ExpectOneLine(Goniec({"info", "--api", "127.evil.test:8443"}, "", {{"GONIEC_TOKEN", "secret-token"}}), 2,
                "--tls");
}

TEST_F(CliTest, FailuresAreOneLine) {
  StartApi();
  ExpectOneLine(Goniec({"get", "01arz3ndektsv4rrffq69g5fav"}), 1, "not found");
  ExpectOneLine(Goniec({"get", "x"}), 1, "message_id is not a message id");
  ExpectOneLine(Goniec({"send", "--from", "a", "--to", "b", "--text", "x"}), 1, "composed.from.address");
  ExpectOneLine(Goniec({"send", "--to", "b@c.test"}), 2, "--from is missing");
  ExpectOneLine(Goniec({"send", "--raw", "/nonexistent", "--mail-from", "<>", "--to", "a@b.test"}), 1,
                "/nonexistent");
  ExpectOneLine(Goniec({"get"}), 2, "one message id");
  ExpectOneLine(Goniec({"nonsense"}), 2, "no command nonsense");
  ExpectOneLine(Goniec({"info", "--api", absl::StrCat("127.0.0.1:", test::FreePort())}), 1,
                "Connection refused");
  ExpectOneLine(Goniec({"info", "--bogus"}), 2, "there is no flag --bogus");
  ExpectOneLine(Goniec({"info", "--ca", "/nonexistent.pem"}), 1, "/nonexistent.pem: No such file");
  ExpectOneLine(Goniec({"info", "--ca", folder_.Write("ca.pem", "nothing")}), 1,
                "ca.pem: holds no certificate in PEM");
  ExpectOneLine(Goniec({"info", "--token-file", "/nonexistent"}), 1, "/nonexistent: No such file");
  ExpectOneLine(Goniec({"info", "--timeout", "0"}), 2, "--timeout must be 1 to 3600 seconds");
}

TEST_F(CliTest, WaitFailsWhereNothingIsDelivered) {
  StartApi();
  const Ran ran = Goniec({"send", "--from", "a@b.test", "--to", "c@d.test", "--text", "x", "--wait", "1"});
  ExpectOneLine(ran, 1, "not all recipients have ended within 1 s");
  EXPECT_THAT(ran.out, HasSubstr("QUEUED"));
}

TEST_F(CliTest, ProvisionsOnceAndChecks) {
  auto fresh = test::NatsServer::Start();
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  server_ = *std::move(fresh);
  const std::string config = ConfigFile();
  ExpectOneLine(Goniec({"provision", "--config", config, "--check"}), 1, "differ");
  const Ran first = Goniec({"provision", "--config", config});
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("stream READY_0"));
  EXPECT_THAT(first.out, HasSubstr("created"));
  EXPECT_THAT(first.out, HasSubstr("Events have 170MiB of the capacity of 512MiB"));
  EXPECT_THAT(first.out, HasSubstr(" mails a day"));
  const Ran second = Goniec({"provision", "--config", config});
  EXPECT_EQ(second.status, 0) << second.err;
  EXPECT_THAT(second.out, testing::Not(HasSubstr("created")));
  EXPECT_EQ(Goniec({"provision", "--config", config, "--check"}).out, "All is as configured.\n");
}

TEST_F(CliTest, ProvisionNamesWhatIsWrongWithItsSection) {
  const std::string bad = folder_.Write("bad.yaml", "other: 1\nqueue:\n  lanes: 99\n  serverz: []\n");
  const Ran ran = Goniec({"provision", "--config", bad});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("bad.yaml:3: queue.lanes"));
  EXPECT_THAT(ran.err, HasSubstr("did you mean servers?"));
  EXPECT_THAT(ran.err, testing::Not(HasSubstr("other")));
  ExpectOneLine(Goniec({"provision"}), 2, "--config");
  ExpectOneLine(Goniec({"provision", "--config", "/nonexistent"}), 1, "/nonexistent");
}

TEST_F(CliTest, ProvisionSaysThatNobodyIsThere) {
  const std::string config =
      folder_.Write("nobody.yaml", "queue: {servers: [\"nats://127.0.0.1:1\"], capacity: 512MiB}\n");
  ExpectOneLine(Goniec({"provision", "--config", config}), 1,
                "goniec provision: the broker cannot be reached at nats://127.0.0.1:1: ");
}

TEST_F(CliTest, ProvisionNamesAFileOfTheBrokersThatIsMissing) {
  const std::string config =
      folder_.Write("files.yaml", "queue: {credentials_file: /nonexistent.creds, capacity: 512MiB}\n");
  ExpectOneLine(Goniec({"provision", "--config", config}), 1,
                "queue.credentials_file: /nonexistent.creds: cannot be read: No such file or directory");
}

TEST_F(CliTest, ListsShowsAndReturnsWhatWasSetAside) {
  StartApi();
  const std::string config = ConfigFile();
  const Ran empty = Goniec({"quarantine", "--config", config});
  EXPECT_EQ(empty.out, "Nothing is set aside.\n") << empty.err;
  queue::v1::Record record;
  record.set_record_id(mail::NewRecordId(std::chrono::system_clock::now()));
  queue::v1::Mail& mail = *record.add_mails();
  mail.set_message_id(mail::MessageIdOf(record.record_id(), 0));
  mail.set_mail_class(queue::v1::MAIL_CLASS_BULK);
  mail.set_tenant("acme");
  mail.set_recipient_count(1);
  mail.add_recipients()->set_address("kot@example.net");
  mail.mutable_accept_time()->set_seconds(1);
  mail.mutable_expire_time()->set_seconds(2);
  mail.set_inline_body("secret");
  const std::string subject =
      queue::ReadySubject(0, queue::MailClass::kBulk, "acme", queue::SlotOf(record.record_id()));
  const auto set_aside = [&](const std::string& payload) {
    ASSERT_TRUE(
        RunToEnd(queue::Quarantine(*broker_, subject, "READY_0", payload.size(), payload, "odd\x1b[1m"))
            .ok());
  };
  set_aside(record.SerializeAsString());
  set_aside("\xff");
  const Ran listed = Goniec({"quarantine", "list", "--config", config});
  EXPECT_EQ(listed.status, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("SEQUENCE"));
  EXPECT_THAT(listed.out, HasSubstr(subject));
  EXPECT_THAT(listed.out, testing::Not(HasSubstr("\x1b"))) << "a record's reason may hold a stranger's bytes";
  const Ran json = Goniec({"quarantine", "list", "--json", "--config", config});
  EXPECT_THAT(json.out, StartsWith("{\"sequence\":1,\"since\":\"20"));
  EXPECT_EQ(std::count(json.out.begin(), json.out.end(), '\n'), 2);
  const Ran shown = Goniec({"quarantine", "show", "1", "--config", config});
  EXPECT_THAT(shown.out, HasSubstr("kot@example.net"));
  EXPECT_THAT(shown.out, HasSubstr("a good record"));
  EXPECT_THAT(shown.out, testing::Not(HasSubstr("secret")));

  const Ran returned = Goniec({"quarantine", "return", "1", "--config", config});
  EXPECT_EQ(returned.out, absl::StrCat("Returned to ", subject, " as READY_0 1.\n")) << returned.err;
  ExpectOneLine(Goniec({"quarantine", "return", "1", "--config", config}), 1, "nothing is set aside under 1");
  ExpectOneLine(Goniec({"quarantine", "return", "2", "--config", config}), 1,
                "set it aside again (not a record)");
  EXPECT_EQ(Goniec({"quarantine", "return", "2", "--anyway", "--config", config}).status, 0);
  EXPECT_EQ(Goniec({"quarantine", "--config", config}).out, "Nothing is set aside.\n");
  ExpectOneLine(Goniec({"quarantine", "drop", "--config", config}), 2, "list, show or return");
  ExpectOneLine(Goniec({"quarantine", "return", "--config", config}), 2, "sequence");
  ExpectOneLine(Goniec({"quarantine", "list"}), 2, "--config");
}

TEST_F(CliTest, HashesTokens) {
  EXPECT_EQ(Goniec({"token", "hash"}, "abc\n").out,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
  const Ran fresh = Goniec({"token", "new"});
  EXPECT_THAT(fresh.out, StartsWith("token   "));
  EXPECT_THAT(fresh.out, HasSubstr(HashToken(fresh.out.substr(8, 64))));
}

TEST_F(CliTest, HelpGoesToStandardOutput) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"help"}, {"help", "send"}, {"send", "--help"}, {"--version"}}) {
    const Ran ran = Goniec(arguments);
    EXPECT_EQ(ran.status, 0);
    EXPECT_FALSE(ran.out.empty());
    EXPECT_EQ(ran.err, "");
  }
  EXPECT_EQ(Goniec({}).status, 2);
}

}  // namespace
}  // namespace goniec::outbound
