// What the callers of many_callers and who watches them tell each other: a file that all of them have mapped.
// A caller that is killed leaves on it what it was doing.

#ifndef VIRTCONTAINERS_TEST_STRESS_BOARD_H_
#define VIRTCONTAINERS_TEST_STRESS_BOARD_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace virtcontainers::stress {

inline constexpr int kMaxCallers = 256;
inline constexpr int kMaxOperations = 32;

struct Slot {
  std::atomic<int64_t> since;  // steady_clock, in ns; 0: between two calls
  char call[120];              // for a person
};

// Zeroes are its beginning.
struct Board {
  std::atomic<bool> ending;  // callers finish what they do, and end
  std::atomic<bool> deaths;
  Slot slots[kMaxCallers];
  struct Operation {
    std::atomic<uint64_t> succeeded, failed;
    std::atomic<int64_t> longest;  // in ns
  } operations[kMaxOperations];

  // Makes the file, or maps the one that is there. It stays mapped.
  static Board* Map(const std::string& path);
};

// A call is on the board while this lives.
class OnBoard {
 public:
  OnBoard(Board& board, int slot, int operation, std::string_view call);
  ~OnBoard();
  OnBoard(const OnBoard&) = delete;
  OnBoard& operator=(const OnBoard&) = delete;

 private:
  Board& board_;
  Slot& slot_;
  const int operation_;
};

int64_t SteadyNow();

}  // namespace virtcontainers::stress

#endif  // VIRTCONTAINERS_TEST_STRESS_BOARD_H_
