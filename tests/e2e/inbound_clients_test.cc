// The clients that people use, against goniec-inbound: swaks, msmtp, Python's smtplib; plain and under
// STARTTLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/inbound_fixture.h"
#include "tests/support/certificates.h"

namespace goniec::inbound {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class InboundClients : public InboundTest {
 protected:
  void StartWithTls() {
    StartQueue();
    certificates_ = test::MakeCertificates(folder_, "localhost");
    StartInbound("relay: {trusted_networks: [\"127.0.0.1/32\"]}\ntls:\n  cert_file: " +
                 certificates_.certificate_file + "\n  key_file: " + certificates_.key_file + "\n");
  }
  std::string port() const { return std::to_string(smtp_port_); }
  static void ExpectSuccess(const std::vector<std::string>& argv, const std::string& input_file = "") {
    test::ProcessOptions options;
    options.input_file = input_file;
    const auto finished = test::RunProcess(argv, options);
    ASSERT_TRUE(finished.ok()) << finished.status();
    EXPECT_EQ(finished->status, 0) << argv[0] << ": " << finished->output;
  }

  test::Certificates certificates_;
};

TEST_F(InboundClients, Swaks) {
  StartWithTls();
  ExpectSuccess({"swaks", "--server", "127.0.0.1", "--port", port(), "--from", "a@client.test", "--to",
                 "b@example.org,c@example.net", "--body", "hello from swaks", "--pipeline"});
  ExpectSuccess({"swaks", "--server", "127.0.0.1", "--port", port(), "--from", "a@client.test", "--to",
                 "b@example.org", "--tls", "--tls-verify", "--tls-ca-path", certificates_.authority_file,
                 "--body", "over TLS"});
  const auto mails = Mails();
  ASSERT_EQ(mails.size(), 2U);
  EXPECT_EQ(mails[0].recipients_size(), 2);
  EXPECT_THAT(Content(mails[0]), HasSubstr("hello from swaks"));
  EXPECT_THAT(Content(mails[1]), HasSubstr("with ESMTPS id " + mails[1].message_id()));
  EXPECT_THAT(Content(mails[1]), HasSubstr("(using TLSv1.3 with cipher TLS_"));
  EXPECT_EQ(Metric("goniec_inbound_tls_sessions_total"), 1);
}

TEST_F(InboundClients, Msmtp) {
  StartWithTls();
  const std::string mail = folder_.Write("mail", "Subject: hi\n\nhello from msmtp\n.\n..\n");
  ExpectSuccess(
      {"msmtp", "--host=127.0.0.1", "--port=" + port(), "--from=a@client.test", "--tls=off", "b@example.org"},
      mail);
  ExpectSuccess({"msmtp", "--host=localhost", "--port=" + port(), "--from=a@client.test", "--tls=on",
                 "--tls-starttls=on", "--tls-trust-file=" + certificates_.authority_file, "b@example.org"},
                mail);
  const auto mails = Mails();
  ASSERT_EQ(mails.size(), 2U);
  for (const auto& mail_stored : mails) {
    EXPECT_THAT(Content(mail_stored), HasSubstr("\r\n\r\nhello from msmtp\r\n.\r\n..\r\n"));
  }
}

// The first line of a document that begins like this, as its reader would type it.
std::string LineOf(const std::string& document, const std::string& beginning) {
  std::ifstream file(GONIEC_SOURCE "/" + document);
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t text = line.find_first_not_of(' ');
    if (text != std::string::npos && line.compare(text, beginning.size(), beginning) == 0)
      return line.substr(text);
  }
  return {};
}

TEST_F(InboundClients, TheCurlLinesThatWePrintSendAFileOfUnix) {
  StartWithTls();
  const std::string file = folder_.Write("message.eml", "Subject: hi\n\nhello from curl\n.\n..\n");
  for (const char* document : {"README.md", ".dev/up.sh"}) {
    const std::string line =
        absl::StrReplaceAll(LineOf(document, "curl smtp://"), {{"127.0.0.1:2525", "127.0.0.1:" + port()},
                                                               {"$SMTP_PORT", port()},
                                                               {"message.eml", file},
                                                               {"MESSAGE_FILE", file}});
    ASSERT_THAT(line, HasSubstr(file)) << document;
    std::vector<std::string> argv = absl::StrSplit(line, ' ');
    argv.insert(argv.end(), {"--noproxy", "*"});
    ExpectSuccess(argv);
  }
  const auto mails = Mails();
  ASSERT_EQ(mails.size(), 2U);
  for (const auto& mail : mails)
    EXPECT_THAT(Content(mail), HasSubstr("\r\n\r\nhello from curl\r\n.\r\n..\r\n"));
}

