#include "common/queue/broker/monitoring.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/time/time.h"

namespace goniec::queue {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// Far above what a server says there (10 KiB); what is longer is not a server.
constexpr std::size_t kMaxAnswer = 4 << 20;

struct EasyDelete {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDelete {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

// One question under way. Must not move while curl works on it.
struct Question {
  std::unique_ptr<CURL, EasyDelete> easy;
  std::string body;
  WallTime asked;
  std::optional<ServerSeen> answer;
};

std::size_t TakeBytes(char* data, std::size_t size, std::size_t count, void* user) {
  auto* body = static_cast<std::string*>(user);
  if (body->size() + size * count > kMaxAnswer) return 0;  // curl ends the transfer
  body->append(data, size * count);
  return size * count;
}

bool StartCurl() {
  static const bool started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return started;
}

std::string VarzAddress(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url + "/varz";
}

std::unique_ptr<Question> Ask(CURLM* multi, const std::string& url, milliseconds limit) {
  auto question = std::make_unique<Question>();
  question->easy.reset(curl_easy_init());
  CURL* easy = question->easy.get();
  if (easy == nullptr) return nullptr;
  curl_easy_setopt(easy, CURLOPT_URL, VarzAddress(url).c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");  // a proxy's answer would not be the server's
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, TakeBytes);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &question->body);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, question.get());
  question->asked = std::chrono::system_clock::now();
  curl_multi_add_handle(multi, easy);
  return question;
}

void TakeFinished(CURLM* multi) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE || message->data.result != CURLE_OK) continue;
    Question* question = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &question);
    question->answer = ReadVarz(question->body, question->asked, std::chrono::system_clock::now());
  }
}

std::optional<WallTime> ReadTime(const Json& object, const char* key) {
  const auto found = object.find(key);
  absl::Time time;
  std::string error;
  if (found == object.end() || !found->is_string() ||
      !absl::ParseTime(absl::RFC3339_full, found->get<std::string>(), &time, &error)) {
    return std::nullopt;
  }
  return absl::ToChronoTime(time);
}

}  // namespace

std::optional<ServerSeen> ReadVarz(const std::string& json, WallTime asked, WallTime answered) {
  const Json varz = Json::parse(json, nullptr, false);
  if (!varz.is_object() || !varz.contains("server_name") || !varz["server_name"].is_string())
    return std::nullopt;
  ServerSeen seen;
  seen.name = varz["server_name"].get<std::string>();
  seen.start = ReadTime(varz, "start");
  if (const auto now = ReadTime(varz, "now"); now.has_value()) {
    seen.clock_offset = std::chrono::duration_cast<milliseconds>(*now - (asked + (answered - asked) / 2));
  }
  // The setting is left out when it is off; without "config" JetStream itself is off.
  const auto jetstream = varz.find("jetstream");
  if (jetstream != varz.end() && jetstream->is_object() && jetstream->contains("config")) {
    const Json& config = (*jetstream)["config"];
    if (config.is_object()) seen.fsync = config.contains("sync_always") && config["sync_always"] == true;
  }
  return seen;
}

std::vector<ServerSeen> AskMonitoring(const std::vector<std::string>& urls, milliseconds limit) {
  std::vector<ServerSeen> servers;
  if (urls.empty() || !StartCurl()) return servers;
  std::unique_ptr<CURLM, MultiDelete> multi(curl_multi_init());
  if (multi == nullptr) return servers;
  std::vector<std::unique_ptr<Question>> questions;
  for (const std::string& url : urls) {
    if (auto question = Ask(multi.get(), url, limit)) questions.push_back(std::move(question));
  }
  // Every transfer ends by itself at the limit, so this loop does.
  for (int running = 1; running > 0;) {
    if (curl_multi_perform(multi.get(), &running) != CURLM_OK) break;
    TakeFinished(multi.get());
    if (running > 0 && curl_multi_poll(multi.get(), nullptr, 0, 100, nullptr) != CURLM_OK) break;
  }
  for (const auto& question : questions) {
    curl_multi_remove_handle(multi.get(), question->easy.get());
    if (!question->answer.has_value()) continue;
    const bool known = std::any_of(servers.begin(), servers.end(), [&](const ServerSeen& seen) {
      return seen.name == question->answer->name;
    });
    if (!known) servers.push_back(*std::move(question->answer));
  }
  return servers;
}

}  // namespace goniec::queue
