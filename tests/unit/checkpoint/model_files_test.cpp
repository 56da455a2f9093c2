#include "checkpoint/model_files.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.h"
#include "support/names.h"
#include "support/shared.h"
#include "support/temp_dir.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/json.h"
#include "write_file.h"

namespace superpose::checkpoint {
namespace {

using test::names;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<NamedTensor> some_tensors() {
  return {{"d", at::arange(10, at::kFloat)},
          {"a", at::arange(10, 20, at::kFloat)},
          {"c", at::arange(100, at::kFloat)},  // above the limit by itself
          {"b", at::arange(5, at::kFloat)}};
}

std::vector<std::string> file_names(const std::map<std::string, FileDigest>& written) {
  std::vector<std::string> names;
  for (const auto& [name, digest] : written) names.push_back(name);
  return names;
}

std::string error_of(const std::filesystem::path& folder) {
  return test::error_of([&] { const ModelFiles files(folder); });
}

TEST(ModelFiles, IsOneFileUpToTheLimit) {
  const test::TempDir dir;
  const auto written = write_model(dir.path(), some_tensors(), 4 * 125);
  EXPECT_THAT(file_names(written), ElementsAre("model.safetensors"));
  EXPECT_EQ(SafetensorsFile(dir / "model.safetensors").metadata().at("format"), "pt");
  const ModelFiles files(dir.path());
  EXPECT_THAT(files.names(), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(files.shape("c"), ElementsAre(100));
  EXPECT_TRUE(files.tensor("a").equal(at::arange(10, 20, at::kFloat)));
  EXPECT_THROW(files.tensor("e"), util::Error);
}

TEST(ModelFiles, IsShardedAboveTheLimit) {
  const test::TempDir dir;
  const auto written = write_model(dir.path(), some_tensors(), 4 * 20);
  EXPECT_THAT(file_names(written),
              ElementsAre("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                          "model-00003-of-00003.safetensors", "model.safetensors.index.json"));
  for (const auto& [name, digest] : written) {
    EXPECT_EQ(std::filesystem::file_size(dir / name), digest.size);
    EXPECT_EQ(util::hash_file(dir / name), digest.xxh3);
  }
  const auto index =
      util::parse_json(util::read_file(dir / "model.safetensors.index.json"), "index");
  EXPECT_EQ(index["metadata"]["total_size"], 4 * 125);
  EXPECT_EQ(index["weight_map"]["a"], "model-00001-of-00003.safetensors");
  EXPECT_EQ(index["weight_map"]["c"], "model-00002-of-00003.safetensors");
  const ModelFiles files(dir.path());
  EXPECT_THAT(files.names(), ElementsAre("a", "b", "c", "d"));
  for (const auto& [name, tensor] : some_tensors()) {
    EXPECT_TRUE(files.tensor(name).equal(tensor));
    const at::Tensor out = at::zeros_like(tensor);
    files.copy_to(name, out);
    EXPECT_TRUE(out.equal(tensor));
  }
}

TEST(ModelFiles, AnIndexMustBeTrue) {
  const auto with_index = [](const std::string& text) {
    const test::TempDir dir;
    write_safetensors(dir / "one", {{"a", at::zeros({1})}}, {});
    write_safetensors(dir / "two", {{"b", at::zeros({1})}}, {});
    write_file(dir / "model.safetensors.index.json", text);
    return error_of(dir.path());
  };
  EXPECT_EQ(with_index(R"({"weight_map":{"a":"one","b":"two"}})"), "");
  EXPECT_THAT(with_index(R"({"weight_map":{"a":"one","b":"one"}})"), names("tensor b", "one"));
  EXPECT_THAT(with_index(R"({"weight_map":{"a":"two","b":"two"}})"), HasSubstr("tensor a"));
  EXPECT_THAT(with_index(R"({"weight_map":{"a":"one","c":"two"}})"), names("two", "tensor b"));
  EXPECT_THAT(with_index(R"({"weight_map":{"a":"three"}})"), names("three", "open"));
  EXPECT_THAT(with_index(R"({"weight_map":{"a":"../one"}})"), names("plain file name"));
  EXPECT_THAT(with_index(R"({"weight_map":{"a":"/etc/passwd"}})"), names("plain file name"));
  EXPECT_THAT(with_index(R"({"weight_map":{"a":1}})"), names("file name"));
  EXPECT_THAT(with_index(R"({"weight_map":{"a":"one","a":"two"}})"), names("twice"));
  EXPECT_THAT(with_index(R"({"metadata":{}})"), names("weight_map", "missing"));
  EXPECT_THAT(with_index(R"({"weight_map")"), names("valid JSON"));
}

TEST(ModelFiles, SaysThatThereIsNoModel) {
  const test::TempDir dir;
  EXPECT_THAT(error_of(dir.path()), names("model.safetensors"));
}

TEST(ModelFiles, ReadsWhatTransformersWrote) {
  if (!test::has_shared("golden/checkpoints")) {
    GTEST_SKIP() << test::missing_shared("golden/checkpoints");
  }
  const ModelFiles whole(test::shared_path("golden/checkpoints/llama"));
  const ModelFiles sharded(test::shared_path("golden/checkpoints/llama-sharded"));
  ASSERT_EQ(whole.names(), sharded.names());
  EXPECT_EQ(whole.names().size(), 21U);  // 2 layers of 9, embedding, norm, head
  for (const std::string& name : whole.names()) {
    EXPECT_TRUE(whole.tensor(name).equal(sharded.tensor(name))) << name;
  }
  const ModelFiles bf16(test::shared_path("golden/checkpoints/llama-bf16"));
  EXPECT_EQ(bf16.tensor("lm_head.weight").scalar_type(), at::kBFloat16);
}

}  // namespace
}  // namespace superpose::checkpoint
