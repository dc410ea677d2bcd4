#include "os/file_lock.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "os/file.h"
#include "os/test_directory.h"
#include "os/test_no_descriptors.h"

namespace virtcontainers {
namespace {

using namespace std::chrono_literals;

constexpr auto kNow = [] { return Deadline::After(0ns); };
constexpr auto kLong = [] { return Deadline::After(60s); };

TEST(FileLock, Acquire_Free_IsHeldUntilDestroyed) {
  const TestDirectory dir;
  const std::string path = dir / "lock";
  EXPECT_FALSE(FileLock::IsHeld(path).value_or(true));
  {
    Result<FileLock> lock = FileLock::Acquire(path, kNow());
    ASSERT_TRUE(lock);
    EXPECT_TRUE(FileLock::IsHeld(path).value_or(false));
    const FileLock moved = std::move(*lock);
    EXPECT_TRUE(FileLock::IsHeld(path).value_or(false));
    const Result<FileLock> second = FileLock::Acquire(path, kNow());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Code::kDeadlineExceeded);
  }
  EXPECT_FALSE(FileLock::IsHeld(path).value_or(true));
  EXPECT_TRUE(FileLock::Acquire(path, kNow()));
}

TEST(FileLock, Acquire_Held_FailsAtDeadline) {
  const TestDirectory dir;
  const Result<FileLock> lock = FileLock::Acquire(dir / "lock", kNow());
  const auto before = std::chrono::steady_clock::now();
  const Result<FileLock> second = FileLock::Acquire(dir / "lock", Deadline::After(30ms));
  const auto took = std::chrono::steady_clock::now() - before;
  ASSERT_FALSE(second);
  EXPECT_GE(took, 30ms);
  EXPECT_LT(took, 10s);
}

TEST(FileLock, Acquire_ConcurrentThreads_AreMutuallyExcluded) {
  const TestDirectory dir;
  int counter = 0;  // a data race, if the lock does not exclude
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round) {
        const Result<FileLock> lock = FileLock::Acquire(dir / "lock", kLong());
        ASSERT_TRUE(lock);
        EXPECT_EQ(inside.fetch_add(1), 0);
        ++counter;
        inside.fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter, 40);
}

TEST(FileLock, Lock_ProcessDies_IsFree) {
  const TestDirectory dir;
  const std::string path = dir / "lock";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const Result<FileLock> lock = FileLock::Acquire(path, kNow());
    (void)!::write(ready[1], lock ? "y" : "n", 1);
    while (true) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  EXPECT_TRUE(FileLock::IsHeld(path).value_or(false));
  EXPECT_FALSE(FileLock::Acquire(path, kNow()));
  std::future<bool> waiter =
      std::async(std::launch::async, [&] { return FileLock::Acquire(path, kLong()).has_value(); });
  ::kill(child, SIGKILL);
  EXPECT_TRUE(waiter.get());
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(FileLock, IsHeld_NoDescriptors_Fails) {
  const TestDirectory dir;
  const auto lock = FileLock::Acquire(dir / "lock", Deadline::Infinite());
  ASSERT_TRUE(lock);
  Result<bool> held = false;
  {
    const NoDescriptors none;
    held = FileLock::IsHeld(dir / "lock");
  }
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code(), Code::kResourceExhausted);
}

TEST(FileLock, IsHeld_ConcurrentAcquire_DoesNotBlockAcquire) {
  const TestDirectory dir;
  const std::string path = dir / "lock";
  ASSERT_TRUE(FileLock::Acquire(path, kNow()));
  std::atomic<bool> done{false};
  std::thread asker([&] {
    while (!done) (void)FileLock::IsHeld(path);
  });
  for (int i = 0; i < 2000; ++i) EXPECT_TRUE(FileLock::Acquire(path, kNow()));
  done = true;
  asker.join();
}

