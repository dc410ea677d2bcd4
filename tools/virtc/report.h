// What a command answers, and the one place that prints it.

#ifndef VIRTCONTAINERS_TOOLS_VIRTC_REPORT_H_
#define VIRTCONTAINERS_TOOLS_VIRTC_REPORT_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "virtcontainers/error.h"

namespace virtc {

// Rows of cells, as wide as their widest. Without a header: names and values.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};

// An answer in both of its forms: JSON for programs, lines and tables for people. One with neither prints
// nothing.
struct Report {
  virtcontainers::Json json;
  std::vector<std::variant<std::string, Table>> text;
};

enum class Format { kTable, kJson };

// The report as it is printed, ending in a newline if there is anything.
std::string Render(const Report& report, Format format);

// An error as it is printed.
std::string RenderError(const virtcontainers::Error& error, Format format);

// The same error, with a way out that the library cannot know: "MESSAGE: HINT".
virtcontainers::Error WithHint(const virtcontainers::Error& error, std::string_view hint);

// `text` without anything that a terminal would obey: a guest may have written it. Newlines and tabs stay if
// `lines`, and are shown as \n and \t if not.
std::string Printable(std::string_view text, bool lines);

// All of `text`, to a descriptor of this process.
virtcontainers::Status WriteAll(int fd, std::string_view text);

}  // namespace virtc

#endif  // VIRTCONTAINERS_TOOLS_VIRTC_REPORT_H_
