#include "common/observe/log.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <map>
#include <mutex>

#include "common/base/text.h"
#include "common/observe/escape.h"
#include "common/observe/line_limit.h"
#include "common/observe/line_writer.h"

namespace goniec::observe {
namespace {

constexpr size_t kMaxBuffered = 4 << 20;
// A limited event may write the lines of so many seconds at once.
constexpr int kBurstSeconds = 5;

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warn", "error"};

std::atomic<bool> json{false};
std::atomic<LogLevel> least_level{LogLevel::kInfo};
std::atomic<Privacy> address_privacy{Privacy::kFull};

std::atomic<int> limited_lines{LogConfig().limited_lines};

std::string DroppedLine(uint64_t lines);
std::string LeftOutLines();

// Lives for ever: threads may log until the very end of the process.
LineWriter& Writer() {
  static LineWriter& writer = *new LineWriter(STDERR_FILENO, kMaxBuffered, DroppedLine, LeftOutLines);
  return writer;
}

void AppendThreeDigits(std::string& out, int64_t value) {
  out += static_cast<char>('0' + value / 100);
  out += static_cast<char>('0' + value / 10 % 10);
  out += static_cast<char>('0' + value % 10);
}

// "2026-01-02T03:04:05.678Z" or, for people, "03:04:05.678".
void AppendTime(std::string& out, bool full) {
  thread_local std::time_t formatted = -1;
  thread_local std::array<char, 32> text;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != formatted) {
    tm parts{};
    gmtime_r(&now.tv_sec, &parts);
    strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    formatted = now.tv_sec;
  }
  out += full ? text.data() : text.data() + 11;
  out += '.';
  AppendThreeDigits(out, now.tv_nsec / 1'000'000);
  if (full) out += 'Z';
}

void AppendHead(std::string& out, LogLevel level, std::string_view event) {
  const std::string_view name = kLevelNames[static_cast<size_t>(level)];
  if (json.load(std::memory_order_relaxed)) {
    out += R"({"time":")";
    AppendTime(out, true);
    out += R"(","level":")";
    out += name;
    out += R"(","event":)";
    AppendJsonString(out, event);
    return;
  }
  AppendTime(out, false);
  out += ' ';
  out += name;
  out.append(6 - name.size(), ' ');
  out += Printable(event, 1024);
}

void AppendValue(std::string& out, const Field& field, bool as_json) {
  switch (field.kind()) {
    case Field::Kind::kText:
      if (as_json) {
        AppendJsonString(out, field.text());
      } else {
        AppendLogfmtValue(out, field.text());
      }
      return;
    case Field::Kind::kFlag:
      out += field.number() != 0 ? "true" : "false";
      return;
    case Field::Kind::kNumber:
      out += fmt::format_int(field.number()).c_str();
      return;
    case Field::Kind::kSpan:
      if (field.number() < 0) out += '-';
      out += fmt::format_int(std::abs(field.number()) / 1000).c_str();
      out += '.';
      AppendThreeDigits(out, std::abs(field.number()) % 1000);
      return;
  }
}

void AppendFields(std::string& out, std::initializer_list<Field> fields) {
  const bool as_json = json.load(std::memory_order_relaxed);
  for (const Field& field : fields) {
    out += as_json ? ",\"" : " ";
    out += field.key();
    out += as_json ? "\":" : "=";
    AppendValue(out, field, as_json);
  }
  if (as_json) out += '}';
  out += '\n';
}

std::string DroppedLine(uint64_t lines) {
  std::string line;
  AppendHead(line, LogLevel::kWarn, "log lines dropped because they were not read fast enough");
  AppendFields(line, {{"lines", lines}});
  return line;
}

// The limited events, by their names: literals, so there are few.
struct LimitedEvents {
  std::mutex mutex;
  std::map<std::string_view, LineLimit> limits;
};
LimitedEvents& Limited() {
  static LimitedEvents& events = *new LimitedEvents;
  return events;
}

std::string LeftOutLines() {
  std::string lines;
  const std::lock_guard lock(Limited().mutex);
  for (auto& [event, limit] : Limited().limits) {
    const uint64_t left_out = limit.TakeLeftOut();
    if (left_out == 0) continue;
    AppendHead(lines, LogLevel::kWarn, "log lines left out");
    AppendFields(lines, {{"of", event}, {"lines", left_out}, {"limit", "log.limited_lines"}});
  }
  return lines;
}

