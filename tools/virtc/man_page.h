// The manual pages, made from the table of commands and the options that each declares. (man(7))

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_MAN_PAGE_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_MAN_PAGE_H_

#include <string>
#include <string_view>
#include <vector>

namespace virtc {

struct ManPage {
  std::string file;  // "virtc-pod-create.1"
  std::string text;  // in roff
};

// virtc(1), a page for each command, and for each alias one that leads to its command's.
std::vector<ManPage> ManPages();

// `text` as roff prints it unchanged, wherever in a line it stands.
std::string RoffEscape(std::string_view text);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_MAN_PAGE_H_
