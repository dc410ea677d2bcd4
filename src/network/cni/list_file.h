// Finds the configuration list of a network in directories. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_LIST_FILE_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_LIST_FILE_H_

#include <string>

#include "network/cni/list.h"
#include "virtcontainers/error.h"
#include "virtcontainers/network.h"

namespace virtcontainers::cni {

// The list that `options` holds as text, or the one with this name in the first of the directories that has
// one. An empty name takes the list of the first file: of *.conflist, *.conf and *.json, in the order of
// their names. The list has at least one plugin, and the plugin directories of the options, or the default
// ones.
//
// A file that cannot be read as a list does not hide another that can, unless it is the first file and no
// name is given. In version 1.1.0, the files "NAME/*.conf" beside the list add their plugins to it, unless it
// has loadOnlyInlinedPlugins.
//
// Errors: InvalidArgument for a text or a file that is not a list, with the position, and for a directory
// that is not absolute; NotFound, with the directories, the lists that they have, and the files that are
// none; FailedPrecondition for a name that two files of one directory have; those of reading a directory.
Result<List> LoadList(const std::string& name, const CniOptions& options);

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_LIST_FILE_H_
