#include "support/tiny_run.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/max.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "config/config.h"
#include "metrics/reader.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/random.h"

namespace superpose::test {
namespace {

constexpr std::array<std::string_view, 16> kWords = {
    "the",  "token",  "bag",  "of",    "a",     "model", "reads", "and",
    "then", "writes", "loss", "falls", "while", "steps", "go",    "on"};

std::string make_text(std::uint64_t seed, std::size_t num_bytes) {
  const std::uint64_t key = util::stream_key(seed, "tiny corpus");
  std::string text;
  for (std::uint64_t index = 0; text.size() < num_bytes; ++index) {
    text += kWords[util::random_bits(key, index) % kWords.size()];
    text += util::random_bits(key, index) % 11 == 0 ? ".\n" : " ";
  }
  return text;
}

}  // namespace

void write_tiny_corpus(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder / "corpus");
  std::filesystem::create_directories(folder / "held-out");
  for (std::uint64_t document = 0; document < 40; ++document) {
    util::write_file_atomic(folder / "corpus" / (std::to_string(document) + ".txt"),
                            make_text(document, 1300 + 10 * document));
  }
  for (std::uint64_t document = 0; document < 12; ++document) {
    util::write_file_atomic(folder / "held-out" / (std::to_string(document) + ".txt"),
                            make_text(1000 + document, 450 + 10 * document));
  }
}

train::RunConfig tiny_config(const std::filesystem::path& folder, const std::string& name) {
  train::RunConfig config;
  config.run.dir = (folder / "runs" / name).string();
  config.model.hidden_size = 32;
  config.model.num_layers = 2;
  config.model.num_heads = 2;
  config.model.ffn_size = 64;
  config.data.sources = {(folder / "corpus").string()};
  config.data.validation = {(folder / "held-out").string()};
  config.data.cache_dir = (folder / "cache").string();
  config.data.lanes = 64;
  config.train.steps = 20;
  config.train.batch_positions = 128;
  config.train.sequence_length = 16;
  config.train.device = train::DeviceChoice::kCpu;
  config.train.threads = 1;
  config.optim.learning_rate = 1e-2;
  config.optim.warmup_steps = 3;
  config.phases[0].bag_size = 3;
  config.evaluation.every = 10;
  config.evaluation.windows = 16;
  config.checkpoint.every = 5;
  config.checkpoint.keep = 0;
  config.log.every = 1;
  config.log.tensorboard = false;
  return config;
}

train::RunSpec make_spec(const train::RunConfig& config) {
  train::RunSpec spec;
  spec.config = config;
  spec.settings = config::settings(config);
  spec.recipe_toml = config::to_toml(config);
  return spec;
}

train::RunResult run_alone(const train::RunSpec& spec) {
  distributed::LocalCollective collective;
  return train::run(spec, collective);
}

train::RunResult run_alone(const train::RunConfig& config) { return run_alone(make_spec(config)); }

Fingerprint fingerprint_of(const std::filesystem::path& checkpoint) {
  const std::filesystem::path trainer = checkpoint / "trainer";
  const util::Json state = util::parse_json(util::read_file(trainer / "state.json"), "state.json");
  return {util::hex64(util::hash_file(checkpoint / "model.safetensors")),
          util::hex64(util::hash_file(trainer / "optimizer.safetensors")),
          state.at("data").at("ids_hash").get<std::string>(),
          state.at("data").at("consumed").dump()};
}

std::filesystem::path checkpoint_of(const train::RunConfig& config, std::int64_t step) {
  return std::filesystem::path(config.run.dir) / "checkpoints" / checkpoint::folder_name(step);
}

std::vector<double> losses_of(const std::filesystem::path& run_folder) {
  const metrics::RunRecords records = metrics::read_json_lines(run_folder / "metrics.jsonl");
  std::vector<double> losses;
  for (const metrics::StepRecord& record : records.steps) losses.push_back(record.loss);
  for (const metrics::ValidationRecord& record : records.validations) losses.push_back(record.loss);
  return losses;
}

double largest_difference(const std::filesystem::path& a, const std::filesystem::path& b) {
  const checkpoint::ModelFiles weights_a(a);
  const checkpoint::ModelFiles weights_b(b);
  double largest = 0;
  for (const std::string& name : weights_a.names()) {
    const at::Tensor difference = weights_a.tensor(name).sub(weights_b.tensor(name));
    largest = std::max(largest, difference.abs().max().item<double>());
  }
  return largest;
}

}  // namespace superpose::test
