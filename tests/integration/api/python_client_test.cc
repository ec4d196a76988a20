#include <gmock/gmock.h>

#include "tests/integration/api/api_fixture.h"

namespace goniec::outbound {
namespace {

class PythonClientTest : public ApiFixture {
 protected:
  void ExpectGood(const char* health) {
    const auto client = test::RunProcess({"/usr/bin/python3", GONIEC_TEST_DIR "/client.py",
                                          absl::StrCat("127.0.0.1:", api_->port()),
                                          GONIEC_SOURCE_DIR "/proto", PROTOC, health});
    ASSERT_TRUE(client.ok()) << client.status();
    EXPECT_EQ(client->status, 0) << client->output;
  }
};

TEST_F(PythonClientTest, SendsAsksAndReadsErrorsAndHealth) {
  StartApi();
  ExpectGood("not-serving");
  api_->SetServing(true);
  ExpectGood("serving");
  api_->SetServing(false);
  ExpectGood("not-serving");
}

}  // namespace
}  // namespace goniec::outbound
