// How goniec-outbound starts and fails to start, and how it waits for a broker that is away, too old or not
// as it should be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/run_to_end.h"
#include "common/queue/broker/broker.h"
#include "common/queue/broker/jetstream.h"
#include "common/queue/model/config.h"
#include "common/queue/streams/provision.h"
#include "tests/support/dialogue.h"
#include "tests/support/nats_server.h"
#include "tests/support/old_broker.h"
#include "tests/support/process.h"

namespace goniec::outbound {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class OutboundStart : public testing::Test {
 protected:
  void StartBroker() {
    auto server = test::NatsServer::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    nats_ = *std::move(server);
    queue_.servers = {nats_->url()};
    queue_.capacity_bytes = 512ULL << 20;  // the server offers 2 GiB
    auto broker = queue::Broker::Start(queue_, "test");
    ASSERT_TRUE(broker.ok()) << broker.status();
    broker_ = *std::move(broker);
    ASSERT_TRUE(test::WaitUntil([&] { return broker_->connected(); })) << broker_->last_error();
  }
  void Provision() {
    const auto provisioned = RunToEnd(queue::Provision(*broker_, queue_));
    ASSERT_TRUE(provisioned.ok()) << provisioned.status();
  }

  // `url`: of the broker.
  std::string Configuration(const std::string& url, const std::string& more = "") const {
    return absl::StrCat("hostname: out.example.test\nhttp: {listen: \"127.0.0.1:", http_port_,
                        "\"}\napi: {listen: \"127.0.0.1:", api_port_, "\"}\nqueue:\n  servers: [\"", url,
                        "\"]\n  capacity: 512MiB\n", more);
  }
  void Start(const std::string& url) {
    test::ProcessOptions options;
    options.output_file = folder_.File("outbound.log");
    auto process = test::Process::Start(
        {GONIEC_OUTBOUND, "--config", folder_.Write("outbound.yaml", Configuration(url))}, options);
    ASSERT_TRUE(process.ok()) << process.status();
    outbound_ = *std::move(process);
    ASSERT_TRUE(test::WaitUntil([&] { return !outbound_->running() || test::CanConnect(api_port_); }));
    ASSERT_TRUE(outbound_->running()) << outbound_->output();
  }

  [[nodiscard]] std::string Readiness() const { return test::HttpGet(http_port_, "/readyz"); }
  [[nodiscard]] bool Ready() const { return Readiness().starts_with("HTTP/1.1 200"); }
  [[nodiscard]] bool SaysOfItself(const std::string& text) const {
    return test::WaitUntil([&] { return Readiness().find(text) != std::string::npos; });
  }

  // What a start that fails says of it, without lines of the log.
  static std::vector<std::string> Complaints(const std::vector<std::string>& arguments, int& status) {
    std::vector<std::string> argv = {GONIEC_OUTBOUND};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const auto finished = test::RunProcess(argv);
    EXPECT_TRUE(finished.ok()) << finished.status();
    status = finished.ok() ? finished->status : 0;
    std::vector<std::string> lines;
    for (const auto& line :
         absl::StrSplit(finished.ok() ? finished->output : std::string(), '\n', absl::SkipEmpty())) {
      if (!absl::StartsWith(line, "{\"time\"")) lines.emplace_back(line);
    }
    return lines;
  }
  static std::vector<std::string> Complaints(const std::vector<std::string>& arguments) {
    int status = 0;
    auto lines = Complaints(arguments, status);
    EXPECT_NE(status, 0);
    return lines;
  }
  test::Finished Goniec(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), GONIEC);
    const auto finished = test::RunProcess(std::move(arguments));
    EXPECT_TRUE(finished.ok()) << finished.status();
    return finished.ok() ? *finished : test::Finished{};
  }

  test::TempDir folder_;
  std::unique_ptr<test::NatsServer> nats_;
  queue::QueueConfig queue_;
  std::unique_ptr<queue::Broker> broker_;
  const std::uint16_t http_port_ = test::FreePort();
  const std::uint16_t api_port_ = test::FreePort();
  std::optional<test::Process> outbound_;
};

constexpr char kNobody[] = "nats://127.0.0.1:1";

