// A dispatcher against goniec-sink, both real. Everything runs on the test's thread.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/observe/metrics.h"
#include "outbound/deliver/site_pool.h"
#include "outbound/route/route.h"
#include "outbound/site/cluster_view.h"
#include "tests/support/process.h"

namespace goniec::outbound::testing {

// What the sink says of one message, by key; lists as "a,b".
using LogEntry = std::map<std::string, std::string>;

class SinkProcess {
 public:
  // `script` as in tests/support/sink/script.h. `flags` beside those that name the files.
  explicit SinkProcess(const std::string& script = "", std::vector<std::string> flags = {},
                       std::uint16_t port = 0);
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Messages in the order of their ends, those with no or another reply than 2yz included.
  [[nodiscard]] std::vector<LogEntry> Log() const;
  [[nodiscard]] std::string Content(const LogEntry& entry) const;
  [[nodiscard]] const test::TempDir& folder() const { return folder_; }
  void Kill() { process_->Kill(); }

 private:
  test::TempDir folder_;
  std::optional<test::Process> process_;
  std::uint16_t port_ = 0;
};

// Limits that let a test end soon.
DeliverConfig FastConfig();

// What a test says of the cluster; a failure closes the site if it says so.
class FakeView final : public ClusterView {
 public:
  [[nodiscard]] SiteWord WordOf(const std::string& /*site*/) const override { return word; }
  [[nodiscard]] std::size_t ShareOf(std::size_t limit, const std::string& /*site*/) const override {
    return std::min(limit, share);
  }
  [[nodiscard]] double RateShare() const override { return 1; }
  void Failed(const std::string& /*site*/, std::uint64_t epoch, const queue::v1::Outcome& outcome) override;
  void Worked(const std::string& /*site*/, std::uint64_t epoch) override { worked.push_back(epoch); }
  void Contradict(const std::string& /*site*/, std::uint64_t epoch) override {
    contradicted.push_back(epoch);
  }
  void OnChange(std::function<void(const std::string&)> changed) override { changed_ = std::move(changed); }

  // They become so, and the pool is told.
  void Say(SiteWord now);
  void GiveShare(std::size_t now);

  bool closes = false;
  SiteWord word;
  std::size_t share = 1'000;
  // Epochs in which it was told so.
  std::vector<std::uint64_t> worked;
  std::vector<std::uint64_t> failed;
  std::vector<std::uint64_t> contradicted;

 private:
  std::function<void(const std::string&)> changed_;
};

class Delivery {
 public:
  explicit Delivery(DeliverConfig config = FastConfig(),
                    std::shared_ptr<net::TlsClientContext> tls = nullptr);
  ~Delivery();  // drains

  static std::shared_ptr<queue::v1::Mail> MakeMail(const std::vector<std::string>& recipients = {"a@x.test"});
  static std::shared_ptr<const Route> RouteTo(const std::vector<std::uint16_t>& ports, std::string site = "");

  // The number of the job. Its results are in results[number] once it is done, one line each:
  // "delivered DOT ACCEPTED 250 [0]", with " AMBIGUOUS" where it is.
  std::size_t Send(std::shared_ptr<queue::v1::Mail> mail, std::shared_ptr<const Route> route,
                   std::function<void(Job&)> change = {});
  // Runs until it is true; fails the test after `limit`.
  void RunUntil(const std::function<bool()>& condition,
                std::chrono::seconds limit = std::chrono::seconds(30));
  void RunUntilDone();
  // Send and RunUntilDone.
  std::vector<std::string> Run(std::shared_ptr<queue::v1::Mail> mail, std::shared_ptr<const Route> route,
                               std::function<void(Job&)> change = {});
  void StartDrain(std::chrono::milliseconds limit);
  [[nodiscard]] bool drained() const { return drained_; }

  std::map<std::size_t, std::vector<std::string>> results;
  std::map<std::size_t, std::vector<Result>> raw;
  asio::io_context io;
  observe::Metrics metrics;
  FakeView view;
  std::optional<SitePool> dispatcher;

 private:
  std::size_t sent_ = 0;
  bool draining_ = false;
  bool drained_ = false;
};

}  // namespace goniec::outbound::testing
