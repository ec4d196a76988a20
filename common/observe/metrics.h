// The metrics of a process, in Prometheus' model. Modules register what they count once, in their
// constructors, and keep the handles; a handle is a pointer, adding to it is an atomic operation. Labels are
// fixed at registration (or bounded, CounterBy), so no peer can make the number of series grow. Names:
// goniec_<what>_<unit>[_total]. Thread-safe. Handles are valid as long as the Metrics object, which main()
// makes first and destroys last.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace goniec::observe {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  void Add(double n = 1) const;
  [[nodiscard]] double Value() const;

 private:
  friend class Metrics;
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  prometheus::Counter* counter_;
};

class Gauge {
 public:
  void Set(double value) const;
  void Add(double n = 1) const;
  void Subtract(double n = 1) const;
  [[nodiscard]] double Value() const;

 private:
  friend class Metrics;
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  prometheus::Gauge* gauge_;
};

class Histogram {
 public:
  void Observe(double value) const;
  void Observe(std::chrono::nanoseconds span) const;  // in seconds

 private:
  friend class Metrics;
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
  prometheus::Histogram* histogram_;
};

// One counter for each of the label values named at registration; any other value counts as "other".
class CounterBy {
 public:
  [[nodiscard]] const Counter& With(std::string_view value) const;

 private:
  friend class Metrics;
  std::vector<std::pair<std::string, Counter>> counters_;  // the last is "other"
};

// Bucket bounds in seconds, from 1 ms to 1 min: waits for the broker, commits, replies of peers.
const std::vector<double>& LatencyBuckets();

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same name with the same labels gives the same series again; `help` of the first call stands.
  [[nodiscard]] Counter AddCounter(const std::string& name, const std::string& help,
                                   const Labels& labels = {});
  [[nodiscard]] Gauge AddGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  [[nodiscard]] Histogram AddHistogram(const std::string& name, const std::string& help,
                                       const std::vector<double>& buckets = LatencyBuckets(),
                                       const Labels& labels = {});
  [[nodiscard]] CounterBy AddCounterBy(const std::string& name, const std::string& help,
                                       const std::string& label, const std::vector<std::string_view>& values,
                                       const Labels& labels = {});

  // Called before each rendering, for gauges that are cheaper read than kept. Must stay callable as long as
  // *this.
  void BeforeRender(std::function<void()> update);

  // The text exposition format, process figures (resident memory, CPU time, open files, start time) included.
  [[nodiscard]] std::string Render() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace goniec::observe