// One line each, that says what is wrong, where, and how to mend it; the exit code is not 0.
TEST_F(OutboundStart, ABadStartIsOneLine) {
  const auto with = [&](const std::string& name, const std::string& more) {
    return folder_.Write(name, Configuration(kNobody, more));
  };
  const std::string unit = folder_.Write("unit.yaml", "retry:\n  first_delay: 5 parsecs\n");
  const std::string key = folder_.Write("key.yaml", "delivery:\n  hello: x.test\n");
  const std::string open = folder_.Write("open.yaml", "api: {listen: \"0.0.0.0:8443\"}\n");
  const std::string credentials = with("credentials.yaml", "  credentials_file: /nonexistent.creds\n");
  const std::string authority = with("authority.yaml", "  tls: {ca_file: /nonexistent.pem}\n");
  const std::string anchor = with("anchor.yaml", "dns: {trust_anchor_file: /nonexistent.key}\n");
  const std::string resolver = with("resolver.yaml", "dns: {servers: [resolver]}\n");
  const std::string tls = folder_.Write(
      "tls.yaml",
      absl::StrCat("http: {listen: \"127.0.0.1:", http_port_, "\"}\nqueue: {servers: [\"", kNobody,
                   "\"]}\napi:\n  tls: {certificate_file: /nonexistent.pem, key_file: /nonexistent.key}\n"));
  const struct {
    const char* name;
    std::vector<std::string> arguments;
    std::string line;
  } kCases[] = {
      {"no arguments", {}, "say where the configuration is: --config FILE"},
      {"wrong flag", {"--cofnig", "x"}, "unknown argument '--cofnig'; try --help"},
      {"flag without value", {"--config"}, "--config needs a file; try --help"},
      {"no file",
       {"--config", "/nonexistent.yaml"},
       "/nonexistent.yaml: cannot be read: No such file or directory; check the path"},
      {"folder", {"--config", folder_.path()}, folder_.path() + ": cannot be read: Is a directory"},
      {"unit",
       {"--config", unit},
       unit + ":2: retry.first_delay: \"5 parsecs\" is not a time span; use for example 250ms, 30s, 5m, 4h "
              "or 5d"},
      {"unknown key",
       {"--check-config", "--config", key},
       key + ":2: delivery.hello: there is no such setting; did you mean helo?"},
      {"open API",
       {"--config", open},
       open + ":1: api.listen: 0.0.0.0:8443 is open to other machines, but TLS and tokens would be missing: "
              "set api.tls and api.tokens, or api.insecure: true if something else protects the port"},
      {"no credentials",
       {"--config", credentials},
       "queue.credentials_file: /nonexistent.creds: cannot be read: No such file or directory; check the "
       "path, its owner and mode"},
      {"no authority",
       {"--config", authority},
       "queue.tls.ca_file: /nonexistent.pem: cannot be read: No such file or directory; check the path, its "
       "owner and mode"},
      {"no certificate",
       {"--config", tls},
       "api.tls: /nonexistent.pem: cannot be read: No such file or directory; it must hold the certificate"},
      {"no trust anchor", {"--config", anchor}, "dns.trust_anchor_file: cannot read /nonexistent.key"},
      {"no resolver", {"--config", resolver}, "dns.servers: \"resolver\" is not ADDRESS or ADDRESS@PORT"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(Complaints(c.arguments), ElementsAre("goniec-outbound: " + c.line)) << c.name;
  }
}

TEST_F(OutboundStart, EveryMistakeOfTheFileHasItsLine) {
  const std::string bad = folder_.Write("bad.yaml", "hostname: not a name\nworker: {slots: 0}\nother: 1\n");
  EXPECT_THAT(Complaints({"--config", bad}),
              ElementsAre(HasSubstr(bad + ":1: hostname: \"not a name\""),
                          HasSubstr(bad + ":2: worker.slots: 0 is out of bounds"),
                          HasSubstr(bad + ":3: other: there is no such setting")));
}

TEST_F(OutboundStart, APortInUseIsOneLine) {
  StartBroker();
  Provision();
  Start(nats_->url());
  const std::string both = folder_.Write("both.yaml", Configuration(nats_->url()));
  int status = 0;
  EXPECT_THAT(
      Complaints({"--config", both}, status),
      ElementsAre(absl::StrCat("goniec-outbound: http.listen: cannot serve HTTP on 127.0.0.1:", http_port_,
                               ": Address already in use; choose another address or port")));
  EXPECT_EQ(status, 1);
  const std::string api = folder_.Write(
      "api.yaml", absl::StrCat("http: {listen: \"127.0.0.1:0\"}\napi: {listen: \"127.0.0.1:", api_port_,
                               "\"}\nqueue: {servers: [\"", nats_->url(), "\"]}\n"));
  EXPECT_THAT(Complaints({"--config", api}, status),
              ElementsAre(AllOf(HasSubstr(absl::StrCat("goniec-outbound: api.listen 127.0.0.1:", api_port_)),
                                HasSubstr("another process listens there; end it or choose another port"))));
  EXPECT_EQ(status, 1);
  EXPECT_TRUE(test::WaitUntil([&] { return Ready(); })) << "the first lives on: " << Readiness();
  EXPECT_EQ(outbound_->Terminate(), 0);
}

TEST_F(OutboundStart, AwayAtStartMeansUnreadyUntilItComes) {
  StartBroker();
  Provision();
  nats_->Kill();
  Start(nats_->url());
  EXPECT_TRUE(SaysOfItself(absl::StrCat("no connection to ", nats_->url(), ": "))) << Readiness();
  EXPECT_THAT(Readiness(), testing::StartsWith("HTTP/1.1 503"));
  ASSERT_TRUE(nats_->StartAgain().ok());
  EXPECT_TRUE(test::WaitUntil([&] { return Ready(); })) << Readiness();
  EXPECT_EQ(outbound_->Terminate(), 0);
}

TEST_F(OutboundStart, CredentialsInAnAddressAreShownNowhere) {
  Start("nats://user:secret-word@127.0.0.1:1");
  EXPECT_TRUE(SaysOfItself("no connection to nats://127.0.0.1:1: ")) << Readiness();
  EXPECT_TRUE(outbound_->WaitForOutput(R"("broker unreachable","server":"nats://127.0.0.1:1",)"));
  EXPECT_THAT(Readiness(), Not(HasSubstr("secret-word")));
  EXPECT_EQ(outbound_->Terminate(), 0);
  // A server that wants no password takes anyone.
  StartBroker();
  Start(absl::StrCat("nats://user:secret-word@127.0.0.1:", nats_->port()));
  EXPECT_TRUE(outbound_->WaitForOutput("broker connected"));
  EXPECT_EQ(outbound_->Terminate(), 0);
  EXPECT_THAT(outbound_->output(), Not(HasSubstr("secret-word")));
}

TEST_F(OutboundStart, WithTheBrokerAwayItStillEnds) {
  Start(kNobody);
  EXPECT_EQ(outbound_->Terminate(), 0);
  EXPECT_THAT(outbound_->output(), Not(HasSubstr("terminate called")));
}

TEST_F(OutboundStart, ABrokerThatIsTooOldMeansUnready) {
  const test::OldBroker old("2.9.10");
  Start(old.url());
  EXPECT_TRUE(SaysOfItself("nats-server 2.9.10 is too old")) << Readiness();
  EXPECT_THAT(Readiness(), AllOf(testing::StartsWith("HTTP/1.1 503"), HasSubstr("2.15")));
  const std::string config = folder_.Write("old.yaml", Configuration(old.url()));
  for (const char* check : {"--check", ""}) {
    std::vector<std::string> arguments = {"provision", "--config", config};
    if (*check != '\0') arguments.emplace_back(check);
    const test::Finished done = Goniec(arguments);
    EXPECT_EQ(done.status, 1);
    EXPECT_THAT(done.output, testing::MatchesRegex("goniec provision: .*2\\.9\\.10.*2\\.15[^\n]*\n"));
  }
  EXPECT_EQ(outbound_->Terminate(), 0);
}

TEST_F(OutboundStart, MissingStreamsAreNamedUntilTheyAreMade) {
  StartBroker();
  Start(nats_->url());
  EXPECT_TRUE(SaysOfItself("READY_0")) << Readiness();
  EXPECT_THAT(Readiness(), AllOf(HasSubstr("\"condition\":\"streams\""), HasSubstr("goniec provision")));
  Provision();
  EXPECT_TRUE(test::WaitUntil([&] { return Ready(); })) << Readiness();
}

TEST_F(OutboundStart, AStreamThatDiffersIsNamedWithWhatDiffers) {
  StartBroker();
  Provision();
  const auto info = RunToEnd(queue::CallApi(*broker_, "STREAM.INFO.WAIT_0", ""));
  ASSERT_TRUE(info.ok()) << info.status();
  // Whoever did this by hand makes deferred mail vanish after an hour.
  std::string config = info->substr(info->find("\"config\":") + 9);
  int depth = 0;
  std::size_t end = 0;
  do {
    depth += config[end] == '{' ? 1 : config[end] == '}' ? -1 : 0;
    ++end;
  } while (depth > 0);
  config.resize(end);
  const std::string kForEver = "\"max_age\":0,";
  ASSERT_NE(config.find(kForEver), std::string::npos) << config;
  config.replace(config.find(kForEver), kForEver.size(), "\"max_age\":3600000000000,");
  const auto changed = RunToEnd(queue::CallApi(*broker_, "STREAM.UPDATE.WAIT_0", config));
  ASSERT_TRUE(changed.ok()) << changed.status();

  Start(nats_->url());
  EXPECT_TRUE(SaysOfItself("WAIT_0")) << Readiness();
  EXPECT_THAT(Readiness(), AllOf(testing::StartsWith("HTTP/1.1 503"), HasSubstr("max_age"),
                                 HasSubstr("goniec provision")));
  const std::string file = folder_.Write("same.yaml", Configuration(nats_->url()));
  const test::Finished check = Goniec({"provision", "--check", "--config", file});
  EXPECT_EQ(check.status, 1);
  EXPECT_THAT(check.output, AllOf(HasSubstr("WAIT_0"), HasSubstr("max_age"), HasSubstr("1 thing differs")));
  EXPECT_EQ(Goniec({"provision", "--config", file}).status, 0);
  EXPECT_TRUE(test::WaitUntil([&] { return Ready(); })) << Readiness();
}

}  // namespace
}  // namespace goniec::outbound
