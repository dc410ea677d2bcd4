// Kernel modules of the initramfs.

#ifndef VIRTCONTAINERS_GUEST_AGENT_OS_KERNEL_MODULE_H_
#define VIRTCONTAINERS_GUEST_AGENT_OS_KERNEL_MODULE_H_

#include <string>
#include <string_view>
#include <vector>

#include "virtcontainers/error.h"

namespace virtcontainers::guest {

// Loads the modules listed in /lib/modules/load-order, one path a line. One that cannot be loaded is a line
// in the log: the kernel may well do without it. No list is fine.
void LoadBootModules();

// Loads a module and what it needs, by name, from /lib/modules/modules.dep. Loaded already, or built in, is
// fine; NOT_FOUND if the image does not have it. Blocks for as long as the module's start does.
Status LoadModule(const std::string& name, const std::string& parameters = {});

// The paths to load for `name`, dependencies first, from a text of lines "name: path dependency-path...". '-'
// and '_' are the same in a name. NOT_FOUND if there is no such line; a line without a path is built into the
// kernel.
Result<std::vector<std::string>> ModulePaths(std::string_view dependencies, std::string_view name);

}  // namespace virtcontainers::guest

#endif  // VIRTCONTAINERS_GUEST_AGENT_OS_KERNEL_MODULE_H_
