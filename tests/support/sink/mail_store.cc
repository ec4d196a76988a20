#include "tests/support/sink/mail_store.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "tests/support/sink/envelope.h"

namespace goniec::sink {
namespace {

absl::Status FileError(std::string_view doing, const std::string& path) {
  return absl::UnavailableError(absl::StrCat(ToAbsl(doing), " ", path, ": ", std::strerror(errno)));
}

std::string Sha256(std::string_view content) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(content.data()), content.size(), digest.data());
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

std::string JsonList(const std::vector<std::string>& items) {
  return absl::StrCat("[",
                      absl::StrJoin(items, ",",
                                    [](std::string* out, const std::string& item) {
                                      absl::StrAppend(out, JsonString(item));
                                    }),
                      "]");
}

std::string JsonLine(const ReceivedMail& mail, std::string_view content, const std::string& file) {
  return absl::StrCat(
      "{\"time\":\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone()), "\"",
      ",\"connection\":", mail.connection, ",\"transaction\":", mail.transaction,
      ",\"peer\":", JsonString(mail.peer), ",\"helo\":", JsonString(mail.helo),
      ",\"esmtp\":", mail.esmtp ? "true" : "false", ",\"tls\":", JsonString(mail.tls),
      ",\"mail_from\":", JsonString(mail.mail_from), ",\"mail_parameters\":", JsonList(mail.mail_parameters),
      ",\"rcpts\":", JsonList(mail.rcpts), ",\"size\":", mail.size,
      ",\"chunked\":", mail.chunked ? "true" : "false", ",\"sha256\":", JsonString(Sha256(content)),
      ",\"id\":", JsonString(ReceivedId(content)), ",\"file\":", JsonString(file),
      ",\"accepted\":", mail.accepted ? "true" : "false", ",\"outcome\":", JsonString(mail.outcome), "}\n");
}

absl::Status WriteAll(int file, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("cannot write", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

std::string JsonString(std::string_view bytes) {
  std::string quoted = "\"";
  const std::string text = IsValidUtf8(bytes) ? std::string(bytes) : Printable(bytes, bytes.size() * 4);
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&quoted, "\\u00", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

absl::StatusOr<std::unique_ptr<MailStore>> MailStore::Open(const StoreOptions& options) {
  std::unique_ptr<MailStore> store(new MailStore());
  store->maildir_ = options.maildir;
  for (const char* part : {"", "/tmp", "/new", "/cur"}) {
    if (options.maildir.empty()) break;
    const std::string folder = options.maildir + part;
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return FileError("cannot make folder", folder);
  }
  std::string log = options.log;
  if (log.empty() && !options.maildir.empty()) log = options.maildir + "/log.jsonl";
  if (log.empty()) return store;
  store->log_ = log == "-" ? stdout : std::fopen(log.c_str(), "ae");
  if (store->log_ == nullptr) return FileError("cannot open", log);
  return store;
}

MailStore::~MailStore() {
  if (log_ != nullptr && log_ != stdout) std::fclose(log_);
}

// The Maildir way: in tmp under a name that nobody has, then into new, so that no reader sees half a message.
absl::StatusOr<std::string> MailStore::WriteFile(std::string_view content) {
  const std::string name =
      absl::StrCat(absl::ToUnixSeconds(absl::Now()), ".P", getpid(), "Q", ++files_, ".sink");
  const std::string temporary = absl::StrCat(maildir_, "/tmp/", name);
  const std::string final_path = absl::StrCat(maildir_, "/new/", name);
  const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return FileError("cannot create", temporary);
  const absl::Status written = WriteAll(file, content, temporary);
  close(file);
  GONIEC_RETURN_IF_ERROR(written);
  if (rename(temporary.c_str(), final_path.c_str()) != 0) return FileError("cannot create", final_path);
  return absl::StrCat("new/", name);
}

absl::Status MailStore::Add(const ReceivedMail& mail, std::string_view content) {
  const bool refused = mail.outcome.starts_with('4') || mail.outcome.starts_with('5');
  std::string name;
  if (!maildir_.empty() && !refused) {
    absl::StatusOr<std::string> written = WriteFile(content);
    if (!written.ok()) return written.status();
    name = *std::move(written);
  }
  if (log_ == nullptr) return absl::OkStatus();
  const std::string line = JsonLine(mail, content, name);
  if (std::fwrite(line.data(), 1, line.size(), log_) != line.size() || std::fflush(log_) != 0) {
    return FileError("cannot write", "the log");
  }
  return absl::OkStatus();
}

}  // namespace goniec::sink
