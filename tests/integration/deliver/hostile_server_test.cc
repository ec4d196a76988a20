// Servers that do what goniec-sink cannot: replies without end, at every phase. Each costs its own mail an
// attempt, and nothing else.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;

// Takes one client. Gives one reply after the other, each after it has heard a whole line (behind 354: the
// end of the message), then repeats `flood` until the client has had enough.
class HostileServer {
 public:
  HostileServer(std::vector<std::string> replies, std::string flood,
                std::chrono::milliseconds pause = std::chrono::milliseconds(0))
      : replies_(std::move(replies)),
        flood_(std::move(flood)),
        pause_(pause),
        listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~HostileServer() {
    shutdown(listener_, SHUT_RDWR);  // if nobody has come
    thread_.join();
    close(listener_);
  }
  HostileServer(const HostileServer&) = delete;
  HostileServer& operator=(const HostileServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void Run() {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    const char* until = nullptr;
    for (const std::string& reply : replies_) {
      if (until != nullptr && !Hear(client, until)) break;
      if (!Say(client, reply)) break;
      until = reply.starts_with("354") ? "\r\n.\r\n" : "\r\n";
    }
    if (until == nullptr || Hear(client, until)) {
      while (Say(client, flood_)) std::this_thread::sleep_for(pause_);
    }
    close(client);
  }
  static bool Say(int client, const std::string& text) {
    return send(client, text.data(), text.size(), MSG_NOSIGNAL) > 0;
  }
  static bool Hear(int client, const std::string& end) {
    std::string heard;
    char buffer[4096];
    while (!heard.ends_with(end)) {
      const ssize_t got = recv(client, buffer, sizeof buffer, 0);
      if (got <= 0) return false;
      heard.append(buffer, static_cast<std::size_t>(got));
    }
    return true;
  }

  const std::vector<std::string> replies_;
  const std::string flood_;
  const std::chrono::milliseconds pause_;  // after each time
  const int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

struct Phase {
  std::string name;
  std::vector<std::string> replies;
  std::string result;
};

class HostileServerTest : public ::testing::TestWithParam<Phase> {};

TEST_P(HostileServerTest, ItsFloodEndsTheAttemptAlone) {
  const std::string kFloods[] = {
      "250-and one more line\r\n",      // a reply without end
      std::string(4'000, 'x'),          // a line without end, and no code
      "250 " + std::string(400, '4'),   // a line without end
      std::string("\0\r\n\xff\r\n", 5)  // nothing at all
  };
  SinkProcess sink;
  for (const std::string& flood : kFloods) {
    const HostileServer hostile(GetParam().replies, flood);
    Delivery delivery;
    EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({hostile.port()})),
                ElementsAre(GetParam().result))
        << flood.substr(0, 10);
    EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({sink.port()})),
                ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  }
}

const std::string kOk = "250 ok\r\n";
const std::string kGreeting = "220 mx\r\n";

INSTANTIATE_TEST_SUITE_P(
    At, HostileServerTest,
    ::testing::ValuesIn(std::vector<Phase>{
        {"Greeting", {}, "temporary GREETING PROTOCOL [0]"},
        {"Ehlo", {kGreeting}, "temporary EHLO PROTOCOL [0]"},
        {"Mail", {kGreeting, kOk}, "temporary MAIL PROTOCOL [0]"},
        {"Rcpt", {kGreeting, kOk, kOk}, "temporary RCPT PROTOCOL [0]"},
        {"Data", {kGreeting, kOk, kOk, kOk}, "temporary DATA PROTOCOL [0]"},
        {"Dot", {kGreeting, kOk, kOk, kOk, "354 go\r\n"}, "temporary DOT PROTOCOL [0] AMBIGUOUS"},
    }),
    [](const auto& param) { return param.param.name; });

// An octet now and then, or no end of a line, is no progress: the time of a reply is that of the whole of it.
TEST(HostileServerTest, ADripGetsNoMoreTimeThanSilence) {
  for (const bool greeted : {false, true}) {
    const std::vector<std::string> replies = greeted ? std::vector{kGreeting} : std::vector<std::string>();
    const HostileServer hostile(replies, "2", std::chrono::milliseconds(20));
    DeliverConfig config = FastConfig();
    config.attempt_timeout = std::chrono::milliseconds(400);
    Delivery delivery(config);
    EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({hostile.port()})),
                ElementsAre(greeted ? "temporary EHLO TIMEOUT [0]" : "temporary GREETING TIMEOUT [0]"));
  }
}

TEST(HostileServerTest, ADripInATransactionGetsItsTimeToo) {
  const HostileServer hostile({kGreeting, kOk, kOk}, "2", std::chrono::milliseconds(50));
  DeliverConfig config = FastConfig();
  config.time_limit_percent = 1;  // 3 s
  Delivery delivery(config);
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({hostile.port()})),
              ElementsAre("temporary RCPT TIMEOUT [0]"));
}

TEST(HostileServerTest, AReplyWithoutTheEndOfItsLineIsNone) {
  const HostileServer hostile({"220 mx"}, "", std::chrono::milliseconds(0));
  DeliverConfig config = FastConfig();
  config.attempt_timeout = std::chrono::milliseconds(400);
  Delivery delivery(config);
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({hostile.port()})),
              ElementsAre("temporary GREETING TIMEOUT [0]"));
}

TEST(HostileServerTest, AFloodBetweenMailsLosesNoMail) {
  const HostileServer hostile({kGreeting, kOk, kOk, kOk, "354 go\r\n", "250 2.0.0 taken\r\n"},
                              "250 more\r\n");
  Delivery delivery;
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), Delivery::RouteTo({hostile.port()})),
              ElementsAre("delivered DOT ACCEPTED 250 [0]"));
}

}  // namespace
}  // namespace goniec::outbound::testing
