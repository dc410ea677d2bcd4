#include "man_page.h"

#include <algorithm>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command.h"

namespace virtc {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string PageOf(const std::string& file) {
  const std::vector<ManPage> pages = ManPages();
  const auto found =
      std::find_if(pages.begin(), pages.end(), [&](const ManPage& page) { return page.file == file; });
  return found == pages.end() ? "no page " + file : found->text;
}

TEST(RoffEscape, TextThatRoffWouldInterpret_IsPrintedAsItIs) {
  EXPECT_EQ(RoffEscape("a-b \\n"), "a\\-b \\en");
  EXPECT_EQ(RoffEscape(".so x\n'br\nno .so"), "\\&.so x\n\\&\\(aqbr\nno .so");
  EXPECT_EQ(RoffEscape("'~^`"), "\\&\\(aq\\(ti\\(ha\\(ga");
}

TEST(ManPages, EveryCommand_HasOneWithAllOfItsOptions) {
  const std::string main = PageOf("virtc.1");
  for (const CommandEntry& entry : Commands()) {
    std::string name = fmt::format("virtc-{}", entry.name);
    std::replace(name.begin(), name.end(), ' ', '-');
    const std::string page = PageOf(name + ".1");
    if (entry.hidden) {
      EXPECT_THAT(page, StartsWith("no page")) << entry.name;
      continue;
    }
    EXPECT_THAT(main, HasSubstr(RoffEscape(name) + "\\fR(1)"));
    EXPECT_THAT(page, HasSubstr("\n.SH NAME\n" + RoffEscape(name)));
    virtc::Options options;
    GlobalOptions globals;
    bool help = false;
    DeclareOptions(*entry.make(), options, globals, help);
    for (const OptionSpec& option : options.specs()) {
      for (const std::string& option_name : option.names)
        EXPECT_THAT(page, HasSubstr(RoffEscape(option_name)));
    }
    for (std::string alias : std::vector<std::string>(entry.aliases.begin(), entry.aliases.end())) {
      std::replace(alias.begin(), alias.end(), ' ', '-');
      EXPECT_EQ(PageOf("virtc-" + alias + ".1"), ".so man1/" + name + ".1\n");
    }
  }
}

TEST(ManPages, OfACommand_HasItsSections) {
  const std::string page = PageOf("virtc-exec.1");
  EXPECT_THAT(page,
              AllOf(HasSubstr(".SH SYNOPSIS\n\\fBvirtc exec\\fR [\\fIOPTIONS\\fR] \\fIPOD[/CONTAINER]\\fR "
                              "\\fICOMMAND\\fR [\\fIARG\\fR...]\n"),
                    HasSubstr(".TP\n\\fB\\-w\\fR, \\fB\\-\\-cwd\\fR, \\fB\\-\\-workdir\\fR \\fIPATH\\fR\n"),
                    HasSubstr(".SS The process\n"), HasSubstr(".SH EXIT STATUS\n"),
                    HasSubstr(".SH EXAMPLES\n.EX\nvirtc exec web ps\n"), Not(HasSubstr("\n\n"))));
}

}  // namespace
}  // namespace virtc
