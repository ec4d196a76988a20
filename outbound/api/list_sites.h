// ListSites: what the queue does with the world, site by site. Called by MailApi, for operators.
#pragma once

#include <asio/awaitable.hpp>
#include <memory>

#include "goniec/v1/queue_service.pb.h"
#include "outbound/api/call.h"

namespace goniec::outbound {

struct ApiContext;

asio::awaitable<void> ListSites(ApiContext& context, Completion<v1::ListSitesResponse> call,
                                std::unique_ptr<v1::ListSitesRequest> request);

}  // namespace goniec::outbound
