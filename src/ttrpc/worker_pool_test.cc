#include "ttrpc/worker_pool.h"

#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <memory>

namespace virtcontainers::ttrpc {
namespace {

TEST(WorkerPool, Run_MoreTasksThanThreads_RunsUpToBound) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::atomic<int> running = 0;
  std::atomic<int> done = 0;
  {
    WorkerPool pool(3, 2);
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(pool.Submit([&] {
        ++running;
        released.wait();
        ++done;
      }));
    }
    while (running < 3) std::this_thread::yield();
    const Status refused = pool.Submit([] {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
    release.set_value();
    while (done < 5) std::this_thread::yield();
  }
  EXPECT_EQ(done, 5);
}

TEST(WorkerPool, Destructor_TasksWait_DropsThem) {
  auto dropped = std::make_shared<int>(0);
  {
    WorkerPool pool(1, 10);
    std::promise<void> queued;
    ASSERT_TRUE(pool.Submit([&dropped, after = queued.get_future().share()] {
      after.wait();
      // Until the pool is being destroyed: the waiting task has gone then.
      while (dropped.use_count() > 1) std::this_thread::yield();
    }));
    ASSERT_TRUE(pool.Submit([dropped] { ++*dropped; }));
    queued.set_value();
  }
  EXPECT_EQ(*dropped, 0);
}

TEST(WorkerPool, Run_ManyThreads_RunsEveryTask) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(4, 1'000'000);
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pool.Submit([&] { ++done; }));
      });
    }
    for (auto& thread : threads) thread.join();
    while (done < 8000) std::this_thread::yield();
  }
  EXPECT_EQ(done, 8000);
}

}  // namespace
}  // namespace virtcontainers::ttrpc
