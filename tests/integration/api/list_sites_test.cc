// QueueService.ListSites over a real broker: what workers, keepers and shelves have stored, and what is said
// when it cannot be read.
#include <gmock/gmock.h>

#include <asio/this_coro.hpp>
#include <atomic>
#include <set>

#include "common/base/await.h"
#include "common/base/spawn.h"
#include "common/base/task_group.h"
#include "common/queue/hold/shelf_marks.h"
#include "common/queue/model/stream_settings.h"
#include "common/queue/model/subjects.h"
#include "common/queue/model/timestamps.h"
#include "goniec/v1/queue_service.grpc.pb.h"
#include "outbound/api/site_book.h"
#include "outbound/route/route.h"
#include "outbound/site/site_reporter.h"
#include "tests/integration/api/api_fixture.h"

namespace goniec::outbound {
namespace {

using queue::MailClass;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kClosed[] = "mx:closed.example:25";
constexpr char kBusy[] = "mx:busy.example:25";
constexpr char kMessage[] = "01arz3ndektsv4rrffq69g5fav";

class ListSitesTest : public ApiFixture {
 protected:
  static std::shared_ptr<const std::string> Bytes(std::string bytes) {
    return std::make_shared<const std::string>(std::move(bytes));
  }
  void Put(const std::string& bucket, const std::string& key, std::string value) {
    Store({absl::StrCat("$KV.", bucket, ".", key), Bytes(std::move(value))});
  }
  void PutWord(const std::string& site, queue::v1::SiteWord::State state) {
    queue::v1::SiteWord word;
    word.set_version(1);
    word.set_state(state);
    word.set_epoch(3);
    word.set_site(site);
    word.mutable_last_failure()->set_reason(queue::v1::REASON_TIMEOUT);
    Put(queue::kControlBucket, "site." + SiteToken(site), word.SerializeAsString());
  }
  void PutWorker(const std::string& worker) { Put(queue::kPresenceBucket, "worker." + worker, "alive"); }
  void PutReport(const std::string& worker, const std::string& site, std::size_t in_hand) {
    SiteSnapshots snapshots;
    snapshots.sites = {{.site = site,
                        .in_hand = in_hand,
                        .in_flight = 1,
                        .connections = 1,
                        .window = 2,
                        .share = 4,
                        .domains = {"busy.test"}}};
    Put(queue::kPresenceBucket, ReportKey(worker), MakeReport(worker, snapshots).SerializeAsString());
  }
  // `accepted` seconds since 1970; on the shelf until an hour later.
  void PutOnShelf(const std::string& site, MailClass mail_class, const std::string& tenant, int slot,
                  int accepted) {
    queue::v1::Record record;
    record.add_mails()->mutable_accept_time()->set_seconds(accepted);
    Store({queue::HeldSubject({0, mail_class, SiteToken(site), tenant}, slot, accepted / 60 + 60),
           Bytes(record.SerializeAsString())});
  }
  void PutMark(const std::string& site) {
    Put(queue::kControlBucket, absl::StrCat("shelf.0.bulk.", SiteToken(site), ".shop"), site);
  }
  void PutWaiting(const std::string& domain, int generation) {
    const std::string subject = queue::WaitSubject(0, MailClass::kBulk, "shop", kMessage,
                                                   static_cast<std::uint32_t>(generation), domain);
    Store({queue::DueSubject(subject), Bytes("x")});
  }