// Whoever deletes a pod removes its lock's file while others wait for it.
TEST(FileLock, Acquire_FileWasReplaced_LocksNewFile) {
  const TestDirectory dir;
  const std::string path = dir / "lock";
  for (int round = 0; round < 20; ++round) {
    std::optional<Result<FileLock>> first = FileLock::Acquire(path, kLong());
    std::future<Result<FileLock>> waiter =
        std::async(std::launch::async, [&] { return FileLock::Acquire(path, kLong()); });
    if (round % 2 == 0) std::this_thread::yield();
    std::filesystem::remove(path);
    first.reset();
    const Result<FileLock> second = waiter.get();
    ASSERT_TRUE(second);
    EXPECT_TRUE(FileExists(path));
    EXPECT_TRUE(FileLock::IsHeld(path).value_or(false)) << "a lock on a file without a name locks nothing";
  }
}

TEST(FileLock, Acquire_DirectoryIsGone_FailsWithNotFound) {
  const TestDirectory dir;
  EXPECT_EQ(FileLock::Acquire(dir / "nothing/lock", kLong()).error().code(), Code::kNotFound);
  EXPECT_FALSE(FileLock::IsHeld(dir / "nothing/lock").value_or(true));
  std::filesystem::create_directory(dir / "pod");
  std::optional<Result<FileLock>> first = FileLock::Acquire(dir / "pod/lock", kLong());
  std::future<Result<FileLock>> waiter =
      std::async(std::launch::async, [&] { return FileLock::Acquire(dir / "pod/lock", kLong()); });
  std::filesystem::rename(dir / "pod", dir / "trash");
  first.reset();
  const Result<FileLock> second = waiter.get();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kNotFound);
}

TEST(FileLock, Acquire_NotRegularFile_LocksReplacementFile) {
  const TestDirectory dir;
  dir.Write("outside/file", "precious");
  const std::string path = dir / "lock";
  const std::function<int()> damages[] = {
      [&] { return ::mkfifo(path.c_str(), 0600); },
      [&] { return ::mkdir(path.c_str(), 0700); },
      [&] { return ::symlink((dir / "outside/file").c_str(), path.c_str()); },
      [&] { return ::symlink((dir / "outside/new").c_str(), path.c_str()); },
  };
  for (const auto& damage : damages) {
    ASSERT_EQ(damage(), 0);
    EXPECT_FALSE(FileLock::IsHeld(path).value_or(true)) << "nobody holds what is no lock";
    // Of many that find it damaged, one has it at a time.
    std::atomic<int> inside{0}, most{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        const Result<FileLock> lock = FileLock::Acquire(path, kLong());
        ASSERT_TRUE(lock) << lock.error().ToString();
        most = std::max(most.load(), ++inside);
        std::this_thread::sleep_for(1ms);
        --inside;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(most, 1);
    EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::symlink_status(path)));
    std::filesystem::remove(path);
  }
  EXPECT_EQ(TestDirectory::Read(dir / "outside/file"), "precious");
  EXPECT_EQ(dir.Entries("outside"), 1u);
}

// As `cp -al` makes it of a pod that runs.
TEST(FileLock, IsHeld_HardLinkInOtherDirectory_IsFalse) {
  const TestDirectory dir;
  std::filesystem::create_directory(dir / "pod");
  std::filesystem::create_directory(dir / "copy");
  const Result<FileLock> lock = FileLock::Acquire(dir / "pod/lock", kNow());
  ASSERT_TRUE(lock);
  ASSERT_EQ(::link((dir / "pod/lock").c_str(), (dir / "copy/lock").c_str()), 0);
  EXPECT_TRUE(FileLock::IsHeld(dir / "pod/lock").value_or(false));
  EXPECT_FALSE(FileLock::IsHeld(dir / "copy/lock").value_or(true));
  EXPECT_TRUE(FileLock::Acquire(dir / "copy/lock", kNow()));
  // It stays the same lock when its directory is moved.
  std::filesystem::rename(dir / "pod", dir / "moved");
  EXPECT_TRUE(FileLock::IsHeld(dir / "moved/lock").value_or(false));
}

}  // namespace
}  // namespace virtcontainers
