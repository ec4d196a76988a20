#include "common/net/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <string>

#include "common/base/status.h"
#include "tests/unit/net/loopback.h"

namespace goniec::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

asio::awaitable<absl::StatusOr<std::string>> ReadText(Stream& stream) {
  std::string text(64, '\0');
  const absl::StatusOr<size_t> got = co_await stream.ReadSome(text);
  if (!got.ok()) co_return got.status();
  text.resize(*got);
  co_return text;
}

asio::awaitable<absl::Status> ReadToEnd(Stream& stream, std::string& all) {
  std::string buffer(16384, '\0');
  while (true) {
    const absl::StatusOr<size_t> got = co_await stream.ReadSome(buffer);
    if (!got.ok()) co_return got.status();
    all.append(buffer, 0, *got);
  }
}

asio::awaitable<absl::Status> WriteAndClose(Stream& stream, std::string_view first, std::string_view second) {
  absl::Status status = co_await stream.WriteAll(first, second);
  stream.Close();
  co_return status;
}

asio::awaitable<absl::StatusOr<std::string>> ReadTextAndClose(Stream& stream) {
  absl::StatusOr<std::string> text = co_await ReadText(stream);
  stream.Close();
  co_return text;
}

// What is said until the end, to somebody who then says two things more and closes: the second of them fails
// where the first drew RST.
asio::awaitable<absl::StatusOr<std::string>> HearAndTalkOn(Stream& stream) {
  std::string all;
  const absl::Status end = co_await ReadToEnd(stream, all);
  for (int i = 0; i < 2; ++i) {
    const absl::Status said = co_await stream.WriteAll("QUIT\r\n");
    if (!said.ok()) co_return said;
  }
  stream.Close();
  co_return all;
}

class StreamTest : public testing::Test {
 protected:
  asio::io_context io_;
  Pair pair_ = Connected(io_);
};

TEST_F(StreamTest, CarriesBytes) {
  EXPECT_TRUE(RunOne(io_, pair_.client.WriteAll("EHLO ", "there\r\n")).ok());
  EXPECT_EQ(*RunOne(io_, ReadText(pair_.server)), "EHLO there\r\n");
  EXPECT_EQ(pair_.server.remote(), pair_.client.local());
  EXPECT_EQ(pair_.server.local(), pair_.client.remote());
  EXPECT_FALSE(pair_.server.tls().has_value());
}

TEST_F(StreamTest, WritesMoreThanTheKernelTakesAtOnce) {
  const std::string first(5'000'000, 'a');
  const std::string second(3'000'000, 'b');
  std::string all;
  std::optional<absl::Status> written;
  std::optional<absl::Status> read;
  RunAll(io_, Into(written, WriteAndClose(pair_.client, first, second)),
         Into(read, ReadToEnd(pair_.server, all)));
  EXPECT_TRUE(written->ok());
  EXPECT_EQ(read->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(*read), "connection closed by the peer");
  EXPECT_TRUE(all == first + second);
}

