// Starts threads on a host that may have none left. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_THREAD_H_
#define VIRTCONTAINERS_SRC_OS_THREAD_H_

#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/errors.h"
#include "virtcontainers/error.h"

namespace virtcontainers {

// A thread that runs `body`. Errors: ResourceExhausted when the host or the caller's limits allow no more.
template <typename Body>
Result<std::thread> StartThread(Body&& body) {
  try {
    return std::thread(std::forward<Body>(body));
  } catch (const std::system_error& error) {
    return Fail(Code::kResourceExhausted, std::string("start a thread: ") + error.what());
  }
}

// Makes something that starts threads as it is made. Errors: the same.
template <typename Make>
Status StartThreads(Make&& make) {
  try {
    std::forward<Make>(make)();
    return {};
  } catch (const std::system_error& error) {
    return Fail(Code::kResourceExhausted, std::string("start a thread: ") + error.what());
  }
}

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_THREAD_H_
