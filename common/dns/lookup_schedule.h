// Which DNS question is put to the servers next. Equal questions are put once; what is on top of the limits
// waits; and a question without a quick answer gives way: it is put again in a lane of its own, in which the
// slow ones wait for each other, so that names which nobody answers do not hold up the others.
//
// Used by UnboundResolver, which keeps the clocks and does the asking. Pure: no I/O, no time. Confined to its
// executor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace goniec::dns {

struct Question {
  std::string name;
  int type = 0;

  friend bool operator==(const Question&, const Question&) = default;
  template <typename H>
  friend H AbslHashValue(H hash, const Question& question) {
    return H::combine(std::move(hash), question.name, question.type);
  }
};

enum class Lane {
  kQuick,    // asked shortly: what is answered at all is mostly answered at once
  kPatient,  // asked again, for as long as the time allows
};

class LookupSchedule {
 public:
  struct Limits {
    // Questions that each lane has with the servers at once.
    std::size_t quick = 1;
    std::size_t patient = 1;
    // Requests for an answer, those that share a question included.
    std::size_t requests = 1;
  };
  explicit LookupSchedule(Limits limits) : limits_(limits) {}

  enum class Place {
    kFirst,    // nobody else waits for this answer: its clock starts
    kShared,   // it comes with the answer to an earlier request
    kRefused,  // too many requests
  };
  // Somebody wants an answer.
  Place Ask(const Question& question);

  struct Start {
    Question question;
    Lane lane;
  };
  // The question to put now, which counts as put; nothing if none may be.
  std::optional<Start> Next();

  // A question that was put came back. True: that is the answer. False: it was not conclusive and there is
  // somebody who waits for more; the question is put again in the patient lane.
  bool Answered(const Question& question, bool conclusive);

  // The time of those who wait is over. True if the question had been put to the servers. What is with them
  // cannot be called back and counts until it is answered; who asks meanwhile shares it.
  bool GiveUp(const Question& question);

  // Questions that wait to be put.
  [[nodiscard]] std::size_t waiting() const { return quick_.waiting.size() + patient_.waiting.size(); }
  // Questions that are with the servers.
  [[nodiscard]] std::size_t put() const { return quick_.put + patient_.put; }
  [[nodiscard]] std::size_t requests() const { return requests_; }

 private:
  struct State {
    Lane lane = Lane::kQuick;
    bool put = false;
    std::uint64_t ticket = 0;  // its place among those that wait
    std::size_t requests = 0;
  };
  struct LaneState {
    std::map<std::uint64_t, Question> waiting;
    std::size_t put = 0;
  };

  LaneState& StateOf(Lane lane) { return lane == Lane::kQuick ? quick_ : patient_; }
  void Queue(const Question& question, State& state);

  const Limits limits_;
  absl::flat_hash_map<Question, State> questions_;
  LaneState quick_;
  LaneState patient_;
  std::uint64_t last_ticket_ = 0;
  std::size_t requests_ = 0;
};

}  // namespace goniec::dns
