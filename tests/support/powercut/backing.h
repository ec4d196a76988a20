// A Volume's durable state in a real directory: read when it is mounted, written when the power is cut or the
// volume is unmounted. In between the directory is not touched. Called by powercut_main. Regular files and
// directories only.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/support/powercut/volume.h"

namespace goniec::test {

// Everything in the directory, durable.
absl::StatusOr<Volume> LoadVolume(const std::string& directory);

// Afterwards the directory holds what is durable in the volume, and nothing else.
absl::Status StoreDurable(const Volume& volume, const std::string& directory);

}  // namespace goniec::test