TEST_F(StreamTest, ADeadlineClosesAndSaysSo) {
  pair_.server.ExpireAfter(milliseconds(20));
  const auto read = RunOne(io_, ReadText(pair_.server));
  EXPECT_EQ(read.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Message(read.status()), "time limit passed while reading");
  EXPECT_FALSE(pair_.server.is_open());
  EXPECT_EQ(RunOne(io_, ReadText(pair_.server)).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(RunOne(io_, pair_.server.WriteAll("late")).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(StreamTest, ADeadlineEndsAWriteThatNobodyReads) {
  pair_.server.ExpireAfter(milliseconds(20));
  EXPECT_EQ(RunOne(io_, pair_.server.WriteAll(std::string(20'000'000, 'x'))).code(),
            absl::StatusCode::kDeadlineExceeded);
}

// --- AwaitSent ---

asio::awaitable<absl::Status> WriteAndAwaitSent(Stream& stream, std::string_view text) {
  const absl::Status status = co_await stream.WriteAll(text);
  if (!status.ok()) co_return status;
  co_return co_await stream.AwaitSent();
}

asio::awaitable<absl::Status> ReadAfter(Stream& stream, std::chrono::milliseconds pause, bool& begun,
                                        std::string& all) {
  asio::steady_timer timer(stream.executor(), pause);
  co_await timer.async_wait(asio::use_awaitable);
  begun = true;
  co_return co_await ReadToEnd(stream, all);
}

asio::awaitable<absl::Status> SendAndClose(Stream& stream, std::string_view text, const bool& reading,
                                           bool& waited) {
  absl::Status status = co_await WriteAndAwaitSent(stream, text);
  waited = reading;
  stream.Close();
  co_return status;
}

TEST_F(StreamTest, NothingToSendIsSent) {
  EXPECT_TRUE(RunOne(io_, pair_.client.AwaitSent()).ok());
}

TEST_F(StreamTest, IsSentWhenThePeerHasMadeRoom) {
  // More than the peer's buffer takes unread, and no more than this host's.
  const std::string text(600'000, 'x');
  std::string all;
  bool reading = false;
  bool waited = false;
  std::optional<absl::Status> sent;
  std::optional<absl::Status> read;
  RunAll(io_, Into(sent, SendAndClose(pair_.client, text, reading, waited)),
         Into(read, ReadAfter(pair_.server, milliseconds(20), reading, all)));
  EXPECT_TRUE(sent->ok()) << *sent;
  EXPECT_TRUE(waited);
  EXPECT_TRUE(all == text);
}

TEST_F(StreamTest, ADeadlineEndsTheWaitForRoom) {
  const std::string text(1'000'000, 'x');
  pair_.client.ExpireAfter(milliseconds(50));
  EXPECT_EQ(RunOne(io_, WriteAndAwaitSent(pair_.client, text)).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(StreamTest, APeerThatVanishesEndsTheWaitForRoom) {
  const std::string text(1'000'000, 'x');
  asio::steady_timer timer(io_, milliseconds(20));
  timer.async_wait([&](asio::error_code) { pair_.server.Close(); });  // with unread input: RST
  EXPECT_EQ(RunOne(io_, WriteAndAwaitSent(pair_.client, text)).code(), absl::StatusCode::kUnavailable);
}

TEST_F(StreamTest, TheLastDeadlineCounts) {
  pair_.server.ExpireAfter(milliseconds(1));
  pair_.server.ExpireAfter(seconds(600));
  asio::steady_timer timer(io_, milliseconds(20));
  timer.async_wait([&](asio::error_code) {
    EXPECT_TRUE(pair_.server.is_open());
    pair_.server.ExpireAfter(milliseconds(1));  // and an earlier one replaces a later one
  });
  EXPECT_EQ(RunOne(io_, ReadText(pair_.server)).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(StreamTest, NoDeadlineMeansNone) {
  pair_.server.ExpireAfter(milliseconds(1));
  pair_.server.NeverExpire();
  io_.run_for(milliseconds(20));
  io_.restart();
  EXPECT_TRUE(pair_.server.is_open());
}

TEST_F(StreamTest, CloseEndsWhatAwaits) {
  asio::steady_timer timer(io_, milliseconds(5));
  timer.async_wait([&](asio::error_code) { pair_.server.Close(); });
  EXPECT_EQ(RunOne(io_, ReadText(pair_.server)).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(StreamTest, APeerThatVanishesIsUnavailable) {
  // RST instead of FIN.
  {
    asio::ip::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
    asio::ip::tcp::socket client(io_);
    client.connect(acceptor.local_endpoint());
    Stream server(acceptor.accept());
    client.set_option(asio::socket_base::linger(true, 0));
    client.close();
    const auto read = RunOne(io_, ReadText(server));
    EXPECT_EQ(read.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(Message(read.status())), HasSubstr("reset by peer while reading"));
  }
  pair_.client.Close();
  EXPECT_EQ(RunOne(io_, ReadText(pair_.server)).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(StreamTest, ShutdownDeliversLastWordsOverUnreadInput) {
  ASSERT_TRUE(RunOne(io_, pair_.client.WriteAll(std::string(10'000, 'x'))).ok());
  ASSERT_TRUE(RunOne(io_, pair_.server.WriteAll("421 bye\r\n")).ok());
  std::optional<absl::StatusOr<std::string>> read;
  RunAll(io_, pair_.server.Shutdown(seconds(600)), Into(read, ReadTextAndClose(pair_.client)));
  EXPECT_EQ(**read, "421 bye\r\n");
  EXPECT_FALSE(pair_.server.is_open());
}

// Unlike Shutdown(), which closes if nothing lies there yet.
TEST_F(StreamTest, ShutdownAndDrainTakesWhatThePeerStillSays) {
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

TEST_F(StreamTest, ShutdownAndDrainIsBounded) {
  RunAll(io_, pair_.server.ShutdownAndDrain(milliseconds(20)));  // the client neither reads nor closes
  EXPECT_FALSE(pair_.server.is_open());
}

TEST_F(StreamTest, ShutdownIsBounded) {
  ASSERT_TRUE(RunOne(io_, pair_.client.WriteAll("unread")).ok());
  RunAll(io_, pair_.server.Shutdown(milliseconds(20)));  // the client neither reads nor closes
  EXPECT_FALSE(pair_.server.is_open());
}

TEST_F(StreamTest, KnowsWhenAnIdleConnectionIsOfNoUse) {
  EXPECT_FALSE(pair_.server.HasUnexpectedInput());
  ASSERT_TRUE(RunOne(io_, pair_.client.WriteAll("421 too late\r\n")).ok());
  EXPECT_TRUE(pair_.server.HasUnexpectedInput());
  EXPECT_EQ(*RunOne(io_, ReadText(pair_.server)), "421 too late\r\n") << "looking takes nothing";
  EXPECT_FALSE(pair_.server.HasUnexpectedInput());
  pair_.client.Close();
  EXPECT_TRUE(pair_.server.HasUnexpectedInput());
}

TEST_F(StreamTest, ConnectSaysWhereItFailed) {
  asio::ip::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
  const Endpoint endpoint = FromAsio(acceptor.local_endpoint());
  auto stream = RunOne(io_, Stream::Connect(io_.get_executor(), endpoint, seconds(5)));
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_EQ(stream->remote(), endpoint);
  acceptor.close();
  const auto refused = RunOne(io_, Stream::Connect(io_.get_executor(), endpoint, seconds(5)));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(refused.status()), "Connection refused while connecting to " + endpoint.ToString());
}

TEST_F(StreamTest, ConnectUsesTheGivenSource) {
  asio::ip::tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
  const IpAddress source = IpAddress::V4({127, 0, 0, 9});
  const auto stream = RunOne(
      io_, Stream::Connect(io_.get_executor(), FromAsio(acceptor.local_endpoint()), seconds(5), source));
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_EQ(stream->local().ip, source);
}

TEST_F(StreamTest, ConnectIsBounded) {
  // A full backlog on loopback: the kernel answers no further SYN.
  asio::ip::tcp::acceptor acceptor(io_);
  acceptor.open(asio::ip::tcp::v4());
  acceptor.bind({asio::ip::address_v4::loopback(), 0});
  acceptor.listen(0);
  const Endpoint endpoint = FromAsio(acceptor.local_endpoint());
  std::vector<Stream> fillers;
  for (int i = 0; i < 20; ++i) {
    auto stream = RunOne(io_, Stream::Connect(io_.get_executor(), endpoint, milliseconds(50)));
    if (!stream.ok()) {
      EXPECT_EQ(stream.status().code(), absl::StatusCode::kDeadlineExceeded) << stream.status();
      return;
    }
    fillers.push_back(*std::move(stream));
  }
  FAIL() << "the backlog never filled";
}

}  // namespace
}  // namespace goniec::net
