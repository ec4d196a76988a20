#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/ssl/context.hpp>
#include <string>

#include "common/base/status.h"
#include "common/net/stream.h"
#include "tests/support/certificates.h"
#include "tests/unit/net/loopback.h"

namespace goniec::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

asio::awaitable<absl::StatusOr<std::string>> ReadText(Stream& stream) {
  std::string text(64, '\0');
  const absl::StatusOr<size_t> got = co_await stream.ReadSome(text);
  if (!got.ok()) co_return got.status();
  text.resize(*got);
  co_return text;
}

// What is said until a proper end, to somebody who then says two things more and closes: the second of them
// fails where the first drew RST.
asio::awaitable<absl::StatusOr<std::string>> HearAndTalkOn(Stream& stream) {
  absl::StatusOr<std::string> heard = co_await ReadText(stream);
  const absl::StatusOr<std::string> end = co_await ReadText(stream);
  if (Message(end.status()) != "connection closed by the peer") co_return end.status();
  for (int i = 0; i < 2; ++i) {
    const absl::Status said = co_await stream.WriteAll("QUIT\r\n");
    if (!said.ok()) co_return said;
  }
  stream.Close();
  co_return heard;
}

class StreamTlsTest : public testing::Test {
 protected:
  static std::shared_ptr<TlsClientContext> Client(bool opportunistic, const std::string& authority) {
    auto context = TlsClientContext::Create({.opportunistic = opportunistic, .ca_file = authority});
    EXPECT_TRUE(context.ok()) << context.status();
    return *context;
  }
  // Both handshakes; what each side says.
  std::pair<absl::Status, absl::Status> Handshake(std::shared_ptr<TlsClientContext> client,
                                                  const std::string& host) {
    std::optional<absl::Status> server_status;
    std::optional<absl::Status> client_status;
    pair_.server.ExpireAfter(seconds(10));
    pair_.client.ExpireAfter(seconds(10));
    RunAll(io_, Into(server_status, pair_.server.StartTlsServer(server_context_)),
           Into(client_status, pair_.client.StartTlsClient(std::move(client), host)));
    return {*server_status, *client_status};
  }

  test::TempDir folder_;
  test::Certificates certificates_ = test::MakeCertificates(folder_, "mx.example.org");
  std::shared_ptr<TlsServerContext> server_context_ =
      TlsServerContext::Create({certificates_.certificate_file, certificates_.key_file}).value();
  asio::io_context io_;
  Pair pair_ = Connected(io_);
};

TEST_F(StreamTlsTest, CarriesBytesAndTellsWhatWasAgreed) {
  const auto [server, client] = Handshake(Client(true, certificates_.authority_file), "mx.example.org");
  ASSERT_TRUE(server.ok()) << server;
  ASSERT_TRUE(client.ok()) << client;
  EXPECT_EQ(pair_.client.tls()->version, "TLSv1.3");
  EXPECT_THAT(pair_.client.tls()->cipher, StartsWith("TLS_"));
  EXPECT_EQ(pair_.client.tls()->peer, PeerVerification::kPkix);
  EXPECT_EQ(pair_.server.tls()->peer, PeerVerification::kNone);
  ASSERT_TRUE(RunOne(io_, pair_.client.WriteAll("EHLO ", "there\r\n")).ok());
  EXPECT_EQ(*RunOne(io_, ReadText(pair_.server)), "EHLO ");
  EXPECT_EQ(*RunOne(io_, ReadText(pair_.server)), "there\r\n");
}

TEST_F(StreamTlsTest, OpportunisticGoesOnWithACertificateThatProvesNothing) {
  const auto other = test::MakeCertificates(folder_, "mx.example.org", "other");
  const struct {
    const char* name;
    std::string authority;
    std::string host;
  } kCases[] = {{"unknown authority", other.authority_file, "mx.example.org"},
                {"other name", certificates_.authority_file, "mx.example.net"}};
  for (const auto& c : kCases) {
    pair_ = Connected(io_);
    const auto [server, client] = Handshake(Client(true, c.authority), c.host);
    EXPECT_TRUE(server.ok()) << c.name << server;
    ASSERT_TRUE(client.ok()) << c.name << client;
    EXPECT_EQ(pair_.client.tls()->peer, PeerVerification::kUnverified) << c.name;
  }
}

