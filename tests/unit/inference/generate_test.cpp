#include "inference/generate.h"

#include <ATen/Parallel.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/error_of.h"
#include "support/names.h"
#include "unit/model/small_decoder.h"

namespace superpose::inference {
namespace {

using test::names;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using Ids = std::vector<std::int32_t>;

// Larger initial weights than those of training: texts that do not repeat one token.
test::SmallDecoder lively(model::ModelConfig shape = test::small_config()) {
  shape.init_std = 0.3;
  return test::SmallDecoder(shape);
}

std::vector<Ids> some_prompts(const std::vector<std::int64_t>& lengths) {
  std::vector<Ids> prompts;
  for (const std::int64_t length : lengths) {
    const at::Tensor ids = test::random_ids(64, {length});
    const auto* first = ids.const_data_ptr<std::int64_t>();
    prompts.emplace_back(first, first + length);
  }
  return prompts;
}

std::vector<Generated> run(const model::Decoder& decoder, const std::vector<Ids>& prompts,
                           const GenerationConfig& config) {
  std::vector<Generated> texts(prompts.size());
  std::vector<Ids> heard(prompts.size());
  const auto stats = generate(
      decoder, prompts, config,
      {.token =
           [&](std::size_t prompt, std::int32_t id) {
             heard[prompt].push_back(id);
             return true;
           },
       .done = [&](std::size_t prompt, Generated text) { texts[prompt] = std::move(text); }});
  std::int64_t read = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(heard[i], texts[i].ids);
    // A prompt that fills the context is not read.
    const bool is_full = texts[i].reason == StopReason::kContext && texts[i].ids.empty();
    if (!is_full) read += static_cast<std::int64_t>(prompts[i].size());
  }
  EXPECT_EQ(stats.prompt_tokens, read);
  return texts;
}

// The most likely token after `ids`, by a pass over all of them.
std::int32_t best_after(const model::Decoder& decoder, const Ids& ids) {
  const std::vector<std::int64_t> all(ids.begin(), ids.end());
  const auto length = static_cast<std::int64_t>(all.size());
  const at::Tensor logits = decoder.logits(at::tensor(all, at::kLong).view({1, length, 1}));
  return static_cast<std::int32_t>(logits[0][-1].argmax().item<std::int64_t>());
}

TEST(Generate, TakesTheMostLikelyTokenOfEveryArchitecture) {
  for (const auto& [name, shape] : test::architectures()) {
    const test::SmallDecoder model = lively(shape);
    const std::vector<Ids> prompts = some_prompts({1, 9, 4});
    const auto texts = run(model.decoder, prompts, {.max_tokens = 20, .batch = 2});
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_EQ(texts[i].reason, StopReason::kLength);
      ASSERT_THAT(texts[i].ids, SizeIs(20));
      Ids ids = prompts[i];
      for (const std::int32_t id : texts[i].ids) {
        EXPECT_EQ(id, best_after(model.decoder, ids)) << name << " after " << ids.size();
        ids.push_back(id);
      }
    }
  }
}

TEST(Generate, GivesAPromptTheSameTextInEveryBatchAndOnAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  for (const auto& [name, shape] : test::architectures()) {
    const test::SmallDecoder model = lively(shape);
    const std::vector<Ids> prompts = some_prompts({3, 30, 1, 7, 12, 5});
    GenerationConfig config{.sampling = {.repetition_penalty = 1.1,
                                         .temperature = 0.9,
                                         .top_k = 40,
                                         .top_p = 0.95,
                                         .seed = 5},
                            .max_tokens = 25,
                            .ends = {1},
                            .batch = 1};
    at::set_num_threads(1);
    const auto alone = run(model.decoder, prompts, config);
    for (const auto& [batch, count] : {std::pair(6, 1), std::pair(3, 3), std::pair(4, 2)}) {
      config.batch = batch;
      at::set_num_threads(count);
      const auto texts = run(model.decoder, prompts, config);
      for (std::size_t i = 0; i < prompts.size(); ++i) {
        EXPECT_EQ(texts[i].ids, alone[i].ids) << name << ", prompt " << i << ", batch " << batch;
        EXPECT_EQ(texts[i].reason, alone[i].reason);
      }
    }
  }
  at::set_num_threads(threads);
}

