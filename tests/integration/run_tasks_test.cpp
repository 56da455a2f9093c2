// Tasks and samples inside a run: the scores and texts of the checkpoint of that step, and training
// that does not notice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "eval/decoder_scorer.h"
#include "inference/generate.h"
#include "inference/load.h"
#include "inference/words.h"
#include "metrics/reader.h"
#include "support/error_of.h"
#include "support/tiny_corpus_test.h"
#include "tasks/evaluate.h"
#include "tokenizer/load.h"
#include "train/environment.h"
#include "util/files.h"

namespace superpose::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Contexts of some rows are longer than the 16 tokens that the model reads.
constexpr const char* kRows[] = {
    R"({"q": "the model", "a": " reads", "b": " falls"})",
    R"({"q": "loss", "a": " go on", "b": " writes"})",
    R"({"q": "the token bag of a model and then", "a": " on", "b": " a"})",
    R"({"q": "steps", "a": " x", "b": " the"})",
    R"({"q": "a", "a": " token", "b": " bag"})",
};

class EvaluationTasks : public TinyCorpusTest {
 protected:
  static void SetUpTestSuite() {
    TinyCorpusTest::SetUpTestSuite();
    std::string rows;
    for (const char* const row : kRows) rows += std::string(row) + "\n";
    util::write_file_atomic(folder_->path() / "own.jsonl", rows);
    write_task("choices", "choices = [\"{a}\", \"{b}\"]\nanswer = \"0\"\ndelimiter = \"\"\n");
    write_task("cloze", "kind = \"cloze\"\ncontinuation = \"{a}\"\n");
  }
  static void write_task(const std::string& name, const std::string& keys) {
    util::write_file_atomic(
        folder_->path() / (name + ".toml"),
        "name = \"" + name + "\"\nfiles = [\"own.jsonl\"]\n" + "prompt = \"{q}\"\n" + keys);
  }
  static std::string task(const std::string& name) {
    return (folder_->path() / (name + ".toml")).string();
  }
  static train::RunConfig with_tasks(const std::string& name) {
    train::RunConfig recipe = config(name);
    recipe.evaluation.tasks = {{.name = task("choices"), .every = 5},
                               {.name = task("cloze"), .every = 0, .samples = 3}};
    recipe.evaluation.prompts = {"the model", " on"};
    recipe.evaluation.sample_tokens = 6;
    return recipe;
  }
  static metrics::RunRecords records_of(const train::RunConfig& config) {
    return metrics::read_run(config.run.dir);
  }
  static train::Plan plan_of(const train::RunConfig& config) {
    distributed::LocalCollective collective;
    return train::plan_run(make_spec(config), collective);
  }
  static std::string error_of(const train::RunConfig& config) {
    return test::error_of([&] { run_alone(config); });
  }
  static std::vector<std::string> warnings_of(const train::RunConfig& config) {
    std::vector<std::string> warnings;
    for (const metrics::EventRecord& event : records_of(config).events) {
      if (event.kind == metrics::EventKind::kWarning) warnings.push_back(event.text);
    }
    return warnings;
  }
};

// "choices 0", "cloze 20"
std::vector<std::string> points_of(const metrics::RunRecords& records) {
  std::vector<std::string> points;
  for (const metrics::TaskRecord& record : records.tasks) {
    points.push_back(record.name + " " + std::to_string(record.step));
  }
  return points;
}

// A checkpoint as `superpose eval` and `superpose generate` use it, in one thread as the run.
struct Subject {
  explicit Subject(const std::filesystem::path& folder)
      : model(inference::load_model(folder)),
        loaded(tokenizer::load_tokenizer(model.tokenizer.string())) {}

  tasks::TaskScore score(const std::string& task, std::int64_t samples) {
    const tasks::LoadedTask asked = tasks::load_task(task, "", samples);
    const eval::DecoderScorer scorer(model.decoder);
    tasks::RequestEncoder encoder(
        loaded.tokenizer,
        tasks::prefix_token(loaded.tokenizer, loaded.config_json, loaded.end_of_document));
    const auto scored = tasks::evaluate(asked.config, asked.items, encoder, scorer);
    return tasks::summarize(asked.config, scored.items).front();
  }

  std::string text_after(const std::string& prompt, std::int64_t tokens) {
    const inference::Words words(tokenizer::open_tokenizer(model.tokenizer.string()),
                                 model.description.bos_token_id);
    inference::GenerationConfig config{.sampling = {}, .max_tokens = tokens};
    for (const std::int64_t id : inference::end_tokens(model.folder, model.description)) {
      config.ends.push_back(static_cast<std::int32_t>(id));
    }
    std::string text;
    const std::vector<std::vector<std::int32_t>> prompts = {words.ids_of(prompt, "prompt")};
    inference::generate(model.decoder, prompts, config,
                        {.token =
                             [&](std::size_t, std::int32_t id) {
                               text += words.bytes_of(id);
                               return true;
                             },
                         .done = [](std::size_t, const inference::Generated&) {}});
    return text;
  }

