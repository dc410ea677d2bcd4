// Finding the programs that are installed with the library. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_OWN_PROGRAM_H_
#define VIRTCONTAINERS_SRC_OS_OWN_PROGRAM_H_

#include <string>

#include "virtcontainers/error.h"

namespace virtcontainers {

// The directory of the running program; empty if it is not known.
std::string ProgramDirectory();

// The path of a program of the library: beside the running program, in bin or libexec/virtcontainers beside
// its directory, or where `make install` puts it. The last of these if it is nowhere.
std::string OwnProgram(const std::string& name);

// The same. Errors: NotFound for a program that is nowhere, naming it.
Result<std::string> FindOwnProgram(const std::string& name);

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_OWN_PROGRAM_H_
