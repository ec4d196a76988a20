#include "outbound/site/shelf_release.h"

#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "common/base/await.h"
#include "common/base/spawn.h"
#include "common/base/status.h"
#include "common/observe/log.h"
#include "common/queue/broker/broker.h"
#include "goniec/queue/v1/queue.pb.h"

namespace goniec::outbound {
namespace {

struct Running {
  std::deque<asio::awaitable<void>> work;
  std::size_t running = 0;
  std::function<void(bool)> done;
};

asio::awaitable<void> RunOneByOne(std::shared_ptr<Running> all) {
  while (!all->work.empty()) {
    asio::awaitable<void> next = std::move(all->work.front());
    all->work.pop_front();
    // The others are to be done whatever becomes of one.
    try {
      co_await std::move(next);
    } catch (const std::exception& e) {
      observe::Error("a shelf's keeper failed", {{"error", e.what()}});
    }
  }
  if (--all->running == 0) all->done(true);
}

}  // namespace

asio::awaitable<void> RunAll(asio::any_io_executor executor, TaskGroup& tasks,
                             std::vector<asio::awaitable<void>> work, std::size_t at_once) {
  if (work.empty()) co_return;
  const auto all = std::make_shared<Running>();
  for (asio::awaitable<void>& each : work) all->work.push_back(std::move(each));
  const std::size_t lines = std::min(at_once, all->work.size());
  co_await AwaitCallback<bool>([&](std::function<void(bool)> done) {
    all->done = std::move(done);
    all->running = lines;
    for (std::size_t i = 0; i < lines; ++i) SpawnLogged(executor, tasks, "keeper", RunOneByOne(all));
  });
}

std::size_t CountMails(std::string_view record) {
  google::protobuf::UnknownFieldSet fields;
  if (!fields.ParseFromArray(record.data(), static_cast<int>(record.size()))) return 1;
  std::size_t mails = 0;
  for (int i = 0; i < fields.field_count(); ++i) {
    if (fields.field(i).number() == queue::v1::Record::kMailsFieldNumber) ++mails;
  }
  return std::max<std::size_t>(mails, 1);
}

asio::awaitable<absl::StatusOr<ReleasedFromShelf>> ReleaseFromShelf(queue::Broker& broker,
                                                                    queue::ShelfPlace place,
                                                                    std::size_t most) {
  const absl::StatusOr<std::vector<queue::StoredMessage>> records =
      co_await queue::ReadShelf(broker, place, 1, most);
  if (!records.ok()) co_return records.status();
  ReleasedFromShelf result;
  result.records = co_await queue::ReleaseAll(broker, place.lane, *records);
  if (result.records == 0 && !records->empty()) {
    co_return absl::UnavailableError("the first record could not be released");
  }
  // Fewer come also where they are large.
  result.was_empty = records->empty();
  for (std::size_t i = 0; i < result.records; ++i) result.mails += CountMails((*records)[i].data);
  const absl::Status off = co_await queue::TakeOff(broker, place.lane, *records, result.records);
  if (!off.ok()) {
    observe::Warn("released records not taken off their shelf",
                  {{"site", place.site}, {"error", Message(off)}});
  }
  co_return result;
}

}  // namespace goniec::outbound
