// That no shelf is without a mark: who sees to it, who follows, and who may take it away.
#include "common/queue/hold/shelf_marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "common/queue/model/stream_settings.h"
#include "tests/integration/queue/hold/hold_fixture.h"

namespace goniec::queue {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

const ShelfPlace kPlace{0, MailClass::kBulk, "site1", "acme"};
const ShelfPlace kOther{3, MailClass::kTransactional, "site2", "acme"};

TEST(MarkKey, IsReadBack) {
  EXPECT_EQ(MarkKey(kPlace), "shelf.0.bulk.site1.acme");
  for (const ShelfPlace& place : {kPlace, kOther}) EXPECT_EQ(PlaceOfMark(MarkKey(place)), place);
  for (const char* other :
       {"", "shelf", "shelf.0.bulk.site1", "shelf.0.bulk.site1.acme.x", "shelf.x.bulk.s.t",
        "shelf.-1.bulk.s.t", "shelf.0.other.s.t", "shelf.0.bulk..t", "shelf.0.bulk.s.T", "site.0.bulk.s.t"}) {
    EXPECT_FALSE(PlaceOfMark(other).has_value()) << other;
  }
}

class ShelfMarksTest : public HoldFixture {
 protected:
  using Marks = std::map<ShelfPlace, ShelfMarks::Mark>;

  template <typename Function>
  auto Ask(Function function) {
    decltype(function()) answer{};
    OnExecutor([&] { answer = function(); });
    return answer;
  }
  // One that is followed from now on; its changes are counted by place.
  std::unique_ptr<ShelfMarks> Follow(ShelfMarks::Times times = {}) {
    auto marks = std::make_unique<ShelfMarks>(*watched_, executor_, tasks_, times);
    OnExecutor([&] { marks->Start([this](const ShelfPlace& place) { changed_.push_back(place); }); });
    EXPECT_TRUE(test::WaitUntil([&] { return Ask([&] { return marks->current(); }); }));
    return marks;
  }
  Marks All(ShelfMarks& marks) {
    return Ask([&] { return marks.all(); });
  }
  bool HasMark(ShelfMarks& marks, const ShelfPlace& place) { return All(marks).contains(place); }

  std::vector<absl::Status> SeeTo(ShelfMarks& marks, const std::vector<ShelfPlace>& places) {
    std::vector<std::promise<absl::Status>> ends(places.size());
    OnExecutor([&] {
      for (std::size_t i = 0; i < places.size(); ++i) {
        asio::co_spawn(executor_, marks.SeeTo(places[i], "mx:mx.test:25"),
                       [&end = ends[i]](std::exception_ptr, absl::Status status) { end.set_value(status); });
      }
    });
    std::vector<absl::Status> results;
    for (auto& end : ends) results.push_back(end.get_future().get());
    return results;
  }
  absl::Status Remove(ShelfMarks& marks, const ShelfPlace& place) {
    std::promise<absl::Status> end;
    OnExecutor([&] {
      asio::co_spawn(executor_, marks.Remove(place),
                     [&end](std::exception_ptr, absl::Status status) { end.set_value(status); });
    });
    return end.get_future().get();
  }
  void Stop(std::unique_ptr<ShelfMarks>& marks) {
    OnExecutor([&] { marks.reset(); });
  }
  // A mark as another worker puts it.
  std::uint64_t PutByAnother(const ShelfPlace& place) {
    const auto put = RunToEnd(KvPut(*broker_, kControlBucket, MarkKey(place), "mx:mx.test:25"));
    EXPECT_TRUE(put.ok()) << put.status();
    return put.value_or(0);
  }
  std::size_t Puts() const {
    return static_cast<std::size_t>(
        std::count_if(watched_->requests().begin(), watched_->requests().end(),
                      [](const std::string& subject) { return subject.starts_with("$KV.control.shelf."); }));
  }

  std::vector<ShelfPlace> changed_;
};

TEST_F(ShelfMarksTest, WhoSeesToAShelfPutsItsMarkOnceForAllWhoAsk) {
  auto marks = Follow();
  EXPECT_THAT(SeeTo(*marks, {kPlace, kPlace, kOther, kPlace}), testing::Each(absl::OkStatus()));
  EXPECT_EQ(Puts(), 2U);
  EXPECT_THAT(SeeTo(*marks, {kPlace}), ElementsAre(absl::OkStatus()));
  EXPECT_EQ(Puts(), 2U) << "it is fresh";
  const auto stored = RunToEnd(KvGet(*broker_, kControlBucket, MarkKey(kPlace)));
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->value, "mx:mx.test:25");
  EXPECT_EQ(All(*marks).at(kPlace).revision, stored->revision);
  Stop(marks);
}

TEST_F(ShelfMarksTest, AMarkThatIsOldIsPutAnew) {
  auto marks = Follow({.fresh = milliseconds(0)});
  EXPECT_THAT(SeeTo(*marks, {kPlace}), ElementsAre(absl::OkStatus()));
  const std::uint64_t before = All(*marks).at(kPlace).revision;
  EXPECT_THAT(SeeTo(*marks, {kPlace}), ElementsAre(absl::OkStatus()));
  EXPECT_GT(All(*marks).at(kPlace).revision, before);
  Stop(marks);
}

TEST_F(ShelfMarksTest, WhatOthersPutIsSeenAndFreshWhileItIsYoung) {
  auto marks = Follow();
  PutByAnother(kPlace);
  EXPECT_TRUE(test::WaitUntil([&] { return HasMark(*marks, kPlace); }));
  EXPECT_EQ(Ask([&] { return changed_; }), std::vector<ShelfPlace>{kPlace});
  EXPECT_THAT(SeeTo(*marks, {kPlace}), ElementsAre(absl::OkStatus()));
  EXPECT_EQ(Puts(), 0U);
  Stop(marks);
}

