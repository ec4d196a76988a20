// Text into log lines and JSON. Private to this folder. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace goniec::observe {

// Appends `text` as a JSON string with its quotes. Control characters and invalid UTF-8 are shown as \xNN, at
// most about a kilobyte is kept: a peer's bytes cannot break a line, a document or a terminal.
void AppendJsonString(std::string& out, std::string_view text);

// Appends `text` bare if it is one harmless word, else quoted as above.
void AppendLogfmtValue(std::string& out, std::string_view text);

}  // namespace goniec::observe
