// The words of all sites (breaker.h), as the bucket `control` has them: followed by one watch, changed by
// compare-and-set. A word that cannot be read leaves its site as it was; one that a later version wrote is
// also never written over. While the bucket cannot be read all sites stay as they were.
//
// Sites are named by their tokens here (outbound/route SiteToken).
//
// Confined to its executor, whose context has one thread.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "goniec/queue/v1/queue.pb.h"
#include "outbound/site/cluster_view.h"

namespace goniec {
class TaskGroup;
}
namespace goniec::observe {
class Metrics;
}
namespace goniec::queue {
class Broker;
}

namespace goniec::outbound {

// "site.<token>"; the token of such a key, empty for another.
std::string WordKey(std::string_view token);
std::string_view TokenOfWord(std::string_view key);

class Words {
 public:
  using Word = queue::v1::SiteWord;
  // What becomes of a word (none: the site is open, epoch 0); nothing if nothing does. One of breaker.h's.
  using Decide = std::function<std::optional<Word>(const std::optional<Word>& word)>;

  struct Known {
    std::optional<Word> word;  // the last one that could be read
    std::uint64_t revision = 0;
    bool later = false;  // a later version's stands there now
  };

  // `writer` stands in what is written. All must outlive it.
  Words(queue::Broker& broker, asio::any_io_executor executor, TaskGroup& tasks, std::string writer,
        observe::Metrics& metrics);
  ~Words();
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;

  // `on_change` is called when a site's view may have changed.
  void Start(std::function<void(const std::string& token)> on_change);
  void Stop();
  // The bucket is followed, and all that is in it was told.
  [[nodiscard]] bool current() const;

  // What is assumed of the site, or else what is known.
  [[nodiscard]] SiteWord ViewOf(const std::string& token) const;
  // Null if there is no word.
  [[nodiscard]] const Known* Find(const std::string& token) const;
  [[nodiscard]] const std::unordered_map<std::string, Known>& all() const;

  // Stores what `decide` makes of the site's word and returns it; nothing if it makes nothing of it. Where
  // another was faster, the word is read anew and decided about anew. `epoch`: a word known here from before
  // that epoch is old and read anew first. ViewOf() says at once, before anything is awaited, what `decide`
  // makes of the word that is known; until this has ended.
  asio::awaitable<absl::StatusOr<std::optional<Word>>> Change(std::string token, Decide decide,
                                                              std::uint64_t epoch = 0);
  // Takes the word away, unless it was changed.
  asio::awaitable<absl::Status> Forget(std::string token);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace goniec::outbound