  grpc::Status List(const v1::ListSitesRequest& request, v1::ListSitesResponse* response,
                    const std::string& token = "") {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::QueueService::NewStub(grpc::CreateCustomChannel(
        absl::StrCat("127.0.0.1:", api_->port()), grpc::InsecureChannelCredentials(), arguments));
    grpc::ClientContext context;
    Prepare(context, token);
    return stub->ListSites(&context, request, response);
  }
  v1::ListSitesResponse List(const v1::ListSitesRequest& request = {}) {
    v1::ListSitesResponse response;
    const grpc::Status status = List(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  static const v1::Site* Find(const v1::ListSitesResponse& response, const std::string& name) {
    for (const v1::Site& site : response.sites()) {
      if (site.name() == name) return &site;
    }
    return nullptr;
  }
};

TEST_F(ListSitesTest, ShowsWhatIsStored) {
  PutWorker("mail-1");
  PutWord(kClosed, queue::v1::SiteWord::STATE_CLOSED);
  PutReport("mail-1", kBusy, 12);
  PutOnShelf(kClosed, MailClass::kBulk, "shop", 1, 7'200);
  PutOnShelf(kClosed, MailClass::kBulk, "shop", 2, 3'600);
  PutOnShelf(kClosed, MailClass::kTransactional, "news", 1, 10'800);
  PutMark(kClosed);
  PutWaiting("busy.test", 1);
  PutWaiting("busy.test", 2);
  PutWaiting("other.test", 3);
  StartApi();

  const v1::ListSitesResponse response = List();
  EXPECT_THAT(response.not_read(), IsEmpty());
  EXPECT_THAT(response.workers(), ElementsAre("mail-1"));
  EXPECT_EQ(response.waiting_mails(), 3);
  EXPECT_EQ(response.sites_size(), 2);
  const v1::Site* closed = Find(response, kClosed);
  ASSERT_NE(closed, nullptr);
  EXPECT_EQ(closed->state(), v1::Site::CLOSED);
  EXPECT_EQ(closed->epoch(), 3u);
  EXPECT_EQ(closed->last_failure().reason(), v1::Outcome::TIMEOUT);
  EXPECT_EQ(closed->held().bulk_records(), 2);
  EXPECT_EQ(closed->held().transactional_records(), 1);
  EXPECT_EQ(closed->oldest_time().seconds(), 7'200) << "of the record at the front";
  EXPECT_EQ(closed->in_hand(), 0);
  EXPECT_EQ(closed->keeper(), "mail-1");
  const v1::Site* busy = Find(response, kBusy);
  ASSERT_NE(busy, nullptr);
  EXPECT_EQ(busy->state(), v1::Site::OPEN);
  EXPECT_EQ(busy->in_hand(), 12);
  EXPECT_EQ(busy->waiting_mails(), 2);
  EXPECT_EQ(busy->held().bulk_records(), 0);
  EXPECT_EQ(busy->at_workers(0).share(), 4);
}

TEST_F(ListSitesTest, AShelfWithoutAWordHasTheNameOfItsMark) {
  PutOnShelf(kBusy, MailClass::kBulk, "shop", 1, 7'200);
  PutMark(kBusy);
  StartApi();
  const v1::ListSitesResponse response = List();
  ASSERT_EQ(response.sites_size(), 1);
  EXPECT_EQ(response.sites(0).name(), kBusy);
}

TEST_F(ListSitesTest, PagesHoldEverySiteOnce) {
  for (int i = 0; i < 7; ++i)
    PutWord(absl::StrCat("mx:", i, ".example:25"), queue::v1::SiteWord::STATE_CLOSED);
  StartApi();
  v1::ListSitesRequest request;
  request.set_page_size(3);
  std::set<std::string> names;
  int pages = 0;
  do {
    const v1::ListSitesResponse page = List(request);
    for (const v1::Site& site : page.sites()) EXPECT_TRUE(names.insert(site.name()).second);
    request.set_page_token(page.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(names.size(), 7u);
  EXPECT_EQ(pages, 3);
}

TEST_F(ListSitesTest, IsForOperators) {
  AddToken("shop-secret", "shop", {"shop.test"});
  api_config_.tokens.push_back(
      {.sha256 = HashToken("operator-secret"), .is_operator = true, .name = "operator"});
  StartApi();
  v1::ListSitesResponse response;
  EXPECT_EQ(List({}, &response).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  const grpc::Status refused = List({}, &response, "shop-secret");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ReasonOf(refused), "OPERATORS_ONLY");
  EXPECT_TRUE(List({}, &response, "operator-secret").ok());

  v1::SendMessageResponse sent;
  const grpc::Status no_mail = Send(Hello(), &sent, "operator-secret");
  EXPECT_EQ(no_mail.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ReasonOf(no_mail), "TOKEN_WITHOUT_MAIL");
  v1::Message message;
  EXPECT_EQ(Get(kMessage, &message, "operator-secret").error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(ListSitesTest, WrongFieldsAreNamed) {
  StartApi();
  v1::ListSitesRequest request;
  request.set_page_size(-1);
  v1::ListSitesResponse response;
  const grpc::Status status = List(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("page_size"));
}

TEST_F(ListSitesTest, WithoutABrokerItIsUnavailable) {
  StartApi();
  server_->Stop();
  v1::ListSitesResponse response;
  EXPECT_EQ(List({}, &response).error_code(), grpc::StatusCode::UNAVAILABLE);
}

// The book by itself, before a broker that answers as the test says.
class SiteBookTest : public ListSitesTest {
 protected:
  void SetUp() override {
    ListSitesTest::SetUp();
    watched_ = std::make_unique<queue::WatchedBroker>(*broker_);
  }
  // Nobody listens to what begins so.
  void Lose(std::string prefix) {
    watched_->answer =
        [prefix = std::move(prefix)](const std::string& subject) -> std::optional<queue::IncomingMessage> {
      if (!subject.starts_with(prefix)) return std::nullopt;
      queue::IncomingMessage nobody;
      nobody.status = 503;
      return nobody;
    };
  }
  absl::StatusOr<std::shared_ptr<const SiteTable>> Read() {
    SiteBook book(*watched_, config_.lanes);
    return RunToEnd(book.Read());
  }

  std::unique_ptr<queue::WatchedBroker> watched_;
};

TEST_F(SiteBookTest, WhatCannotBeReadIsNamed) {
  PutWord(kClosed, queue::v1::SiteWord::STATE_CLOSED);
  struct Row {
    std::string lost;
    std::vector<std::string> not_read;
  };
  const Row rows[] = {{"$JS.API.STREAM.INFO.HELD_0", {"held"}},
                      {"$JS.API.STREAM.INFO.WAIT_0", {"released", "waiting"}},
                      {"$JS.API.DIRECT.GET.KV_presence", {"members", "reports"}}};
  for (const Row& row : rows) {
    Lose(row.lost);
    const auto table = Read();
    ASSERT_TRUE(table.ok()) << row.lost << ": " << table.status();
    EXPECT_EQ((*table)->not_read, row.not_read) << row.lost;
  }
}

TEST_F(SiteBookTest, WithoutTheWordsThereIsNoAnswer) {
  Lose("$JS.API.DIRECT.GET.KV_control");
  EXPECT_EQ(Read().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(SiteBookTest, FiguresAreUsedAgainForAWhile) {
  SiteBook book(*watched_, config_.lanes, std::chrono::hours(1));
  ASSERT_TRUE(RunToEnd(book.Read()).ok());
  const std::size_t requests = watched_->requests().size();
  ASSERT_TRUE(RunToEnd(book.Read()).ok());
  EXPECT_EQ(watched_->requests().size(), requests);
}

TEST_F(SiteBookTest, AFailureIsNotUsedAgain) {
  SiteBook book(*watched_, config_.lanes, std::chrono::hours(1));
  Lose("$JS.API.DIRECT.GET.KV_control");
  EXPECT_FALSE(RunToEnd(book.Read()).ok());
  Lose("nothing");
  EXPECT_TRUE(RunToEnd(book.Read()).ok());
}

asio::awaitable<void> ReadInto(SiteBook& book, int& answers) {
  if ((co_await book.Read()).ok()) ++answers;
}

asio::awaitable<bool> ReadTwiceAtOnce(SiteBook& book, TaskGroup& tasks, int& answers) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  for (int i = 0; i < 2; ++i) SpawnLogged(executor, tasks, "read", ReadInto(book, answers));
  co_return co_await AwaitCallback<bool>([&tasks](auto done) { tasks.OnEmpty([done] { done(true); }); });
}

TEST_F(SiteBookTest, WhoAsksMeanwhileGetsTheSameFigures) {
  SiteBook alone(*watched_, config_.lanes, std::chrono::milliseconds(0));
  ASSERT_TRUE(RunToEnd(alone.Read()).ok());
  const std::size_t requests = watched_->requests().size();
  SiteBook book(*watched_, config_.lanes, std::chrono::milliseconds(0));
  TaskGroup tasks;
  int answers = 0;
  ASSERT_TRUE(RunToEnd(ReadTwiceAtOnce(book, tasks, answers)));
  EXPECT_EQ(answers, 2);
  EXPECT_EQ(watched_->requests().size(), 2 * requests);
}

TEST_F(SiteBookTest, TooMuchMailThatWaitsIsCountedForOneSiteOnly) {
  PutReport("mail-1", kBusy, 1);
  PutWorker("mail-1");
  PutWaiting("busy.test", 1);
  PutWaiting("other.test", 2);
  SiteBook book(*watched_, config_.lanes);
  // A broker that says how much there is, and does not list it.
  int infos = 0;
  watched_->answer = [&](const std::string& subject) -> std::optional<queue::IncomingMessage> {
    // The first is for what was released, the second how much there is.
    if (subject != "$JS.API.STREAM.INFO.WAIT_0" || ++infos != 2) return std::nullopt;
    queue::IncomingMessage much;
    static const std::string text = R"({"state":{"messages":20001}})";
    much.data = text;
    return much;
  };
  const auto table = RunToEnd(book.Read());
  ASSERT_TRUE(table.ok());
  EXPECT_EQ((*table)->waiting, 20'001u);
  ASSERT_EQ((*table)->sites.size(), 1u);
  v1::Site site = (*table)->sites[0];
  EXPECT_FALSE(site.has_waiting_mails());
  EXPECT_TRUE(RunToEnd(book.CountWaiting(site)));
  EXPECT_EQ(site.waiting_mails(), 1);
}

// The worker's side of a report.
TEST_F(ListSitesTest, AWorkersReportIsSeenAndGoesWithIt) {
  StartApi();
  PutWorker("mail-1");
  std::atomic<std::size_t> in_hand{5};
  SiteReporter reporter(
      *broker_, io_.context(0).get_executor(), "mail-1",
      [&](std::size_t) {
        SiteSnapshots snapshots;
        snapshots.sites = {{.site = kBusy, .in_hand = in_hand}};
        return snapshots;
      },
      metrics_, std::chrono::milliseconds(50));
  reporter.Start();
  const auto in_hand_seen = [&] {
    SiteBook book(*reader_, config_.lanes);
    const auto table = RunToEnd(book.Read());
    return table.ok() && !(*table)->sites.empty() ? (*table)->sites[0].in_hand() : -1;
  };
  EXPECT_TRUE(test::WaitUntil([&] { return in_hand_seen() == 5; }));
  in_hand = 9;
  EXPECT_TRUE(test::WaitUntil([&] { return in_hand_seen() == 9; }));
  reporter.Stop();
  EXPECT_EQ(in_hand_seen(), -1);
}

}  // namespace
}  // namespace goniec::outbound
