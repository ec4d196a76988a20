// A server that reads slowly: the end of a message does not wait behind its content in our buffers while the
// lease on the mail runs out.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/awaitable.hpp>
#include <atomic>
#include <string>
#include <thread>

#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Takes one client, offers `keyword`, says yes to everything, and reads only the beginning of the content
// until Release().
class SlowReader {
 public:
  explicit SlowReader(std::string keyword)
      : keyword_(std::move(keyword)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    const int small = 4096;
    setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~SlowReader() { Finish(); }
  SlowReader(const SlowReader&) = delete;
  SlowReader& operator=(const SlowReader&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] bool content_has_begun() const { return begun_; }
  void Release() {
    released_ = true;
    released_.notify_all();
  }
  // All that came after the beginning of the content, once the client is gone.
  const std::string& Finish() {
    Release();
    if (thread_.joinable()) {
      shutdown(listener_, SHUT_RDWR);
      thread_.join();
      close(listener_);
    }
    return content_;
  }

 private:
  void Run() {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    Say(client, "220 mx\r\n");
    std::string heard;
    char buffer[4096];
    while (heard.find(keyword_ == "CHUNKING" ? "BDAT " : "DATA\r\n") == std::string::npos) {
      const ssize_t got = recv(client, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      heard.append(buffer, static_cast<std::size_t>(got));
      if (heard.ends_with("DATA\r\n")) {
        Say(client, "354 go\r\n");
      } else if (heard.starts_with("EHLO") && heard.find('\n') + 1 == heard.size()) {
        Say(client, "250-mx\r\n250 " + keyword_ + "\r\n");
      } else if (heard.ends_with("\r\n") && heard.find("BDAT ") == std::string::npos) {
        Say(client, "250 ok\r\n");
      }
    }
    if (keyword_ == "CHUNKING") content_ = heard.substr(std::min(heard.size(), heard.find("BDAT ")));
    ssize_t got = 1;
    while (content_.size() < 10 && (got = recv(client, buffer, sizeof buffer, 0)) > 0) {
      content_.append(buffer, static_cast<std::size_t>(got));
    }
    begun_ = true;
    released_.wait(false);
    while ((got = recv(client, buffer, sizeof buffer, 0)) > 0) {
      content_.append(buffer, static_cast<std::size_t>(got));
      const bool whole =
          keyword_ == "CHUNKING" ? content_.ends_with("end\r\n") : content_.ends_with("\r\n.\r\n");
      if (whole) Say(client, "250 ok\r\n");
    }
    close(client);
  }
  static void Say(int client, const std::string& text) {
    (void)send(client, text.data(), text.size(), MSG_NOSIGNAL);
  }

  const std::string keyword_;
  const int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> begun_ = false;
  std::atomic<bool> released_ = false;
  std::string content_;
  std::thread thread_;
};

class SlowReaderTest : public ::testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<queue::v1::Mail> LargeMail() {
    auto mail = Delivery::MakeMail();
    mail->set_inline_body(std::string(500'000, 'x') + "\r\nend\r\n");
    mail->set_size_bytes(mail->head().size() + mail->inline_body().size());
    return mail;
  }
};

TEST_P(SlowReaderTest, ALeaseThatEndsMeanwhileKeepsTheEndBack) {
  SlowReader server(GetParam());
  Delivery delivery;
  bool lease = true;
  const std::size_t job = delivery.Send(LargeMail(), Delivery::RouteTo({server.port()}),
                                        [&](Job& made) { made.may_finish = [&] { return lease; }; });
  delivery.RunUntil([&] { return server.content_has_begun(); });
  // What the kernel takes, it has.
  for (int i = 0; i < 100; ++i) {
    delivery.io.restart();
    delivery.io.poll();
  }
  lease = false;
  server.Release();
  delivery.RunUntil([&] { return delivery.results.contains(job); });
  // Else the connection stays open, and the server waits for its end.
  ASSERT_THAT(delivery.results[job], ElementsAre("not_tried BODY BROKER [0]"));
  const std::string& content = server.Finish();
  EXPECT_GT(content.size(), 400'000u);
  EXPECT_THAT(content.substr(content.size() - 100), Not(HasSubstr("end\r\n")));
}

TEST_P(SlowReaderTest, ALeaseThatHoldsLetsItArriveWhole) {
  SlowReader server(GetParam());
  Delivery delivery;
  const auto mail = LargeMail();
  const std::size_t job = delivery.Send(mail, Delivery::RouteTo({server.port()}));
  delivery.RunUntil([&] { return server.content_has_begun(); });
  server.Release();
  delivery.RunUntil([&] { return delivery.results.contains(job); });
  EXPECT_THAT(delivery.results[job], ElementsAre("delivered DOT ACCEPTED 250 [0]"));
}

asio::awaitable<absl::StatusOr<std::string>> LongThenShort(std::uint32_t n) {
  co_return n == 0 ? std::string(400'000, 'x') : "\r\nend\r\n";
}

// Of a stored body the last chunk may be so short that all of it goes with the end. What is waited for is the
// chunk before it, which has been handed over long since and lies in our buffers.
TEST(SlowReaderOfAStoredBodyTest, ALeaseThatEndsMeanwhileKeepsTheEndBack) {
  SlowReader server("ETRN");
  Delivery delivery;
  auto mail = Delivery::MakeMail();
  mail->mutable_body_reference()->set_body_id("body");
  mail->mutable_body_reference()->set_chunk_count(2);
  mail->mutable_body_reference()->set_size_bytes(400'007);
  mail->set_size_bytes(mail->head().size() + 400'007);
  bool lease = true;
  const std::size_t job = delivery.Send(mail, Delivery::RouteTo({server.port()}), [&](Job& made) {
    made.may_finish = [&] { return lease; };
    made.read_chunk = LongThenShort;
  });
  delivery.RunUntil([&] { return server.content_has_begun(); });
  for (int i = 0; i < 100; ++i) {
    delivery.io.restart();
    delivery.io.poll();
  }
  lease = false;
  server.Release();
  delivery.RunUntil([&] { return delivery.results.contains(job); });
  // Else the connection stays open, and the server waits for its end.
  ASSERT_THAT(delivery.results[job], ElementsAre("not_tried BODY BROKER [0]"));
  EXPECT_THAT(server.Finish(), Not(HasSubstr("end\r\n")));
}

INSTANTIATE_TEST_SUITE_P(All, SlowReaderTest, ::testing::Values("ETRN", "CHUNKING"),
                         [](const auto& param) { return param.param == "ETRN" ? "Data" : "Bdat"; });

}  // namespace
}  // namespace goniec::outbound::testing
