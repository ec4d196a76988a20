// Turns an operation that ends by calling a function (on any thread) into an awaitable that resumes on the
// awaiting coroutine's own executor.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <utility>

namespace goniec {

// `start` is called once with a completion function, which must be called exactly once, on any thread, now or
// later. The executor of the coroutine must run until then.
template <typename T, typename Start>
asio::awaitable<T> AwaitCallback(Start start) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto initiate = [executor, start = std::move(start)](auto handler) mutable {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    start([shared, executor](T value) {
      asio::post(executor, [shared, value = std::move(value)]() mutable { (*shared)(std::move(value)); });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(std::move(initiate),
                                                                                  asio::use_awaitable);
}

}  // namespace goniec
