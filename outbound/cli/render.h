// Answers of the API as text: for a person (aligned, bytes of strangers made harmless) or for a script (one
// line of JSON, field names as in the proto). Pure.
#pragma once

#include <string>
#include <vector>

#include "goniec/v1/mail_service.pb.h"

namespace goniec::cli {

// Columns as wide as their widest cell, two spaces between, no space at line ends. The first row is the
// heading.
std::string Table(const std::vector<std::vector<std::string>>& rows);

// "250 2.0.0 Ok, from mx.example [192.0.2.1]:25, TLSv1.3, 31 ms"; empty if there was no attempt.
std::string OutcomeText(const v1::Outcome& outcome);

std::string MessageText(const v1::Message& message);
std::string DurabilityText(const v1::Durability& durability);
std::string ServerInfoText(const v1::ServerInfo& info);

// With a line end.
std::string Json(const google::protobuf::Message& message);

}  // namespace goniec::cli
