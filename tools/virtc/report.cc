#include "report.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

#include "base/errors.h"

namespace virtc {

using virtcontainers::CodeName;
using virtcontainers::DumpJson;
using virtcontainers::Error;
using virtcontainers::Json;
using virtcontainers::Status;

namespace {

// Characters, not bytes: UTF-8's continuation bytes take no column.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void AppendTable(const Table& table, std::string& out) {
  std::vector<std::vector<std::string>> rows;
  if (!table.header.empty()) rows.push_back(table.header);
  for (const auto& row : table.rows) {
    auto& cells = rows.emplace_back();
    for (const std::string& cell : row) cells.push_back(cell.empty() ? "-" : Printable(cell, false));
  }

  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    out += '\n';
  }
}

}  // namespace

std::string Printable(std::string_view text, bool lines) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n' || c == '\t') {
      if (lines)
        out += text[i];
      else
        out += c == '\n' ? "\\n" : "\\t";
      continue;
    }
    if (lines && c == '\r') continue;  // half of a console's line end
    // U+0080 to U+009F are controls too, and terminals obey them.
    const bool c1 = c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++i]));
    } else if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string Render(const Report& report, Format format) {
  if (format == Format::kJson) return report.json.is_null() ? "" : DumpJson(report.json) + "\n";
  std::string out;
  for (const auto& part : report.text) {
    if (const auto* table = std::get_if<Table>(&part))
      AppendTable(*table, out);
    else
      out += Printable(std::get<std::string>(part), true) + "\n";
  }
  return out;
}

std::string RenderError(const Error& error, Format format) {
  if (format == Format::kTable) return "virtc: " + Printable(error.ToString(), true) + "\n";
  Json shown{{"code", CodeName(error.code())}, {"message", error.ToString()}};
  if (error.reason() != virtcontainers::Reason::kNone) shown["reason"] = ReasonName(error.reason());
  return DumpJson(Json{{"error", std::move(shown)}}) + "\n";
}

Error WithHint(const Error& error, std::string_view hint) {
  Error hinted = error.Reworded(fmt::format("{}: {}", error.message(), hint));
  for (const std::string& operation : error.context()) hinted.AddContext(operation);
  return hinted;
}

Status WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      // Somebody who shares the terminal or pipe made it non-blocking.
      pollfd ready{fd, POLLOUT, 0};
      (void)::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return virtcontainers::FailErrno(fd == STDERR_FILENO ? "write standard error"
                                                           : "write standard output");
    }
  }
  return {};
}

}  // namespace virtc
