// Ties a process in a pod to virtc's own standard streams, terminal and signals.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_RELAY_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_RELAY_H_

#include "terminal.h"
#include "virtcontainers/process.h"

namespace virtc {

struct RelayOptions {
  bool input = false;       // standard input is passed on; otherwise the process reads its end at once, or,
  bool keep_input = false;  // with this, its input is left to others
  bool terminal = false;    // the process has one
};

// Blocks until the process has ended and everything it wrote has been written here, and answers how it ended.
// The first SIGINT, SIGTERM, SIGHUP or SIGQUIT is passed on; a second SIGINT or SIGTERM kills the process. If
// nobody reads virtc's output any more, the process is ended as a pipe would end it.
//
// Errors: those of writing virtc's own output; those of Process::Wait; and, for a process that has ended, the
// first error by which a part of its input or of its output may have been lost. A process that does not read
// its input is no error.
//
// A process in the background that keeps the output open is waited for only while it writes.
virtcontainers::Result<virtcontainers::ExitStatus> RelayStreams(virtcontainers::Process& process,
                                                                const RelayOptions& options,
                                                                SignalPipe& signals);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_RELAY_H_
