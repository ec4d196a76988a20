// SendMessage: check, compose or normalise, store, and only then say yes. Called by MailApi.
#pragma once

#include <asio/awaitable.hpp>
#include <memory>

#include "goniec/v1/mail_service.pb.h"
#include "outbound/api/call.h"
#include "outbound/api/credentials.h"

namespace goniec::outbound {

struct ApiContext;

// Never throws on purpose; `call` is finished in the end.
asio::awaitable<void> Send(ApiContext& context, Completion<v1::SendMessageResponse> call,
                           std::unique_ptr<v1::SendMessageRequest> request, Caller caller);

}  // namespace goniec::outbound
