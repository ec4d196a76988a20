#include "tests/unit/outbound/deliver/session_dialogue.h"

namespace goniec::outbound::testing {

using ::testing::ElementsAreArray;

std::ostream& operator<<(std::ostream& out, const Dialogue& dialogue) {
  return out << dialogue.name;
}

std::string Name(const ::testing::TestParamInfo<Dialogue>& param) {
  return param.param.name;
}

TEST_P(DialogueTest, EndsAsSaid) {
  for (const std::size_t segment : {0, 1, 7}) {
    if (segment != 0 && !GetParam().any_segments) continue;
    SCOPED_TRACE("segments of " + std::to_string(segment));
    ScriptedSession peer(segment);
    peer.mails = {MakeMail(GetParam().recipients)};
    peer.Run(GetParam().script);
    EXPECT_THAT(peer.Results(), ElementsAreArray(GetParam().results));
  }
}

}  // namespace goniec::outbound::testing
