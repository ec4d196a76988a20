// This machine has no descriptor left: that is nobody's failure but ours, and nothing is held against the
// site.
#include <sys/resource.h>

#include "tests/integration/deliver/delivery_fixture.h"

namespace goniec::outbound::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// While it lives no descriptor can be opened.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit full = before_;
    full.rlim_cur = 3;  // below every descriptor that is open
    setrlimit(RLIMIT_NOFILE, &full);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST(OwnLimitTest, WithoutDescriptorsNothingIsTriedAndTheSiteIsNotDown) {
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP()
      << "UBSan opens pipes to look at objects; the test runs in builds without it (debian_12, debian_13)";
#endif
  SinkProcess sink;
  DeliverConfig config = FastConfig();
  config.failed_site_pause = std::chrono::minutes(10);  // of a site that failed
  Delivery delivery(config);
  // A second address would not fare better.
  const auto route = Delivery::RouteTo({sink.port(), sink.port()});
  const std::size_t number = delivery.Send(Delivery::MakeMail(), route);
  {
    const NoDescriptors none;
    delivery.RunUntilDone();
  }
  EXPECT_THAT(delivery.results[number], ElementsAre("not_tried CONNECT CONNECTION_FAILED [0]"));
  EXPECT_THAT(delivery.raw[number][0].outcome.text(), HasSubstr("Too many open files"));
  EXPECT_TRUE(IsOwnLimit(delivery.raw[number][0]));
  EXPECT_THAT(delivery.metrics.Render(),
              ::testing::Not(HasSubstr("goniec_delivery_connection_failures_total 1")));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("delivered DOT ACCEPTED 250 [0]"));
}

// The first address would be passed over for the pause of one that failed.
TEST(OwnLimitTest, WithoutDescriptorsNoAddressIsHeldToHaveFailed) {
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "as above";
#endif
  SinkProcess first;
  SinkProcess second;
  DeliverConfig config = FastConfig();
  config.failed_site_pause = std::chrono::minutes(10);
  config.addresses_per_attempt = 1;
  Delivery delivery(config);
  const auto route = Delivery::RouteTo({first.port(), second.port()});
  const std::size_t number = delivery.Send(Delivery::MakeMail(), route);
  {
    const NoDescriptors none;
    delivery.RunUntilDone();
  }
  EXPECT_THAT(delivery.results[number], ElementsAre("not_tried CONNECT CONNECTION_FAILED [0]"));
  EXPECT_THAT(delivery.Run(Delivery::MakeMail(), route), ElementsAre("delivered DOT ACCEPTED 250 [0]"));
  EXPECT_EQ(first.Log().size(), 1u);
  EXPECT_EQ(second.Log().size(), 0u);
}

}  // namespace
}  // namespace goniec::outbound::testing
