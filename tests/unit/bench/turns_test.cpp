#include "bench/turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "small_session.h"
#include "support/names.h"
#include "util/error.h"
#include "util/json.h"

namespace superpose::bench {
namespace {

using test::names;
using testing::SizeIs;
using testing::ThrowsMessage;

std::vector<util::Json> answers_to(Session& session, const std::string& commands) {
  std::istringstream in(commands);
  std::ostringstream out;
  take_turns(session, in, out);
  std::vector<util::Json> answers;
  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) answers.push_back(util::Json::parse(line));
  return answers;
}

TEST(Turns, AnswersEachLineByOne) {
  const auto session = test::small_session({4});
  const auto answers =
      answers_to(*session, "status\nstep 0 1\nstep 1 2\nreset\nstep 0 1\nceiling\nstatus\n");
  ASSERT_THAT(answers, SizeIs(8));
  EXPECT_EQ(answers[0].at("ready"), true);
  EXPECT_EQ(answers[0].at("cases").at(1).at("bag_size"), 4);
  EXPECT_TRUE(answers[1].at("first_step_seconds").is_null());
  EXPECT_EQ(answers[3].at("case"), 1);
  EXPECT_EQ(answers[3].at("steps"), 2);
  EXPECT_THAT(answers[3].at("losses"), SizeIs(2));
  EXPECT_GT(answers[3].at("seconds"), 0);
  EXPECT_EQ(answers[5].at("losses"), answers[2].at("losses"));
  EXPECT_GT(answers[6].at("ceiling"), 0);
  EXPECT_GT(answers[7].at("first_step_seconds"), 0);
  EXPECT_GT(answers[7].at("peak_memory_bytes"), 0);
}

TEST(Turns, RefusesWhatItDoesNotKnow) {
  const auto session = test::small_session({1});
  for (const char* command : {"stop", "step", "step 0", "step 1 1", "step 0 0", "step -1 1", ""}) {
    EXPECT_THAT([&] { answers_to(*session, std::string(command) + "\n"); },
                ThrowsMessage<util::Error>(names("--turns")))
        << command;
  }
}

}  // namespace
}  // namespace superpose::bench
