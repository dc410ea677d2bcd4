// Names that nobody else has. Host only.

#ifndef VIRTCONTAINERS_SRC_OS_RANDOM_NAME_H_
#define VIRTCONTAINERS_SRC_OS_RANDOM_NAME_H_

#include <string>

namespace virtcontainers {

// 16 hexadecimal digits.
std::string RandomName();

}  // namespace virtcontainers

#endif  // VIRTCONTAINERS_SRC_OS_RANDOM_NAME_H_
