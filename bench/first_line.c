// The init of a guest that does nothing: its line on the console is where a bare boot ends.

#include <sys/reboot.h>
#include <unistd.h>

int main(void) {
  static const char line[] = "first line\n";
  (void)!write(1, line, sizeof(line) - 1);
  for (;;) {
    reboot(RB_AUTOBOOT);
    pause();
  }
}
