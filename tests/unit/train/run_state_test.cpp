#include "train/run_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/error_of.h"
#include "support/names.h"

namespace superpose::train {
namespace {

using test::names;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

RunState sample() {
  RunState state;
  state.step = 12;
  state.phase = 1;
  state.optimizer_updates = 12;
  state.consumed = {{{256, {6, 6}}, 96}, {{256, {1, 1}}, 64}};
  state.layout = {1024, 65536};
  state.corpus_fingerprint = "0123456789abcdef";
  state.clocks = {.positions = 4096,
                  .raw_tokens = 9999,
                  .ids_hash = 0xfedcba9876543210,
                  .seconds = 0.1,
                  .wait_seconds = 1.0 / 3,
                  .evaluation_seconds = 2,
                  .checkpoint_seconds = 3};
  state.environment.kernels = "avx2";
  state.settings = {{"train.steps", "20", false}, {"log.every", "5", true}};
  return state;
}

std::string error_of(const util::Json& json) {
  return test::error_of([&] { run_state_from_json(json, "state.json"); });
}

TEST(RunState, JsonRoundTrip) {
  // Through text, as it is on disk: a double must come back with all its bits.
  const RunState state = run_state_from_json(util::parse_json(to_json(sample()).dump(), "x"), "x");
  EXPECT_EQ(to_json(state), to_json(sample()));
  EXPECT_EQ(state.consumed, sample().consumed);
  EXPECT_EQ(state.clocks.ids_hash, sample().clocks.ids_hash);
  EXPECT_EQ(state.clocks.wait_seconds, 1.0 / 3);
  EXPECT_EQ(state.settings, sample().settings);
}

TEST(RunState, OfAMixtureHasItsSourcesAndSlots) {
  RunState mixed = sample();
  mixed.layout = {0, 0};
  mixed.sources = {{"books", "aa", {64, 1000}}, {"web", "bb", {1024, 65536}}};
  mixed.consumed = {{{256, {6, 6}}, 96, {16384, 49152}, {}}, {{256, {1, 1}}, 64, {65536, 0}, {1}}};
  const RunState state = run_state_from_json(util::parse_json(to_json(mixed).dump(), "x"), "x");
  EXPECT_EQ(state.consumed, mixed.consumed);
  EXPECT_EQ(state.sources, mixed.sources);
  EXPECT_THAT(layouts_of(state),
              ElementsAre(data::StreamLayout{64, 1000}, data::StreamLayout{1024, 65536}));
  EXPECT_THAT(layouts_of(sample()), ElementsAre(data::StreamLayout{1024, 65536}));
  EXPECT_THAT(
      to_json(mixed).dump(),
      HasSubstr(R"("lanes":0,"block_tokens":0,"sources":[{"name":"books","fingerprint":"aa",)"
                R"("lanes":64,"block_tokens":1000},)"));
  EXPECT_THAT(to_json(mixed).dump(), HasSubstr(R"("slots":[65536,0],"used_up":[1]})"));
}

// Checkpoints outlive the program that wrote them.
TEST(RunState, TextIsTheFormats) {
  EXPECT_EQ(
      to_json(sample()).dump(),
      R"({"schema":1,"step":12,"phase":1,"optimizer_updates":12,)"
      R"("data":{"fingerprint":"0123456789abcdef",)"
      R"("lanes":1024,"block_tokens":65536,)"
      R"("consumed":[{"bag_size":6,"target_size":6,"sequence_length":256,"rows":96},)"
      R"({"bag_size":1,"target_size":1,"sequence_length":256,"rows":64}],)"
      R"("ids_hash":"fedcba9876543210"},)"
      R"("clocks":{"positions":4096,"raw_tokens":9999,"seconds":0.1,)"
      R"("wait_seconds":0.3333333333333333,"evaluation_seconds":2.0,"checkpoint_seconds":3.0},)"
      R"("environment":{"threads":1,"ranks":1,"micro_batch":1,"device":"","precision":"","cpu":"",)"
      R"("kernels":"avx2","libtorch":""},)"
      R"("settings":{"train.steps":"20"},"operational_settings":{"log.every":"5"}})");
}

TEST(RunState, RefusesWhatItDoesNotKnow) {
  util::Json json = to_json(sample());
  json["schema"] = 2;
  EXPECT_THAT(error_of(json), names("state.json", "version 2"));
  json = to_json(sample());
  json["data"].erase("lanes");
  EXPECT_THAT(error_of(json), HasSubstr("lanes"));
  json = to_json(sample());
  json["step"] = "twelve";
  EXPECT_THAT(error_of(json), HasSubstr("state.json: "));
  json = to_json(sample());
  json["data"]["ids_hash"] = "xyz";
  EXPECT_THAT(error_of(json), HasSubstr("xyz"));
}

TEST(RunState, NamesItsParents) {
  RunState state = sample();
  EXPECT_THAT(to_json(state).dump(), ::testing::Not(HasSubstr("parents")));
  state.parents = {{"branch", "a/step-1", 7, 7, "00ff"}, {"stage", "b/step-2", 12, 0, "11ee"}};
  const RunState read = run_state_from_json(util::parse_json(to_json(state).dump(), "x"), "x");
  EXPECT_EQ(read.parents, state.parents);
  EXPECT_THAT(to_json(state).dump(),
              HasSubstr(R"({"kind":"stage","folder":"b/step-2","step":12,"first_step":0,)"
                        R"("weights":"11ee"})"));
}

}  // namespace
}  // namespace superpose::train