TEST_F(InboundClients, AFileOfUnixIsRefusedWithWhatToDo) {
  StartWithTls();
  const std::string file = folder_.Write("message.eml", "Subject: hi\n\nhello\n");
  const auto finished =
      test::RunProcess({"curl", "-sv", "smtp://127.0.0.1:" + port(), "--noproxy", "*", "--mail-from",
                        "a@client.test", "--mail-rcpt", "b@example.org", "-T", file},
                       {});
  ASSERT_TRUE(finished.ok()) << finished.status();
  EXPECT_NE(finished->status, 0);
  EXPECT_THAT(finished->output, HasSubstr("550 5.6.11 A line ends with LF alone: send CR LF (curl: --crlf"));
}

TEST_F(InboundClients, PythonSmtplib) {
  StartWithTls();
  const std::string script = folder_.Write("send.py", R"(
import smtplib, ssl, sys
from email.message import EmailMessage

message = EmailMessage()
message["From"], message["To"], message["Subject"] = "a@client.test", "b@example.org", "Grüße"
message.set_content("hello from smtplib\n.\nŁódź\n")
with smtplib.SMTP("localhost", int(sys.argv[1])) as client:
    client.starttls(context=ssl.create_default_context(cafile=sys.argv[2]))
    client.send_message(message)
    client.sendmail("jö@client.test", ["żaneta@example.org"], "Subject: x\r\n\r\nutf8\r\n",
                    mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    try:
        client.sendmail("a@client.test", ["not an address"], "x")
        sys.exit("an address that is none was taken")
    except smtplib.SMTPRecipientsRefused:
        pass
    client.sendmail("", ["b@example.org"], "Subject: bounce\r\n\r\nx\r\n")
)");
  ExpectSuccess({"python3", script, port(), certificates_.authority_file});
  const auto mails = Mails();
  ASSERT_EQ(mails.size(), 3U);
  EXPECT_THAT(Content(mails[0]), HasSubstr("hello from smtplib\r\n.\r\n"));
  EXPECT_EQ(mails[1].mail_from(), "jö@client.test");
  EXPECT_EQ(mails[1].recipients(0).address(), "żaneta@example.org");
  EXPECT_TRUE(mails[1].smtputf8());
  EXPECT_EQ(mails[1].body_type(), queue::v1::BODY_TYPE_8BITMIME);
  EXPECT_THAT(Content(mails[1]), HasSubstr("with UTF8SMTPS id "));
  // What was seen counts, not what was said.
  EXPECT_EQ(mails[0].header_octets(), queue::v1::OCTETS_ASCII);
  EXPECT_EQ(mails[1].header_octets(), queue::v1::OCTETS_BEYOND_ASCII)
      << "our Received field names the recipient";
  EXPECT_EQ(mails[1].body_octets(), queue::v1::OCTETS_ASCII);
  EXPECT_EQ(mails[2].mail_from(), "");
  EXPECT_NEAR(static_cast<double>(mails[2].expire_time().seconds() - mails[2].accept_time().seconds()), 86400,
              2);
}

TEST_F(InboundClients, CommandsBehindStartTlsAreDropped) {
  StartWithTls();
  SmtpDialogue client = Hello();
  // CVE-2011-0411: what was injected in clear must not be obeyed under TLS. The handshake finds it to be no
  // TLS.
  client.Send("STARTTLS\r\nMAIL FROM:<injected@client.test>\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("220 "));
  client.Send("still in clear\r\n");
  EXPECT_TRUE(client.WaitForClose());
  EXPECT_TRUE(test::WaitUntil([&] { return Metric("goniec_inbound_tls_failures_total") == 1; }));
  EXPECT_THAT(Hello().SendMail("a@client.test", {"b@example.org"}, "x\r\n"), StartsWith("250 "))
      << "the server lives on";
}

}  // namespace
}  // namespace goniec::inbound
