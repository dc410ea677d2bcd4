#include "stress/board.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/unique_fd.h"
#include "stress/scratch.h"

namespace virtcontainers::stress {

int64_t SteadyNow() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

Board* Board::Map(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file || ::ftruncate(file.get(), sizeof(Board)) != 0) GiveUp("cannot make " + path);
  void* memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) GiveUp("cannot map " + path);
  return static_cast<Board*>(memory);
}

OnBoard::OnBoard(Board& board, int slot, int operation, std::string_view call)
    : board_(board), slot_(board.slots[slot]), operation_(operation) {
  const size_t length = std::min(call.size(), sizeof(slot_.call) - 1);
  std::memcpy(slot_.call, call.data(), length);
  slot_.call[length] = '\0';
  slot_.since = SteadyNow();
}

OnBoard::~OnBoard() {
  const int64_t took = SteadyNow() - slot_.since.exchange(0);
  std::atomic<int64_t>& longest = board_.operations[operation_].longest;
  int64_t before = longest;
  while (before < took && !longest.compare_exchange_weak(before, took)) {
  }
}

}  // namespace virtcontainers::stress
