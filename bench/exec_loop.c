// Runs a command again and again, in the guest: exec_loop COUNT COMMAND [ARGUMENT]... prints the milliseconds of
// each run, a line each. Beside the library's own way of running a command this is what a runtime in the guest takes.

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  for (int left = atoi(argv[1]); left > 0; --left) {
    const double begin = now();
    const pid_t child = vfork();
    if (child == 0) {
      execvp(argv[2], argv + 2);
      _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
      fprintf(stderr, "exec_loop: %s failed with status %d\n", argv[2], status);
      return 1;
    }
    printf("%.3f\n", now() - begin);
  }
  return 0;
}
