#include "bench/measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "bench/process.h"
#include "bench/report.h"
#include "small_session.h"
#include "util/error.h"
#include "util/process.h"

namespace superpose::bench {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;
using testing::SizeIs;
using testing::ThrowsMessage;

MeasureOptions shortest() { return {.num_blocks = 2, .block_seconds = 0}; }

TEST(SpreadOf, MedianAndExtremes) {
  const Spread odd = spread_of({3, 1, 2});
  EXPECT_EQ(odd.median, 2);
  EXPECT_EQ(odd.lowest, 1);
  EXPECT_EQ(odd.highest, 3);
  EXPECT_EQ(spread_of({4, 1, 2, 3}).median, 2.5);
}

TEST(Process, MemoryAndTimeArePlausible) {
  EXPECT_GT(util::peak_memory_bytes(), std::int64_t{1} << 20);
  EXPECT_GT(seconds_since_start(), 0);
  EXPECT_LT(seconds_since_start(), 3600);
}

TEST(Session, FirstLossIsThatOfGuessing) {
  const auto session = test::small_session({4});
  for (std::size_t index : {0U, 1U}) {
    session->reset();
    EXPECT_NEAR(session->run(index, 1).losses[0], std::log(320.0), 0.05);
  }
}

TEST(Session, LearnsItsBatchAndResets) {
  const auto session = test::small_session({});
  const std::vector<double> losses = session->run(0, 5).losses;
  EXPECT_LT(losses.back(), losses.front());
  session->reset();
  EXPECT_EQ(session->run(0, 5).losses, losses);
}

TEST(Session, TakesTheShapeOfThePreset) {
  train::RunConfig config = test::small_config();
  config.model = {};
  config.model.preset = "tiny";
  EXPECT_EQ(test::small_session({}, config)->model().vocab_size, 256);
}

TEST(Session, RefusesWhatItCannotMeasure) {
  train::RunConfig config = test::small_config();
  config.model.max_positions = 4;
  EXPECT_THAT([&] { test::small_session({}, config); },
              ThrowsMessage<util::Error>(HasSubstr("max_positions (4), got 8")));
}

TEST(Measure, EveryCaseInTurn) {
  const auto session = test::small_session({4, 2});
  const Result result = measure(*session, shortest());
  ASSERT_THAT(result.cases, SizeIs(3));
  EXPECT_GT(result.first_step_seconds, 0);
  EXPECT_THAT(result.ceilings, SizeIs(2));
  for (const CaseResult& item : result.cases) {
    EXPECT_EQ(item.block_steps, 1);
    EXPECT_THAT(item.first_losses, SizeIs(kFirstSteps));
    EXPECT_THAT(item.step_seconds, SizeIs(2));
    EXPECT_THAT(item.step_seconds, Each(Gt(0)));
    EXPECT_LE(item.step.lowest, item.step.median);
    EXPECT_LE(item.step.median, item.step.highest);
  }
  EXPECT_EQ(result.cases[0].ratio.median, 1);
  EXPECT_DOUBLE_EQ(result.cases[1].ratio.highest,
                   std::max(result.cases[1].step_seconds[0] / result.cases[0].step_seconds[0],
                            result.cases[1].step_seconds[1] / result.cases[0].step_seconds[1]));
}

TEST(Measure, RefusesImpossibleOptions) {
  const auto session = test::small_session({});
  EXPECT_THROW(measure(*session, {.num_blocks = 0}), util::Error);
  EXPECT_THROW(measure(*session, {.block_seconds = -1}), util::Error);
}

TEST(Report, JsonHasEveryNumber) {
  const auto session = test::small_session({4});
  const Result result = measure(*session, shortest());
  train::Machine machine;
  machine.cpu = "some CPU: avx2";
  machine.versions = {{"superpose", "9"}};
  const util::Json json = to_json(*session, result, machine);
  EXPECT_EQ(json.at("machine").at("cpu"), "some CPU: avx2");
  EXPECT_EQ(json.at("versions").at("superpose"), "9");
  EXPECT_EQ(json.at("settings").at("vocab_size"), 320);
  EXPECT_EQ(json.at("settings").at("precision"), "f32");
  EXPECT_GT(json.at("peak_memory_bytes"), 0);
  EXPECT_GT(json.at("ceiling_flops").at("median"), 0);
  ASSERT_THAT(json.at("cases"), SizeIs(2));
  for (const util::Json& item : json.at("cases")) {
    double parts = 0;
    for (const util::Json& part : item.at("parts")) {
      parts += part.at("forward_seconds").get<double>() +
               part.at("backward_seconds").get<double>() +
               part.at("weight_gradient_seconds").get<double>();
    }
    EXPECT_NEAR(parts, item.at("recorded_step_seconds").get<double>(), 1e-9);
    EXPECT_NEAR(item.at("positions_per_second").get<double>() *
                    item.at("step_seconds").at("median").get<double>(),
                32, 1e-6);
  }
}

TEST(Report, TextNamesEveryPart) {
  const auto session = test::small_session({4});
  const Result result = measure(*session, shortest());
  std::ostringstream out;
  print_settings(out, *session, {});
  print_result(out, *session, result);
  for (const char* text :
       {"2 layers", "4 rows of 8 positions", "f32 on cpu, 1 thread", "ceiling ", "peak memory",
        "a step of bag 1 goes", "for bag 4 in the JSON", "head and loss", "other"}) {
    EXPECT_THAT(out.str(), HasSubstr(text));
  }
}

}  // namespace
}  // namespace superpose::bench