TEST(Generate, SaysWhyATextEnded) {
  const test::SmallDecoder model = lively();
  const std::vector<Ids> prompts = some_prompts({4});
  const Ids whole = run(model.decoder, prompts, {.max_tokens = 30}).front().ids;
  const auto is_new = [&](std::size_t i) {
    const auto at = whole.begin() + static_cast<std::ptrdiff_t>(i);
    return std::find(whole.begin(), at, *at) == at;
  };
  std::size_t end = 3;
  while (!is_new(end)) ++end;
  const auto ended = run(model.decoder, prompts, {.max_tokens = 30, .ends = {60000, whole[end]}});
  EXPECT_EQ(ended[0].reason, StopReason::kEnd);
  EXPECT_EQ(ended[0].ids, Ids(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(end)));

  std::vector<Generated> stopped;
  generate(model.decoder, prompts, {.max_tokens = 30},
           {.token = [&](std::size_t, std::int32_t id) { return id != whole[end]; },
            .done = [&](std::size_t, Generated text) { stopped.push_back(std::move(text)); }});
  ASSERT_THAT(stopped, SizeIs(1));
  EXPECT_EQ(stopped[0].reason, StopReason::kStop);
  EXPECT_THAT(stopped[0].ids, SizeIs(end + 1));
}

TEST(Generate, EndsWhereTheContextIsFull) {
  model::ModelConfig shape = test::small_config();
  shape.max_positions = 16;
  const test::SmallDecoder model = lively(shape);
  const auto texts = run(model.decoder, some_prompts({10, 16, 12}), {.max_tokens = 5, .batch = 2});
  EXPECT_EQ(texts[0].reason, StopReason::kLength);
  EXPECT_THAT(texts[0].ids, SizeIs(5));
  EXPECT_EQ(texts[1].reason, StopReason::kContext);
  EXPECT_THAT(texts[1].ids, SizeIs(0));
  EXPECT_EQ(texts[2].reason, StopReason::kContext);
  EXPECT_THAT(texts[2].ids, SizeIs(4));
}

// Chunks of 512 positions: one and a part.
TEST(Generate, ReadsLongPromptsInChunks) {
  const test::SmallDecoder model = lively();
  const std::vector<Ids> prompts = some_prompts({700});
  const auto texts = run(model.decoder, prompts, {.max_tokens = 1});
  EXPECT_EQ(texts[0].ids, Ids({best_after(model.decoder, prompts[0])}));
}

TEST(Generate, RefusesPromptsBeforeItComputes) {
  model::ModelConfig shape = test::small_config();
  shape.max_positions = 16;
  const test::SmallDecoder model = lively(shape);
  int calls = 0;
  const auto error_of = [&](const std::vector<Ids>& prompts) {
    return test::error_of([&] {
      generate(model.decoder, prompts, {},
               {.token = [&](std::size_t, std::int32_t) { return ++calls > 0; },
                .done = [&](std::size_t, const Generated&) { ++calls; }});
    });
  };
  EXPECT_THAT(error_of({{1}, {}}), names("prompt 2", "at least one"));
  EXPECT_THAT(error_of({{1}, Ids(17)}), names("prompt 2", "at most 16"));
  EXPECT_THAT(error_of({{1, 64}}), names("prompt 1", "ids", "[0, 64)", "64"));
  EXPECT_THAT(error_of({{-1}}), HasSubstr("got -1"));
  EXPECT_EQ(calls, 0);
  EXPECT_THAT(test::error_of([&] {
                generate(
                    model.decoder, std::vector<Ids>{{1}, {64}}, {},
                    {.token = [](std::size_t, std::int32_t) { return true; },
                     .done = [](std::size_t, const Generated&) {},
                     .name = [](std::size_t prompt) { return "p:" + std::to_string(prompt); }});
              }),
              HasSubstr("p:1: ids"));
}

TEST(Generate, NamesThePromptWhoseLogitsAreNotFinite) {
  const test::SmallDecoder model = lively();
  model.parameters.view("model.norm.weight").fill_(1e38);
  EXPECT_THAT(test::error_of([&] {
                run(model.decoder, {{1, 2}}, {});
              }),
              names("prompt 1", "token 1", "finite"));
}

}  // namespace
}  // namespace superpose::inference
