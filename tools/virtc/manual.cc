// virtc __manual

#include <filesystem>
#include <fstream>

#include "base/errors.h"
#include "commands.h"
#include "man_page.h"

namespace virtc {

using virtcontainers::FailErrno;
using virtcontainers::Quoted;
using virtcontainers::Status;

namespace {

class Manual : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("DIRECTORY", directory_, "where the pages are written");
  }

  Status Prepare(const CommandWords&) override { return {}; }

  tl::expected<Outcome, Failure> Run(Session&) override {
    for (const ManPage& page : ManPages()) VIRTC_RETURN_IF_ERROR(Write(page));
    return Outcome{};
  }

 private:
  Status Write(const ManPage& page) const {
    const std::string path = std::filesystem::path(directory_) / page.file;
    std::ofstream file(path, std::ios::trunc);
    file << page.text << std::flush;
    if (!file) return FailErrno("write " + Quoted(path));
    return {};
  }

  std::string directory_;
};

}  // namespace

std::unique_ptr<Command> MakeManual() { return std::make_unique<Manual>(); }

}  // namespace virtc