  train::ThreadScope threads{1};
  inference::LoadedModel model;
  tokenizer::LoadedTokenizer loaded;
};

TEST_F(EvaluationTasks, TrainingHasTheSameBits) {
  const train::RunConfig plain = config("plain");
  const train::RunConfig scored = with_tasks("scored");
  run_alone(plain);
  run_alone(scored);
  for (const std::int64_t step : {5, 10, 20}) {
    EXPECT_EQ(fingerprint_of(checkpoint_of(scored, step)),
              fingerprint_of(checkpoint_of(plain, step)))
        << step;
  }
  EXPECT_EQ(losses_of(scored.run.dir), losses_of(plain.run.dir));
}

TEST_F(EvaluationTasks, ScoresAndTextsAreThoseOfTheCheckpoint) {
  const train::RunConfig recipe = with_tasks("same-scores");
  run_alone(recipe);
  const metrics::RunRecords records = records_of(recipe);
  EXPECT_THAT(points_of(records), ElementsAre("choices 0", "choices 5", "choices 10", "choices 15",
                                              "choices 20", "cloze 20"));
  for (const metrics::TaskRecord& record : records.tasks) {
    if (record.step == 0) continue;  // there is no checkpoint before the first step
    Subject subject(checkpoint_of(recipe, record.step));
    const tasks::TaskScore expected =
        subject.score(task(record.name), record.name == "cloze" ? 3 : 0);
    EXPECT_EQ(record.items, record.name == "cloze" ? 3 : 5);
    ASSERT_EQ(record.scores.size(), expected.metrics.size());
    for (const auto& [name, estimate] : expected.metrics) {
      const double* score = metrics::find_number(record.scores, name);
      const double* error = metrics::find_number(record.errors, name);
      ASSERT_NE(score, nullptr) << name;
      ASSERT_EQ(error != nullptr, estimate.error.has_value()) << name;
      EXPECT_EQ(*score, estimate.value) << name << " at step " << record.step;
      if (error != nullptr) {
        EXPECT_EQ(*error, *estimate.error) << name;
      }
    }
  }
  ASSERT_EQ(records.validations.size(), 3U);
  for (const metrics::ValidationRecord& record : records.validations) {
    ASSERT_EQ(record.samples.size(), 2U);
    EXPECT_EQ(record.samples[0].prompt, "the model");
    EXPECT_EQ(record.samples[0].tokens, 6);
    if (record.step == 0) continue;
    Subject subject(checkpoint_of(recipe, record.step));
    for (const metrics::TextSample& sample : record.samples) {
      EXPECT_EQ(sample.text, subject.text_after(sample.prompt, 6)) << record.step;
    }
  }
}

// Of 257 ids, a byte of an answer has log2(320 rows) bits where all rows are equally likely.
TEST_F(EvaluationTasks, ChanceIsABlindChoiceAndEqualTokens) {
  const train::RunConfig recipe = with_tasks("chance");
  run_alone(recipe);
  const metrics::RunRecords records = records_of(recipe);
  const metrics::TaskRecord& choices = records.tasks.front();
  EXPECT_EQ(*metrics::find_number(choices.chance, "acc"), 0.5);
  EXPECT_EQ(*metrics::find_number(choices.chance, "acc_norm"), 0.5);
  EXPECT_DOUBLE_EQ(*metrics::find_number(choices.chance, "bits_per_byte"), std::log2(320.0));
  EXPECT_EQ(metrics::find_number(records.tasks.back().chance, "acc"), nullptr);
  EXPECT_NEAR(*metrics::find_number(choices.scores, "bits_per_byte"), std::log2(320.0), 0.5)
      << "before the first step a model knows nothing";
}

TEST_F(EvaluationTasks, InsideSuperpositionOneWarningComes) {
  train::RunConfig recipe = with_tasks("inside");
  recipe.evaluation.tasks[0].every = 2;  // superposed for 6 steps
  run_alone(recipe);
  train::RunConfig later = with_tasks("outside");
  later.evaluation.tasks[0].every = 7;
  run_alone(later);
  EXPECT_EQ(warnings_of(recipe).size(), warnings_of(later).size() + 1);
}

TEST_F(EvaluationTasks, RecomputedAndInBf16) {
  for (const train::Precision precision : {train::Precision::kF32, train::Precision::kBf16}) {
    const std::string name = precision == train::Precision::kF32 ? "f32" : "bf16";
    train::RunConfig recipe = with_tasks(name);
    recipe.train.precision = precision;
    recipe.train.recompute_every = 1;
    train::RunConfig plain = config(name + "-plain");
    plain.train.precision = precision;
    run_alone(recipe);
    run_alone(plain);
    EXPECT_EQ(fingerprint_of(checkpoint_of(recipe, 20)), fingerprint_of(checkpoint_of(plain, 20)));
    const metrics::TaskRecord last = records_of(recipe).tasks.back();
    Subject subject(checkpoint_of(recipe, 20));
    const double expected = subject.score(task("cloze"), 3).find("bits_per_byte")->value;
    // bf16 has 8 bits: logits of a few units are off by some hundredths.
    EXPECT_NEAR(*metrics::find_number(last.scores, "bits_per_byte"), expected,
                precision == train::Precision::kF32 ? 0 : 0.05)
        << name;
  }
}

