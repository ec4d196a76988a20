#include "common/observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace goniec::observe {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, AreRenderedWithHelpAndLabels) {
  Metrics metrics;
  metrics.AddCounter("goniec_mails_total", "Mails.", {{"class", "bulk"}}).Add(2);
  metrics.AddGauge("goniec_sessions", "Sessions now.").Set(7);
  metrics.AddHistogram("goniec_commit_seconds", "Commits.", {0.01, 0.1})
      .Observe(std::chrono::milliseconds(50));
  const std::string text = metrics.Render();
  EXPECT_THAT(text, HasSubstr("# HELP goniec_mails_total Mails.\n"));
  EXPECT_THAT(text, HasSubstr("goniec_mails_total{class=\"bulk\"} 2"));
  EXPECT_THAT(text, HasSubstr("goniec_sessions 7"));
  EXPECT_THAT(text, HasSubstr("goniec_commit_seconds_bucket{le=\"0.01\"} 0"));
  EXPECT_THAT(text, HasSubstr("goniec_commit_seconds_bucket{le=\"0.1\"} 1"));
  EXPECT_THAT(text, HasSubstr("goniec_commit_seconds_sum 0.05"));
}

TEST(Metrics, TheSameNameAndLabelsIsTheSameSeries) {
  Metrics metrics;
  const Counter a = metrics.AddCounter("goniec_x_total", "X.");
  const Counter b = metrics.AddCounter("goniec_x_total", "X.");
  a.Add();
  b.Add(2);
  EXPECT_EQ(a.Value(), 3);
}

TEST(Metrics, AnUnknownLabelValueMakesNoSeries) {
  Metrics metrics;
  const CounterBy by = metrics.AddCounterBy("goniec_rejects_total", "Rejects.", "reason", {"relay", "size"});
  by.With("relay").Add();
  by.With("made up by a peer").Add();
  by.With("also made up").Add();
  const std::string text = metrics.Render();
  EXPECT_THAT(text, HasSubstr("goniec_rejects_total{reason=\"relay\"} 1"));
  EXPECT_THAT(text, HasSubstr("goniec_rejects_total{reason=\"size\"} 0"));
  EXPECT_THAT(text, HasSubstr("goniec_rejects_total{reason=\"other\"} 2"));
  EXPECT_THAT(text, Not(HasSubstr("made up")));
}

TEST(Metrics, AreUpdatedBeforeEachRendering) {
  Metrics metrics;
  const Gauge gauge = metrics.AddGauge("goniec_now", "Now.");
  int renderings = 0;
  metrics.BeforeRender([&] { gauge.Set(++renderings); });
  EXPECT_THAT(metrics.Render(), HasSubstr("goniec_now 1"));
  EXPECT_THAT(metrics.Render(), HasSubstr("goniec_now 2"));
}

TEST(Metrics, TellOfTheProcess) {
  const std::string text = Metrics().Render();
  for (const char* name : {"process_resident_memory_bytes ", "process_open_fds ",
                           "process_cpu_seconds_total ", "process_start_time_seconds "}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
}

}  // namespace
}  // namespace goniec::observe