void Write(LogLevel level, std::string_view event, std::initializer_list<Field> fields) {
  thread_local std::string line;  // keeps its memory
  line.clear();
  AppendHead(line, level, event);
  AppendFields(line, fields);
  Writer().Append(line, level >= LogLevel::kWarn);
}

LogLevel FromSpdlog(spdlog::level::level_enum level) {
  if (level >= spdlog::level::err) return LogLevel::kError;
  if (level == spdlog::level::warn) return LogLevel::kWarn;
  return level == spdlog::level::info ? LogLevel::kInfo : LogLevel::kDebug;
}

// Brings plain spdlog calls into the same form.
class SpdlogSink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    Write(FromSpdlog(message.level), std::string_view(message.payload.data(), message.payload.size()), {});
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}
};

std::string Sha256Start(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::string hex;
  for (size_t i = 0; i < 8; ++i) fmt::format_to(std::back_inserter(hex), "{:02x}", digest[i]);
  return hex;
}

}  // namespace

void ReadLogConfig(config::Section section, LogConfig& config) {
  section.Choice<LogFormat>(
      "format", config.format,
      {{"auto", LogFormat::kAuto}, {"json", LogFormat::kJson}, {"text", LogFormat::kText}});
  section.Choice<LogLevel>("level", config.level,
                           {{"debug", LogLevel::kDebug},
                            {"info", LogLevel::kInfo},
                            {"warn", LogLevel::kWarn},
                            {"error", LogLevel::kError}});
  section.Choice<Privacy>("addresses", config.addresses,
                          {{"full", Privacy::kFull}, {"domain", Privacy::kDomain}, {"hash", Privacy::kHash}});
  section.Integer<int>("limited_lines", config.limited_lines, {1, 100'000});
}

void StartLog(const LogConfig& config) {
  json =
      config.format == LogFormat::kJson || (config.format == LogFormat::kAuto && isatty(STDERR_FILENO) == 0);
  least_level = config.level;
  address_privacy = config.addresses;
  limited_lines = config.limited_lines;
  const auto logger = std::make_shared<spdlog::logger>("", std::make_shared<SpdlogSink>());
  static constexpr std::array kSpdlogLevels = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                               spdlog::level::err};
  logger->set_level(kSpdlogLevels[static_cast<size_t>(config.level)]);
  spdlog::set_default_logger(logger);
  Writer().Start();
  static std::once_flag once;
  std::call_once(once, [] { std::atexit(StopLog); });
}

void StopLog() {
  Writer().Stop();
}

bool LogEnabled(LogLevel level) {
  return level >= least_level.load(std::memory_order_relaxed);
}

void Log(LogLevel level, const char* event, std::initializer_list<Field> fields) {
  if (LogEnabled(level)) Write(level, event, fields);
}

void LogLimited(LogLevel level, const char* event, std::initializer_list<Field> fields) {
  if (!LogEnabled(level)) return;
  bool admitted = false;
  {
    const std::lock_guard lock(Limited().mutex);
    const double rate = limited_lines.load(std::memory_order_relaxed);
    LineLimit& limit = Limited().limits.try_emplace(event, rate, rate * kBurstSeconds).first->second;
    admitted = limit.Admit(std::chrono::steady_clock::now());
  }
  if (admitted) return Write(level, event, fields);
  Writer().Owe();
}

Privacy AddressPrivacy() {
  return address_privacy.load(std::memory_order_relaxed);
}

std::string LogAddress(std::string_view address) {
  return LogAddress(address, address_privacy);
}

std::string LogAddress(std::string_view address, Privacy privacy) {
  if (address.empty()) return "<>";
  switch (privacy) {
    case Privacy::kFull:
      return std::string(address);
    case Privacy::kDomain: {
      // The last @: a quoted local part may hold others (RFC 5321 §4.1.2).
      const size_t at = address.rfind('@');
      return at == std::string_view::npos ? "*" : "*" + std::string(address.substr(at));
    }
    case Privacy::kHash:
      return Sha256Start(AsciiLower(address));
  }
  return "*";
}

}  // namespace goniec::observe
