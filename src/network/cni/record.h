// What another process needs to take an attachment back. Host only.

#ifndef VIRTCONTAINERS_SRC_NETWORK_CNI_RECORD_H_
#define VIRTCONTAINERS_SRC_NETWORK_CNI_RECORD_H_

#include <string>
#include <string_view>

#include "network/cni/list.h"
#include "network/cni/request.h"
#include "virtcontainers/error.h"

namespace virtcontainers::cni {

// An attachment to a network. Valid before ADD is called as well, when it has no result.
struct Record {
  List list;
  Request request;
  std::string result;  // CniResult::text; empty: ADD has not ended
};

// As JSON, of at most kMaxRecordBytes.
std::string FormatRecord(const Record& record);

inline constexpr size_t kMaxRecordBytes = 8 << 20;

// Reads what FormatRecord wrote. Errors: DataLoss, with the position or the field, for anything else.
Result<Record> ParseRecord(std::string_view text);

}  // namespace virtcontainers::cni

#endif  // VIRTCONTAINERS_SRC_NETWORK_CNI_RECORD_H_
