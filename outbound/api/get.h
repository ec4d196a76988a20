// GetMessage and GetServerInfo: what is asked and changes nothing. Called by MailApi.
#pragma once

#include <asio/awaitable.hpp>
#include <string>

#include "goniec/v1/mail_service.pb.h"
#include "outbound/api/call.h"
#include "outbound/api/credentials.h"

namespace goniec::outbound {

struct ApiContext;

asio::awaitable<void> Get(ApiContext& context, Completion<v1::Message> call, std::string message_id,
                          Caller caller);

v1::ServerInfo DescribeServer(const ApiContext& context, const Caller& caller);

}  // namespace goniec::outbound
