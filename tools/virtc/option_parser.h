// Reads words into the variables that options name.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_OPTION_PARSER_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_OPTION_PARSER_H_

#include <string>
#include <vector>

#include "options.h"
#include "virtcontainers/error.h"

namespace virtc {

// An error is wrong usage, in words for the user. What could be read is read all the same.
virtcontainers::Status ReadOptions(const Options& options, std::vector<std::string> words);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_OPTION_PARSER_H_
