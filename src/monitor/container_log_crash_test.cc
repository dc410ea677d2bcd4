// A log whose monitor is killed at any step: what is in it in the end is what the container said.

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "monitor/container_log.h"
#include "monitor/test_output.h"
#include "os/file.h"
#include "os/test_directory.h"
#include "os/test_file_steps.h"

namespace virtcontainers {
namespace {

constexpr uint32_t kMany = 60;  // more files than are ever full
constexpr LogFormat kFormats[] = {LogFormat::kCri, LogFormat::kJson, LogFormat::kPlain};

struct Piece {
  OutputStream stream;
  std::string data;
};

class ContainerLogCrashTest : public testing::Test {
 protected:
  // Lines of both streams, torn and joined as a guest may send them; one of the pieces fills several files.
  // Standard output is in lower case, standard error in upper case.
  static std::vector<Piece> Conversation() {
    std::vector<Piece> said;
    said.push_back({kOut, "first\nsecond that "});
    said.push_back({kErr, "WRONG\n\nOPEN "});
    std::string many = "ends\n";
    for (char c = 'a'; c < 'm'; ++c) many += std::string(20 + c % 7, c) + "\n";
    said.push_back({kOut, many + "left"});
    said.push_back({kErr, "NOT ANY MORE\nUNTIL"});
    // Longer than a line may be.
    said.push_back({kOut, " open" + std::string(700, 'z')});
    said.push_back({kErr, " THE END"});
    said.push_back({kOut, "zz\nlast words"});
    return said;
  }

  static LogConfig Config(LogFormat format, uint32_t files) {
    // A part of a line in JSON is 64 bytes at least.
    const uint64_t size = format == LogFormat::kPlain ? 80 : 170;
    return {.format = format, .max_size = Bytes{size}, .max_files = files};
  }

  static std::unique_ptr<ContainerLog> Open(const std::string& path, const LogConfig& config) {
    // A monitor that is killed before a log has been opened has not started the container.
    const auto position = LogPositionFile::Open(path + ".position");
    if (!position) return nullptr;
    auto log = position->Read() ? ContainerLog::Resume(path, config) : ContainerLog::Open(path, config);
    return log ? std::move(*log) : nullptr;
  }

  // As the guest has it: from where the log goes on.
  static void SayRest(ContainerLog& log, const std::vector<Piece>& said) {
    uint64_t at[2] = {0, 0};
    for (const Piece& piece : said) {
      uint64_t& offset = at[static_cast<int>(piece.stream)];
      const uint64_t end = offset + piece.data.size();
      if (log.next(piece.stream).value_or(0) < end) log.Append(piece.stream, offset, piece.data, kNow);
      offset = end;
    }
    log.Flush(kNow);
  }

  // The same in other pieces and another order of the two streams.
  static void SayOtherwise(ContainerLog& log, const std::vector<Piece>& said, unsigned seed) {
    std::string all[2];
    for (const Piece& piece : said) all[static_cast<int>(piece.stream)] += piece.data;
    std::mt19937 random(seed);
    while (true) {
      const auto rest = [&](OutputStream stream) {
        return all[static_cast<int>(stream)].size() - log.next(stream).value_or(0);
      };
      if (rest(kOut) + rest(kErr) == 0) return log.Flush(kNow);
      const OutputStream stream = random() % 2 == 0 ? kOut : kErr;
      if (rest(stream) == 0) continue;
      const uint64_t from = log.next(stream).value_or(0);
      log.Append(stream, from, all[static_cast<int>(stream)].substr(from, 1 + random() % 300), kNow);
    }
  }

  static std::vector<std::string> Files(const std::string& path, const LogConfig& config) {
    std::vector<std::string> files;
    for (uint32_t age = 0; age <= config.max_files; ++age) {
      files.push_back(TestDirectory::Read(age == 0 ? path : path + "." + std::to_string(age)));
    }
    return files;
  }

  static std::string Joined(const std::vector<std::string>& files) {
    std::string all;
    for (auto file = files.rbegin(); file != files.rend(); ++file) all += *file;
    return all;
  }

  // What of a log was said on one stream; of plain ones without the ends of lines, which have no case.
  static std::string StreamOf(const std::string& log, LogFormat format, OutputStream stream) {
    std::string said;
    if (format == LogFormat::kPlain) {
      for (const char c : log) {
        if (stream == kOut ? std::islower(c) != 0 : std::isupper(c) != 0) said += c;
      }
      return said;
    }
    const std::string name = stream == kOut ? "stdout" : "stderr";
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
      if (format == LogFormat::kJson) {
        const auto json = ParseJson(line);
        EXPECT_TRUE(json) << line;
        if (json && json->value("stream", "") == name) said += json->value("log", "");
        continue;
      }
      const size_t at = line.find(' ') + 1;
      if (line.compare(at, name.size(), name) != 0) continue;
      said += line.substr(at + name.size() + 3);
      if (line[at + name.size() + 1] == 'F') said += '\n';
    }
    return said;
  }

  // What is left of a log if its monitor is killed now.
  static void Copy(const TestDirectory& from, const TestDirectory& to) {
    std::map<uint64_t, uint64_t> inodes;
    const auto inode = [](const std::filesystem::path& path) {
      struct stat info {};
      EXPECT_EQ(::stat(path.c_str(), &info), 0);
      return static_cast<uint64_t>(info.st_ino);
    };
    for (const auto& file : std::filesystem::directory_iterator(from.path())) {
      const std::string copy = to / file.path().filename().string();
      std::filesystem::copy_file(file.path(), copy);
      inodes[inode(file.path())] = inode(copy);
    }
    const auto position_file = LogPositionFile::Open(to / "c.log.position");
    ASSERT_TRUE(position_file);
    auto position = position_file->Read();
    if (!position) return;
    const auto known = inodes.find(position->inode);
    position->inode = known == inodes.end() ? 0 : known->second;
    ASSERT_TRUE(position_file->Write(*position));
  }