// Its age counts, not when we came to know it: whoever may take it away reckons from the put.
TEST_F(ShelfMarksTest, AMarkThatIsOldWhenItIsSeenIsNotFresh) {
  PutByAnother(kPlace);
  const BootTime since = BootClock::now();
  EXPECT_TRUE(test::WaitUntil([&] { return BootClock::now() - since > milliseconds(1'500); }));
  auto marks = Follow({.fresh = milliseconds(1'000)});
  EXPECT_TRUE(HasMark(*marks, kPlace));
  EXPECT_THAT(SeeTo(*marks, {kPlace}), ElementsAre(absl::OkStatus()));
  EXPECT_EQ(Puts(), 1U);
  Stop(marks);
}

TEST_F(ShelfMarksTest, AMarkThatCannotBePutIsAnErrorForAllWhoAsk) {
  auto marks = Follow();
  watched_->answer = [](const std::string& subject) -> std::optional<IncomingMessage> {
    if (!subject.starts_with("$KV.")) return std::nullopt;
    IncomingMessage nobody;
    nobody.status = 503;
    return nobody;
  };
  for (const absl::Status& status : SeeTo(*marks, {kPlace, kPlace})) EXPECT_FALSE(status.ok());
  EXPECT_FALSE(HasMark(*marks, kPlace));
  Stop(marks);
}

TEST_F(ShelfMarksTest, AYoungMarkIsNotTakenAway) {
  auto marks = Follow();
  EXPECT_THAT(SeeTo(*marks, {kPlace}), ElementsAre(absl::OkStatus()));
  EXPECT_TRUE(Remove(*marks, kPlace).ok());
  EXPECT_TRUE(HasMark(*marks, kPlace));
  EXPECT_FALSE(RunToEnd(KvGet(*broker_, kControlBucket, MarkKey(kPlace)))->deleted);
  Stop(marks);
}

TEST_F(ShelfMarksTest, AnOldMarkIsTakenAwayForAll) {
  auto marks = Follow({.kept = milliseconds(0)});
  auto others = Follow();
  EXPECT_THAT(SeeTo(*marks, {kPlace}), ElementsAre(absl::OkStatus()));
  EXPECT_TRUE(test::WaitUntil([&] { return HasMark(*others, kPlace); }));
  EXPECT_TRUE(Remove(*marks, kPlace).ok());
  EXPECT_FALSE(HasMark(*marks, kPlace));
  EXPECT_TRUE(test::WaitUntil([&] { return !HasMark(*others, kPlace); }));
  EXPECT_TRUE(Remove(*marks, kPlace).ok()) << "what is not there";
  Stop(marks);
  Stop(others);
}

// The one who takes it away knows of a renewal only later: the revision tells.
TEST_F(ShelfMarksTest, AMarkThatWasPutAnewMeanwhileStays) {
  auto marks = Follow({.kept = milliseconds(0)});
  EXPECT_THAT(SeeTo(*marks, {kPlace}), ElementsAre(absl::OkStatus()));
  bool once = true;
  watched_->before = [&](const std::string& subject) {
    if (subject.starts_with("$KV.control.shelf.") && std::exchange(once, false)) {
      std::thread([&] { PutByAnother(kPlace); }).join();
    }
  };
  EXPECT_TRUE(Remove(*marks, kPlace).ok());
  EXPECT_FALSE(once);
  const auto stored = RunToEnd(KvGet(*broker_, kControlBucket, MarkKey(kPlace)));
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_FALSE(stored->deleted);
  Stop(marks);
}

// Its revisions begin with 1 again: a lower one than we knew is the mark all the same.
TEST_F(ShelfMarksTest, AMarkInABucketThatWasMadeAnewIsSeen) {
  auto marks = Follow();
  for (const ShelfPlace& place : {kOther, kPlace}) EXPECT_TRUE(SeeTo(*marks, {place})[0].ok());
  const std::uint64_t before = All(*marks).at(kPlace).revision;
  Api("STREAM.DELETE.KV_control");
  ProvisionAll();
  const auto anew = RunToEnd(KvPut(*broker_, kControlBucket, MarkKey(kPlace), "mx:mx.test:25"));
  ASSERT_TRUE(anew.ok()) << anew.status();
  ASSERT_LT(*anew, before);
  EXPECT_TRUE(test::WaitUntil([&] {
    const Marks all = All(*marks);
    return all.size() == 1 && all.contains(kPlace) && all.at(kPlace).revision == *anew;
  }));
  Stop(marks);
}

TEST_F(ShelfMarksTest, WhatGoesWhileWeAreCutOffIsGoneAfterwards) {
  auto marks = Follow();
  PutByAnother(kPlace);
  const std::uint64_t revision = PutByAnother(kOther);
  EXPECT_TRUE(test::WaitUntil([&] { return All(*marks).size() == 2; }));
  server_->Kill();
  EXPECT_TRUE(test::WaitUntil([&] { return !Ask([&] { return marks->current(); }); }));
  ASSERT_TRUE(server_->StartAgain().ok());
  ASSERT_TRUE(test::WaitUntil([&] { return broker_->connected(); }));
  EXPECT_TRUE(RunToEnd(KvDelete(*broker_, kControlBucket, MarkKey(kOther), revision)).ok());
  EXPECT_TRUE(test::WaitUntil([&] { return Ask([&] { return marks->current(); }); }));
  EXPECT_TRUE(test::WaitUntil([&] { return !HasMark(*marks, kOther); }));
  EXPECT_TRUE(HasMark(*marks, kPlace));
  Stop(marks);
}

}  // namespace
}  // namespace goniec::queue
