#include "common/observe/metrics.h"

#include <dirent.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>

namespace goniec::observe {
namespace {

double ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  long total = 0;
  long resident = 0;
  const int read = std::fscanf(file, "%ld %ld", &total, &resident);
  std::fclose(file);
  return read == 2 ? static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double OpenFiles() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  double count = -3;  // ".", ".." and the folder itself
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

}  // namespace

void Counter::Add(double n) const {
  counter_->Increment(n);
}
double Counter::Value() const {
  return counter_->Value();
}
void Gauge::Set(double value) const {
  gauge_->Set(value);
}
void Gauge::Add(double n) const {
  gauge_->Increment(n);
}
void Gauge::Subtract(double n) const {
  gauge_->Decrement(n);
}
double Gauge::Value() const {
  return gauge_->Value();
}
void Histogram::Observe(double value) const {
  histogram_->Observe(value);
}
void Histogram::Observe(std::chrono::nanoseconds span) const {
  histogram_->Observe(std::chrono::duration<double>(span).count());
}

const Counter& CounterBy::With(std::string_view value) const {
  for (const auto& [name, counter] : counters_) {
    if (name == value) return counter;
  }
  return counters_.back().second;
}

const std::vector<double>& LatencyBuckets() {
  static const std::vector<double> buckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                              0.5,   1,      2.5,   5,    10,    30,   60};
  return buckets;
}

struct Metrics::State {
  prometheus::Registry registry;
  std::mutex mutex;
  std::vector<std::function<void()>> updates;
};

Metrics::Metrics() : state_(std::make_unique<State>()) {
  const Gauge resident = AddGauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  const Gauge files = AddGauge("process_open_fds", "Number of open file descriptors.");
  const Counter cpu =
      AddCounter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");
  const Gauge start =
      AddGauge("process_start_time_seconds", "Start time of the process since the Unix epoch.");
  start.Set(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
  BeforeRender([=] {
    resident.Set(ResidentBytes());
    files.Set(OpenFiles());
    cpu.Add(CpuSeconds() - cpu.Value());
  });
}

Metrics::~Metrics() = default;

Counter Metrics::AddCounter(const std::string& name, const std::string& help, const Labels& labels) {
  return Counter(&prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry).Add(labels));
}

Gauge Metrics::AddGauge(const std::string& name, const std::string& help, const Labels& labels) {
  return Gauge(&prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry).Add(labels));
}

Histogram Metrics::AddHistogram(const std::string& name, const std::string& help,
                                const std::vector<double>& buckets, const Labels& labels) {
  return Histogram(
      &prometheus::BuildHistogram().Name(name).Help(help).Register(state_->registry).Add(labels, buckets));
}

CounterBy Metrics::AddCounterBy(const std::string& name, const std::string& help, const std::string& label,
                                const std::vector<std::string_view>& values, const Labels& labels) {
  CounterBy by;
  const auto add = [&](std::string value) {
    Labels with = labels;
    with[label] = value;
    by.counters_.emplace_back(std::move(value), AddCounter(name, help, with));
  };
  for (const std::string_view value : values) add(std::string(value));
  add("other");
  return by;
}

void Metrics::BeforeRender(std::function<void()> update) {
  const std::lock_guard lock(state_->mutex);
  state_->updates.push_back(std::move(update));
}

std::string Metrics::Render() const {
  const std::lock_guard lock(state_->mutex);
  for (const auto& update : state_->updates) update();
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace goniec::observe