  // `run` from the beginning. `check` looks at what is left at each of its steps.
  template <typename Run, typename Check>
  static void KillEverywhere(const Run& run, const Check& check) {
    const TestDirectory directory;
    const int steps = TraceFileSteps(
        [&] { run(directory / "c.log"); },
        [&](const FileStep& step) {
          for (const bool half : {false, true}) {
            if (half && step.half.empty()) break;
            const TestDirectory left;
            Copy(directory, left);
            const std::filesystem::path file(step.file);
            if (half) step.AppendHalf(left / file.filename().string());
            SCOPED_TRACE("killed at step " + std::to_string(step.number) + (half ? ", half way" : ""));
            check(left / "c.log");
          }
          return !HasFailure();
        });
    EXPECT_GT(steps, 30);
  }
};

TEST_F(ContainerLogCrashTest, Log_KilledAtEveryStep_HasEveryLineOnce) {
  const std::vector<Piece> said = Conversation();
  for (const LogFormat format : kFormats) {
    for (const uint32_t files : {1u, 2u, kMany}) {
      const LogConfig config = Config(format, files);
      SCOPED_TRACE("format " + std::to_string(static_cast<int>(format)) + ", " + std::to_string(files) +
                   " files");
      const TestDirectory whole;
      SayRest(*Open(whole / "c.log", config), said);
      const std::vector<std::string> expected = Files(whole / "c.log", config);
      const auto run = [&](const std::string& path) { SayRest(*Open(path, config), said); };
      KillEverywhere(run, [&](const std::string& path) {
        run(path);
        EXPECT_EQ(Files(path, config), expected);
      });
      if (HasFailure()) return;
    }
  }
}

TEST_F(ContainerLogCrashTest, Log_SuccessiveMonitorsKilled_LosesNothing) {
  const std::vector<Piece> said = Conversation();
  std::string all[2];
  for (const Piece& piece : said) all[static_cast<int>(piece.stream)] += piece.data;
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (int round = 0; round < 60; ++round) {
    const LogFormat format = kFormats[round % 3];
    const LogConfig config = Config(format, kMany);
    const TestDirectory directory;
    const std::string path = directory / "c.log";
    for (int life = 0; life < 5; ++life) {
      const unsigned pieces = random();
      const auto run = [&] { SayOtherwise(*Open(path, config), said, pieces); };
      const int last = static_cast<int>(random() % 50);
      const bool half = random() % 2 == 0;
      (void)TraceFileSteps(run, [&](const FileStep& step) {
        if (step.number < last) return true;
        if (half && !step.half.empty() && FileExists(step.file)) step.AppendHalf(step.file);
        return false;
      });
    }
    SayOtherwise(*Open(path, config), said, random());
    const std::string log = Joined(Files(path, config));
    for (const OutputStream stream : {kOut, kErr}) {
      std::string expected = all[static_cast<int>(stream)];
      if (format == LogFormat::kPlain) expected = StreamOf(expected, format, stream);
      ASSERT_EQ(StreamOf(log, format, stream), expected) << "round " << round;
    }
  }
}

// Walks through a log of one stream: what it has comes in order, and what it has not is counted in a note.
void ExpectAllAccountedFor(const std::string& log, const std::string& said) {
  static constexpr std::string_view kNote = " bytes of output were lost here: there was no room for them]\n";
  size_t at = 0;
  for (size_t i = 0; i < log.size();) {
    const size_t note = log[i] == '[' ? log.find(kNote, i) : std::string::npos;
    if (note != std::string::npos && log.find('\n', i) > note) {
      at += std::stoul(log.substr(i + 1, note - i - 1));
      i = note + kNote.size();
      continue;
    }
    ASSERT_LT(at, said.size());
    ASSERT_EQ(log[i], said[at]) << "after " << at << " bytes of what was said:\n" << log;
    ++i;
    ++at;
  }
  EXPECT_EQ(at, said.size()) << log;
}

TEST_F(ContainerLogCrashTest, Log_KilledOnFullDisk_CountsLossOnce) {
  std::string said;
  for (int i = 0; i < 80; ++i) said += "this is line " + std::to_string(i) + "\n";
  // A disk that is full, and a new file that cannot be made, for some of the pieces.
  const int resources[] = {RLIMIT_FSIZE, RLIMIT_NOFILE};
  for (const int resource : resources) {
    for (const uint32_t files : {2u, kMany}) {
      const LogConfig config{.format = LogFormat::kPlain, .max_size = Bytes{150}, .max_files = files};
      const auto say = [&](const std::string& path, bool room) {
        ::signal(SIGXFSZ, SIG_IGN);
        const auto log = Open(path, config);
        for (size_t at = 0; at < said.size(); at += 70) {
          struct rlimit limit {};
          ::getrlimit(resource, &limit);
          const bool full = !room && at > 200 && at < 600;
          limit.rlim_cur = full ? (resource == RLIMIT_FSIZE ? 100 : 0) : limit.rlim_max;
          ::setrlimit(resource, &limit);
          if (log->next(kOut).value_or(0) < at + 70) log->Append(kOut, at, said.substr(at, 70), kNow);
        }
        log->Flush(kNow);
      };
      KillEverywhere([&](const std::string& path) { say(path, false); },
                     [&](const std::string& path) {
                       say(path, true);
                       const std::string log = Joined(Files(path, config));
                       if (files == kMany) ExpectAllAccountedFor(log, said);
                       EXPECT_TRUE(log.ends_with(said.substr(said.size() - 100))) << log;
                     });
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace virtcontainers
