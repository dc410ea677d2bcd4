// A line on the terminal while something takes its time.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_PROGRESS_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_PROGRESS_H_

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace virtc {

// Shows `what` and the seconds gone by on standard error until it is destroyed, and then erases it. Nothing
// at all when standard error is no terminal. Not thread-safe.
class Progress {
 public:
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  void Show();

  const std::string what_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_PROGRESS_H_