TEST_F(EvaluationTasks, ThePlanCountsWhatTheRunScores) {
  for (const std::int64_t every : {0, 3, 5, 100}) {
    train::RunConfig recipe = with_tasks("planned-" + std::to_string(every));
    recipe.evaluation.tasks[0].every = every;
    const train::Plan plan = plan_of(recipe);
    run_alone(recipe);
    const metrics::RunRecords records = records_of(recipe);
    ASSERT_EQ(plan.tasks.size(), 2U);
    EXPECT_EQ(plan.tasks[0].items, 5);
    EXPECT_EQ(plan.tasks[0].cut_contexts, 2) << "both choices of the long row";
    EXPECT_EQ(plan.tasks[0].times,
              std::count_if(records.tasks.begin(), records.tasks.end(),
                            [](const auto& record) { return record.name == "choices"; }))
        << every;
    EXPECT_EQ(plan.tasks[1].times, 1);
    EXPECT_GT(plan.task_flops, 0);
    EXPECT_GT(plan.sample_flops, 0);
    const bool warns = std::any_of(plan.findings.begin(), plan.findings.end(), [](const auto& one) {
      return one.check == train::Check::kTasks;
    });
    EXPECT_TRUE(warns) << "of contexts that are cut";
  }
}

TEST_F(EvaluationTasks, MayChangeAtAResumeAndMakesUpForWhatIsMissing) {
  const train::RunConfig whole = config("never-stopped");
  run_alone(whole);
  train::RunConfig recipe = config("changed");
  train::RunSpec first = make_spec(recipe);
  first.on_step = [](const train::StepReport& report) {
    if (report.step == 9) ::raise(SIGTERM);
  };
  EXPECT_EQ(run_alone(first).step, 10);
  recipe.evaluation = with_tasks("").evaluation;
  run_alone(recipe);
  // The score at step 10, which the first part did not know of, comes with the resume.
  EXPECT_THAT(points_of(records_of(recipe)),
              ElementsAre("choices 10", "choices 15", "choices 20", "cloze 20"));
  EXPECT_EQ(fingerprint_of(checkpoint_of(recipe, 20)), fingerprint_of(checkpoint_of(whole, 20)));

  // Killed before its last records: they come, and no step is done again.
  const std::filesystem::path file = std::filesystem::path(recipe.run.dir) / "metrics.jsonl";
  const std::string text = util::read_file(file);
  util::write_file_atomic(file, text.substr(0, text.find("{\"kind\":\"task\",\"step\":20")));
  EXPECT_EQ(run_alone(recipe).steps_done_now, 0);
  EXPECT_THAT(points_of(records_of(recipe)),
              ElementsAre("choices 10", "choices 15", "choices 20", "cloze 20"));
  EXPECT_TRUE(records_of(recipe).summary.has_value());
}

TEST_F(EvaluationTasks, WhatIsWrongIsSaidBeforeAnythingIsPrepared) {
  train::RunConfig missing = with_tasks("missing");
  missing.data.cache_dir = (folder_->path() / "no-cache").string();
  missing.evaluation.tasks[0].data = (folder_->path() / "held-out").string();
  EXPECT_THAT(error_of(missing), AllOf(HasSubstr("evaluation.tasks[0]"), HasSubstr("own.jsonl")));
  EXPECT_FALSE(std::filesystem::exists(missing.data.cache_dir));
  train::RunConfig twice = with_tasks("twice");
  twice.evaluation.tasks[1].name =
      (folder_->path() / "../" / folder_->path().filename() / "choices.toml").string();
  EXPECT_THAT(error_of(twice), AllOf(HasSubstr("evaluation.tasks[1]"), HasSubstr("choices")));
  train::RunConfig long_answers = with_tasks("long");
  long_answers.evaluation.tasks[0].name = task("long");
  write_task("long", "choices = [\"{q} {q} {q} {q}\", \"{b}\"]\nanswer = \"0\"\n");
  EXPECT_THAT(error_of(long_answers),
              AllOf(HasSubstr("evaluation.tasks[0]"), HasSubstr("row 0"), HasSubstr("16")));
  train::RunConfig long_prompt = with_tasks("prompt");
  long_prompt.evaluation.prompts = {"a", std::string(16, 'x')};
  EXPECT_THAT(error_of(long_prompt), AllOf(HasSubstr("evaluation.prompts[1]"), HasSubstr("16")));
  train::RunConfig empty_prompt = with_tasks("empty");
  empty_prompt.evaluation.prompts = {""};
  EXPECT_THAT(error_of(empty_prompt), HasSubstr("evaluation.prompts[0]"));
}

}  // namespace
}  // namespace superpose::test
