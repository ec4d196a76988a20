// TLS and credentials between a service and nats-server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/queue/real_queue.h"
#include "tests/support/certificates.h"

namespace goniec::queue {
namespace {

using testing::Not;
using testing::StrEq;

class BrokerTls : public RealQueue {
 protected:
  // Before the files that it reads at every connection.
  void TearDown() override { broker_.reset(); }
  void Start(const std::string& more) {
    test::NatsServerOptions options;
    options.extra = "tls { cert_file: \"" + server_.certificate_file + "\", key_file: \"" + server_.key_file +
                    "\", ca_file: \"" + client_.authority_file + "\", timeout: 10 " + more + " }\n";
    auto started = test::NatsServer::Start(options);
    ASSERT_TRUE(started.ok()) << started.status();
    nats_ = *std::move(started);
    config_.servers = {"tls://127.0.0.1:" + std::to_string(nats_->port())};
    config_.capacity_bytes = 512ULL << 20;
  }
  void ExpectNoConnection() {
    const auto broker = Broker::Start(config_, "test");
    ASSERT_TRUE(broker.ok()) << broker.status();
    EXPECT_TRUE(test::WaitUntil([&] { return (*broker)->last_error() != "not connected yet"; }));
    EXPECT_FALSE((*broker)->connected());
    EXPECT_THAT((*broker)->last_error(), Not(StrEq("")));
  }

  test::TempDir folder_;
  test::Certificates server_ = test::MakeCertificates(folder_, "localhost", "server");
  test::Certificates client_ = test::MakeCertificates(folder_, "client.test", "client");
  std::unique_ptr<test::NatsServer> nats_;
};

TEST_F(BrokerTls, ConnectsToAServerOfTheGivenAuthority) {
  Start("");
  config_.tls_ca_file = server_.authority_file;
  broker_ = Connect(config_);
  ProvisionAll();
  EXPECT_THAT(broker_->server_version(), testing::StartsWith("2.")) << "read before TLS begins";
}

TEST_F(BrokerTls, TrustsNoOtherServer) {
  Start("");
  config_.tls_ca_file = client_.authority_file;
  ExpectNoConnection();
}

TEST_F(BrokerTls, ShowsItsCertificateWhereTheServerWantsOne) {
  Start(", verify: true");
  config_.tls_ca_file = server_.authority_file;
  ExpectNoConnection();
  config_.tls_cert_file = client_.certificate_file;
  config_.tls_key_file = client_.key_file;
  broker_ = Connect(config_);
  ProvisionAll();
}

TEST_F(BrokerTls, AWrongPasswordConnectsNobody) {
  test::NatsServerOptions options;
  options.extra = "authorization { user: goniec, password: right }\n";
  auto started = test::NatsServer::Start(options);
  ASSERT_TRUE(started.ok()) << started.status();
  nats_ = *std::move(started);
  config_.servers = {nats_->url()};
  config_.user = "goniec";
  config_.password = "wrong";
  ExpectNoConnection();
  config_.password = "right";
  broker_ = Connect(config_);
}

}  // namespace
}  // namespace goniec::queue
