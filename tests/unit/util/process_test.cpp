#include "util/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <thread>
#include <vector>

#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::util {
namespace {

using test::names;

class ProcessTest : public ::testing::Test {
 protected:
  static std::vector<std::string> shell(const std::string& script) {
    return {"/bin/sh", "-c", script};
  }
  std::filesystem::path output() const { return folder_ / "output"; }

  test::TempDir folder_;
};

TEST_F(ProcessTest, OutputAndErrorsAreInTheFile) {
  Process process(shell("echo out; echo err >&2; exit 7"), output());
  EXPECT_EQ(process.wait(), 7);
  EXPECT_EQ(process.wait(), 7) << "asked again";
  EXPECT_TRUE(process.has_ended());
  EXPECT_EQ(read_file(output()), "out\nerr\n");
}

TEST_F(ProcessTest, SignalIs128More) {
  Process process(shell("exec sleep 60"), output());
  EXPECT_FALSE(process.has_ended());
  process.send(SIGTERM);
  EXPECT_EQ(process.wait(), 128 + SIGTERM);
}

TEST_F(ProcessTest, IsKilledAtTheEndOfTheScope) {
  pid_t id = 0;
  {
    const Process process(shell("echo $$; exec sleep 60"), output());
    while (!read_file(output()).ends_with('\n')) std::this_thread::yield();
    id = std::stoi(read_file(output()));
    ASSERT_EQ(::kill(id, 0), 0);
  }
  EXPECT_NE(::kill(id, 0), 0);
}

TEST_F(ProcessTest, ChildrenAreListed) {
  Process process(shell("sleep 60 & echo $!; wait"), output());
  while (!read_file(output()).ends_with('\n')) std::this_thread::yield();
  const std::vector<pid_t> children = process.children();
  ASSERT_EQ(children.size(), 1U);
  EXPECT_EQ(children.front(), std::stoi(read_file(output())));
  ::kill(children.front(), SIGKILL);
  EXPECT_EQ(process.wait(), 0);
}

TEST_F(ProcessTest, ProgramThatIsNotThereIsNamed) {
  EXPECT_THAT(test::error_of([&] { const Process process({"/no/such/program"}, output()); }),
              names("/no/such/program", "No such file or directory"));
}

}  // namespace
}  // namespace superpose::util
