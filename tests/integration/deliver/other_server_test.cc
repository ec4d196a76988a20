// Delivery to a server that is not ours: aiosmtpd.
#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(AiosmtpdTest, TakesMailsUnchangedOneAfterTheOther) {
  const test::TempDir folder;
  // The distribution's Python: aiosmtpd is one of its packages.
  auto server = test::Process::Start(
      {"/usr/bin/python3", GONIEC_SOURCE "/tests/integration/deliver/aiosmtpd_server.py", folder.path()});
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE(server->WaitForOutput("\n")) << server->output();
  const std::string output = server->output();
  ASSERT_TRUE(output.starts_with("listening on ")) << output;
  const auto port = static_cast<std::uint16_t>(std::stoi(output.substr(output.find(':') + 1)));

  Delivery delivery;
  const auto route = Delivery::RouteTo({port});
  auto dots = Delivery::MakeMail({"a@x.test", "b@x.test"});
  dots->set_inline_body(".\r\n..\r\n.a\r\nlast\r\n");
  EXPECT_THAT(delivery.Run(dots, route), ElementsAre("delivered DOT ACCEPTED 250 [0,1]"));
  auto utf8 = Delivery::MakeMail({"zażółć@x.test"});
  utf8->set_smtputf8(true);
  utf8->set_body_type(queue::v1::BODY_TYPE_8BITMIME);
  utf8->set_inline_body("gęślą jaźń\r\n");
  EXPECT_THAT(delivery.Run(utf8, route), ElementsAre("delivered DOT ACCEPTED 250 [0]"));

  EXPECT_EQ(test::ReadFileOrEmpty(folder.File("0")), dots->head() + dots->inline_body());
  EXPECT_THAT(test::ReadFileOrEmpty(folder.File("0.json")), HasSubstr(R"("to": ["a@x.test", "b@x.test"])"));
  EXPECT_EQ(test::ReadFileOrEmpty(folder.File("1")), utf8->head() + utf8->inline_body());
  const std::string envelope = test::ReadFileOrEmpty(folder.File("1.json"));
  EXPECT_THAT(envelope, HasSubstr(R"("to": ["zażółć@x.test"])"));
  EXPECT_THAT(envelope, HasSubstr("SMTPUTF8"));
  EXPECT_THAT(envelope, HasSubstr("BODY=8BITMIME"));
  EXPECT_THAT(envelope, HasSubstr(R"("helo": "client.test")"));
  EXPECT_EQ(delivery.dispatcher->connections(), 1u);
}

}  // namespace
}  // namespace goniec::outbound::testing
