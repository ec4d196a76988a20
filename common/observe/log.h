// Log lines: one for each state change, an event in a few fixed words and fields. JSON for machines, text for
// people:
//
//   {"time":"2026-01-02T03:04:05.678Z","level":"info","event":"message accepted","size":10240}
//   03:04:05.678 info  message accepted size=10240
//
// Levels: a peer misbehaves = info, we degrade = warn, our bug = error. Lines go to standard error through a
// buffer that its own thread empties, so that a slow terminal or pipe never blocks an I/O thread; when the
// buffer is full, lines are dropped and a line says how many. Lines that a stranger can cause at will go
// through LogLimited(). Lines of libraries that use spdlog arrive in the same form. Thread-safe. The log
// never sees subjects, metadata, bodies or credentials; addresses go through LogAddress().
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "common/config/document.h"

namespace goniec::observe {

enum class LogFormat { kAuto, kJson, kText };  // kAuto: text on a terminal, else JSON
enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class Privacy { kFull, kDomain, kHash };

// The `log` section of both services.
struct LogConfig {
  // log.format: auto, json or text.
  LogFormat format = LogFormat::kAuto;
  // log.level: debug, info, warn or error.
  LogLevel level = LogLevel::kInfo;
  // log.addresses: how mail addresses are shown. full: as they are; domain: `*@example.org`; hash: the first
  // 16 hexadecimal digits of the SHA-256 of the address, so that one address can be followed but not read.
  Privacy addresses = Privacy::kFull;
  // log.limited_lines: lines a second of each kind that strangers can cause at will (refusals, connections
  // that fail), five times as many at once; a line a second says how many were left out. 1 to 100000.
  int limited_lines = 20;
};
void ReadLogConfig(config::Section section, LogConfig& config);

// Called once in main(), before other threads start; until then lines go to standard error at once, as text.
void StartLog(const LogConfig& config);
// Writes what is buffered and stops the writer. Later lines are written at once.
void StopLog();

// One key=value of a line. Refers to its text: used inside the call only. Any byte is safe in text: it is
// escaped.
class Field {
 public:
  Field(const char* key, std::string_view text) : key_(key), kind_(Kind::kText), text_(text) {}
  Field(const char* key, const char* text) : Field(key, std::string_view(text)) {}
  Field(const char* key, const std::string& text) : Field(key, std::string_view(text)) {}
  Field(const char* key, bool flag) : key_(key), kind_(Kind::kFlag), number_(flag ? 1 : 0) {}
  template <std::integral T>
  Field(const char* key, T number) : key_(key), kind_(Kind::kNumber), number_(static_cast<int64_t>(number)) {}
  // Shown in milliseconds with three decimals; name the key `…_ms`.
  template <typename Rep, typename Period>
  Field(const char* key, std::chrono::duration<Rep, Period> span)
      : key_(key),
        kind_(Kind::kSpan),
        number_(std::chrono::duration_cast<std::chrono::microseconds>(span).count()) {}

  enum class Kind { kText, kFlag, kNumber, kSpan };
  [[nodiscard]] const char* key() const { return key_; }
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] int64_t number() const { return number_; }

 private:
  const char* key_;
  Kind kind_;
  std::string_view text_;
  int64_t number_ = 0;
};

[[nodiscard]] bool LogEnabled(LogLevel level);

// `event` is a literal of a few words.
void Log(LogLevel level, const char* event, std::initializer_list<Field> fields);
inline void Debug(const char* event, std::initializer_list<Field> fields) {
  Log(LogLevel::kDebug, event, fields);
}
inline void Info(const char* event, std::initializer_list<Field> fields) {
  Log(LogLevel::kInfo, event, fields);
}
inline void Warn(const char* event, std::initializer_list<Field> fields) {
  Log(LogLevel::kWarn, event, fields);
}
inline void Error(const char* event, std::initializer_list<Field> fields) {
  Log(LogLevel::kError, event, fields);
}

// The same for lines that a stranger can cause as often as he likes, at most `log.limited_lines` a second of
// one event. What is left out is summed: "log lines left out event=… lines=…".
void LogLimited(LogLevel level, const char* event, std::initializer_list<Field> fields);
inline void InfoLimited(const char* event, std::initializer_list<Field> fields) {
  LogLimited(LogLevel::kInfo, event, fields);
}
inline void WarnLimited(const char* event, std::initializer_list<Field> fields) {
  LogLimited(LogLevel::kWarn, event, fields);
}

// An address as `log.addresses` says (the process's setting, or a given one). The null sender is "<>".
std::string LogAddress(std::string_view address);
std::string LogAddress(std::string_view address, Privacy privacy);
// The process's setting, for text that may hold addresses anywhere: show it under kFull only.
[[nodiscard]] Privacy AddressPrivacy();

}  // namespace goniec::observe
