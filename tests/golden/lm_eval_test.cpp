#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "eval/decoder_scorer.h"
#include "inference/load.h"
#include "support/shared.h"
#include "support/zstd.h"
#include "tasks/evaluate.h"
#include "tasks/rows.h"
#include "tokenizer/load.h"
#include "util/files.h"
#include "util/json.h"

// Every number that lm-eval 0.4.13 gives for a tiny Llama: ids, log-likelihoods, greedy flags,
// choices, whole texts.

namespace superpose::tasks {
namespace {

namespace fs = std::filesystem;
using test::shared_path;
using util::Json;

constexpr const char* kGolden = "golden/lm_eval";
constexpr std::int32_t kPrefix = 50256;
// What two programs' f32 may differ by; lm-eval itself is within 2e-4 of f64 (margins.json).
constexpr double kTolerance = 1e-3;

std::vector<Json> lines_of(const std::string& name) {
  std::vector<Json> lines;
  for (const std::string& line : test::lines_of(test::unpacked(shared_path(kGolden) / name))) {
    lines.push_back(util::parse_json(line, name));
  }
  return lines;
}

// The named task that a task of the reference is.
std::string task_of(const std::string& golden) {
  if (golden.starts_with("golden_mmlu")) return "mmlu";
  if (golden == "golden_hellaswag_tags") return "hellaswag";
  return golden == "golden_lambada" ? "lambada_openai"
                                    : golden.substr(std::string("golden_").size());
}

class LmEval : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::has_shared(kGolden)) GTEST_SKIP() << test::missing_shared(kGolden);
    model_.emplace(inference::load_model(shared_path(kGolden) / "model"));
    tokenizer_.emplace(
        tokenizer::open_tokenizer(shared_path("data/tokenizers/gpt2-tokenizer.json").string()));
    encoder_.emplace(*tokenizer_, kPrefix);
    scorer_.emplace(model_->decoder);
  }

  static std::vector<Row> rows_of(const std::string& name) {
    std::vector<Row> rows;
    read_rows(shared_path(kGolden) / "data" / name, [&](const Row& row) { rows.push_back(row); });
    return rows;
  }

  // All items of a task of the reference, by the group that it is of.
  static std::vector<Item> items_of(const std::string& golden, const TaskConfig& task) {
    std::string name = golden.substr(std::string("golden_").size());
    if (task.name != "mmlu") return make_items(task, rows_of(name + ".jsonl.zst"), {});
    return make_items(task, rows_of("mmlu_test.jsonl.zst"), rows_of("mmlu_dev.jsonl.zst"));
  }

  // Lists of thousands are not printed.
  void expect_ids(ScoreRequest request, const Json& context, const Json& continuation,
                  const Json& cut) const {
    EXPECT_TRUE(Json(request.context) == context);
    EXPECT_TRUE(Json(request.continuation) == continuation);
    EXPECT_EQ(fit(request, scorer_->max_positions()), cut.get<std::int64_t>());
  }

  void expect_item(const TaskConfig& task, const Item& item, const Json& expected);
  void expect_score(const Score& score, const Json& log_likelihood, const Json& is_greedy) {
    EXPECT_NEAR(score.log_likelihood, log_likelihood.get<double>(), kTolerance);
    EXPECT_EQ(score.is_greedy, is_greedy.get<bool>());
  }

  std::optional<inference::LoadedModel> model_;
  std::optional<tokenizer::Tokenizer> tokenizer_;
  std::optional<RequestEncoder> encoder_;
  std::optional<eval::DecoderScorer> scorer_;
};

// Texts and ids of an item.
void LmEval::expect_item(const TaskConfig& task, const Item& item, const Json& expected) {
  ASSERT_EQ(item.pairs.size(), expected["continuations"].size());
  for (std::size_t i = 0; i < item.pairs.size(); ++i) {
    const TextPair& pair = item.pairs[i];
    EXPECT_EQ(pair.context, expected["context"].get<std::string>());
    EXPECT_EQ(pair.continuation, expected["continuations"][i].get<std::string>());
    const ScoreRequest request = encoder_->encode_pair(pair.context, pair.continuation);
    expect_ids(request, expected["context_ids"], expected["continuation_ids"][i],
               expected["cut_from_left"][i]);
  }
  if (task.kind != TaskKind::kChoices) return;
  EXPECT_EQ(item.answer, expected["gold"].get<std::size_t>());
}

