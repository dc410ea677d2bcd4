// A program outside of the tree: opens a root directory and says how many pods it has.

#include <cstdio>

#include "virtcontainers/runtime.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  virtcontainers::RuntimeOptions options;
  options.root = argv[1];
  options.run = argv[2];
  auto runtime = virtcontainers::Runtime::Open(options);
  if (!runtime) {
    std::fprintf(stderr, "%s\n", runtime.error().ToString().c_str());
    return 1;
  }
  const auto pods = runtime->ListPod();
  if (!pods) {
    std::fprintf(stderr, "%s\n", pods.error().ToString().c_str());
    return 1;
  }
  std::printf("pods: %zu\n", pods->size());
  return 0;
}