TEST_F(StreamTlsTest, VerifyingEndsTheHandshakeWithTheReason) {
  const auto [server, client] = Handshake(Client(false, certificates_.authority_file), "mx.example.net");
  EXPECT_FALSE(server.ok());
  EXPECT_EQ(client.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(Message(client)), HasSubstr("mx.example.net proves nothing: hostname mismatch"));
  EXPECT_FALSE(pair_.client.is_open());
}

TEST_F(StreamTlsTest, VerifiesAnAddressLiteral) {
  const auto [server, client] = Handshake(Client(false, certificates_.authority_file), "127.0.0.1");
  EXPECT_TRUE(server.ok()) << server;
  ASSERT_TRUE(client.ok()) << client;
  EXPECT_EQ(pair_.client.tls()->peer, PeerVerification::kPkix);
}

TEST_F(StreamTlsTest, GarbageInsteadOfAHandshakeIsThePeersFault) {
  ASSERT_TRUE(RunOne(io_, pair_.client.WriteAll("MAIL FROM:<a@example.org>\r\n")).ok());
  const absl::Status status = RunOne(io_, pair_.server.StartTlsServer(server_context_));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_FALSE(pair_.server.is_open());
  EXPECT_FALSE(pair_.server.tls().has_value());
}

TEST_F(StreamTlsTest, ASilentHandshakeEndsAtItsDeadline) {
  pair_.server.ExpireAfter(milliseconds(20));
  EXPECT_EQ(RunOne(io_, pair_.server.StartTlsServer(server_context_)).code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(StreamTlsTest, APeerThatVanishesInTheHandshakeIsUnavailable) {
  pair_.client.Close();
  EXPECT_EQ(RunOne(io_, pair_.server.StartTlsServer(server_context_)).code(), absl::StatusCode::kUnavailable);
}

TEST_F(StreamTlsTest, ACutIsNotAnEnd) {
  ASSERT_TRUE(Handshake(Client(true, certificates_.authority_file), "mx.example.org").second.ok());
  // What the server has sent (session tickets too) is read first, else the kernel would send RST.
  ASSERT_TRUE(RunOne(io_, pair_.server.WriteAll("220 hello\r\n")).ok());
  ASSERT_TRUE(RunOne(io_, ReadText(pair_.client)).ok());
  pair_.client.Close();  // without close_notify
  const auto read = RunOne(io_, ReadText(pair_.server));
  EXPECT_EQ(read.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Message(read.status())), HasSubstr("inside TLS"));
}

TEST_F(StreamTlsTest, ShutdownIsBoundedThoughThePeerNeverAnswers) {
  ASSERT_TRUE(Handshake(Client(true, certificates_.authority_file), "mx.example.org").first.ok());
  RunAll(io_, pair_.server.Shutdown(milliseconds(20)));
  EXPECT_FALSE(pair_.server.is_open());
  const auto read = RunOne(io_, ReadText(pair_.client));
  EXPECT_EQ(Message(read.status()), "connection closed by the peer") << "close_notify was sent";
}

// Also where one of this side reads, and the peer says something else than goodbye.
TEST_F(StreamTlsTest, ShutdownAndDrainTakesWhatThePeerStillSays) {
  ASSERT_TRUE(Handshake(Client(true, certificates_.authority_file), "mx.example.org").second.ok());
  ASSERT_TRUE(RunOne(io_, pair_.server.WriteAll("421 bye\r\n")).ok());
  std::optional<absl::StatusOr<std::string>> beside;
  std::optional<absl::StatusOr<std::string>> heard;
  RunAll(io_, Into(beside, ReadText(pair_.server)), pair_.server.ShutdownAndDrain(seconds(600)),
         Into(heard, HearAndTalkOn(pair_.client)));
  EXPECT_TRUE(heard->ok()) << heard->status();
  EXPECT_EQ(**heard, "421 bye\r\n");
  EXPECT_EQ(beside->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(pair_.server.is_open());
}

TEST_F(StreamTlsTest, OlderVersionsAreRefused) {
  auto old = Client(true, certificates_.authority_file);
  SSL_CTX_set_min_proto_version(old->context().native_handle(), TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(old->context().native_handle(), TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(old->context().native_handle(), "ALL:@SECLEVEL=0");
  const auto [server, client] = Handshake(old, "mx.example.org");
  EXPECT_EQ(server.code(), absl::StatusCode::kInvalidArgument) << server;
  EXPECT_FALSE(client.ok());
}

}  // namespace
}  // namespace goniec::net