TEST_F(LmEval, EveryItemOfEveryTask) {
  std::map<std::pair<std::string, int>, std::vector<Json>> references;
  for (Json& line : lines_of("items.jsonl.zst")) {
    const std::string golden = line["task"].get<std::string>();
    const bool is_mmlu = golden.starts_with("golden_mmlu");
    references[{is_mmlu ? "golden_mmlu" : golden, line["num_fewshot"].get<int>()}].push_back(line);
  }
  ASSERT_EQ(references.size(), 8);
  for (const auto& [key, expected] : references) {
    const auto& [golden, examples] = key;
    SCOPED_TRACE(golden + "@" + std::to_string(examples));
    const TaskConfig task = find_task(task_of(golden) + "@" + std::to_string(examples));
    const std::vector<Item> items = items_of(golden, task);
    ASSERT_EQ(items.size(), expected.size());
    const TaskResult result = evaluate(task, items, *encoder_, *scorer_);
    // MMLU's rows are those of the subjects in alphabetical order, as the reference's.
    for (std::size_t i = 0; i < items.size(); ++i) {
      SCOPED_TRACE("row " + std::to_string(i));
      expect_item(task, items[i], expected[i]);
      const ItemScore& score = result.items[i];
      for (std::size_t j = 0; j < score.scores.size(); ++j) {
        expect_score(score.scores[j], expected[i]["loglikelihood"][j], expected[i]["is_greedy"][j]);
      }
      EXPECT_EQ(score.acc, expected[i]["acc"].get<int>() == 1);
      if (expected[i].contains("acc_norm")) {
        EXPECT_EQ(score.acc_norm, expected[i]["acc_norm"].get<int>() == 1);
      }
    }
    const fs::path file = examples == 0 ? "results-0shot.json" : "results-mmlu-5shot.json";
    const Json results = util::parse_json(util::read_file(shared_path(kGolden) / file), "results");
    const Json& metrics = results["results"][golden];
    const TaskScore whole = summarize(task, result.items).front();
    EXPECT_NEAR(whole.find("acc")->value, metrics["acc,none"].get<double>(), 1e-12);
    if (metrics.contains("acc_norm,none")) {
      EXPECT_NEAR(whole.find("acc_norm")->value, metrics["acc_norm,none"].get<double>(), 1e-12);
    }
    if (metrics.contains("perplexity,none")) {
      EXPECT_NEAR(std::log(whole.find("perplexity")->value),
                  std::log(metrics["perplexity,none"].get<double>()), kTolerance);
    }
  }
}

TEST_F(LmEval, BareRequests) {
  const std::vector<Json> expected = lines_of("requests.jsonl.zst");
  std::vector<TextRequest> requests;
  for (const Json& line : expected) {
    requests.push_back(
        {{line["context"].get<std::string>(), line["continuation"].get<std::string>()},
         line["note"].get<std::string>()});
  }
  const RequestResult result = score_requests(requests, *encoder_, *scorer_);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE(requests[i].where);
    const ScoreRequest request =
        encoder_->encode_pair(requests[i].pair.context, requests[i].pair.continuation);
    expect_ids(request, expected[i]["context_ids"], expected[i]["continuation_ids"],
               expected[i]["cut_from_left"]);
    expect_score(result.scores[i], expected[i]["loglikelihood"], expected[i]["is_greedy"]);
  }
}

TEST_F(LmEval, WholeTexts) {
  std::vector<TextDocument> documents;
  const std::vector<Json> expected = lines_of("rolling.jsonl.zst");
  for (const Json& line : expected) {
    const auto text = line["text"].get<std::string>();
    documents.push_back(encode_document(text, *encoder_));
    const auto windows = rolling_requests(documents.back().ids, kPrefix, scorer_->max_positions());
    ASSERT_EQ(windows.size(), line["windows"].size());
    for (std::size_t i = 0; i < windows.size(); ++i) {
      EXPECT_EQ(Json(windows[i].context), line["windows"][i]["context_ids"]);
      EXPECT_EQ(Json(windows[i].continuation), line["windows"][i]["scored_ids"]);
    }
  }
  const std::vector<TextScore> scores = score_texts(documents, kPrefix, *scorer_);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    EXPECT_NEAR(scores[i].log_likelihood, expected[i]["loglikelihood"].get<double>(), kTolerance);
    EXPECT_EQ(scores[i].words, expected[i]["words"].get<std::int64_t>());
    EXPECT_EQ(scores[i].bytes, expected[i]["utf8_bytes"].get<std::int64_t>());
  }
  const Json results =
      util::parse_json(util::read_file(shared_path(kGolden) / "results-rolling.json"), "results");
  const Json& metrics = results["results"]["golden_rolling"];
  const TaskScore summary = summarize_texts("text", scores);
  for (const char* name : {"word_perplexity", "byte_perplexity", "bits_per_byte"}) {
    const auto value = metrics[std::string(name) + ",none"].get<double>();
    EXPECT_NEAR(summary.find(name)->value, value, 1e-5 * value) << name;
  }
}

}  // namespace
}  // namespace superpose::tasks
