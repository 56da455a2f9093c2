#include "checkpoint/safetensors.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "support/error_of.h"
#include "support/temp_dir.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"

namespace superpose::checkpoint {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Bits of every kind, also such as are not a number.
at::Tensor with_bytes(std::vector<std::int64_t> shape, at::ScalarType dtype) {
  at::Tensor tensor = at::empty(shape, dtype);
  auto* bytes = static_cast<unsigned char*>(tensor.data_ptr());
  for (std::size_t i = 0; i < tensor.nbytes(); ++i) {
    bytes[i] = static_cast<unsigned char>(dtype == at::kBool ? i % 2 : i * 37 + 255);
  }
  return tensor;
}

bool same_bytes(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         (a.numel() == 0 || std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0);
}

class SafetensorsDtype
    : public testing::TestWithParam<std::tuple<at::ScalarType, std::string, std::int64_t>> {};

TEST_P(SafetensorsDtype, KeepsEveryBit) {
  const auto& [dtype, name, bytes] = GetParam();
  const test::TempDir dir;
  const at::Tensor matrix = with_bytes({3, 7}, dtype);
  const at::Tensor scalar = with_bytes({}, dtype);
  const at::Tensor empty = with_bytes({4, 0, 2}, dtype);
  write_safetensors(dir / "a", {{"matrix", matrix}, {"scalar", scalar}, {"empty", empty}}, {});
  const SafetensorsFile file(dir / "a");
  EXPECT_EQ(file.entries().size(), 3U);
  EXPECT_EQ(file.entries().at("matrix").dtype, name);
  EXPECT_THAT(file.entries().at("matrix").shape, ElementsAre(3, 7));
  EXPECT_EQ(file.entries().at("matrix").end - file.entries().at("matrix").begin, 21U * bytes);
  EXPECT_TRUE(file.entries().at("scalar").shape.empty());
  EXPECT_TRUE(same_bytes(file.tensor("matrix"), matrix));
  EXPECT_TRUE(same_bytes(file.tensor("scalar"), scalar));
  EXPECT_TRUE(same_bytes(file.tensor("empty"), empty));
}

INSTANTIATE_TEST_SUITE_P(
    All, SafetensorsDtype,
    testing::Values(std::tuple(at::kBool, "BOOL", 1), std::tuple(at::kByte, "U8", 1),
                    std::tuple(at::kChar, "I8", 1), std::tuple(at::kShort, "I16", 2),
                    std::tuple(at::kUInt16, "U16", 2), std::tuple(at::kInt, "I32", 4),
                    std::tuple(at::kUInt32, "U32", 4), std::tuple(at::kLong, "I64", 8),
                    std::tuple(at::kUInt64, "U64", 8), std::tuple(at::kHalf, "F16", 2),
                    std::tuple(at::kBFloat16, "BF16", 2), std::tuple(at::kFloat, "F32", 4),
                    std::tuple(at::kDouble, "F64", 8), std::tuple(at::kComplexFloat, "C64", 8),
                    std::tuple(at::kFloat8_e4m3fn, "F8_E4M3", 1),
                    std::tuple(at::kFloat8_e5m2, "F8_E5M2", 1)),
    [](const auto& test) { return std::get<1>(test.param); });

// The format itself, byte for byte: wider types first, then by name; the header padded to 8 bytes.
TEST(WriteSafetensors, WritesTheFormat) {
  const test::TempDir dir;
  const at::Tensor wide = at::arange(2, at::kLong);
  const at::Tensor narrow = at::full({3}, 7, at::kByte);
  const FileDigest digest = write_safetensors(
      dir / "a", {{"n", narrow}, {"z", wide}, {"b", at::full({}, 1.5, at::kFloat)}},
      {{"format", "pt"}});
  const std::string header = R"({"__metadata__":{"format":"pt"},)"
                             R"("z":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},)"
                             R"("b":{"dtype":"F32","shape":[],"data_offsets":[16,20]},)"
                             R"("n":{"dtype":"U8","shape":[3],"data_offsets":[20,23]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  ASSERT_EQ(padded.size() % 8, 0U);
  const std::string length = {static_cast<char>(padded.size()), 0, 0, 0, 0, 0, 0, 0};
  const std::string data = std::string(8, '\0') + '\x01' + std::string(7, '\0') +
                           std::string("\0\0\xC0\x3F", 4) + "\a\a\a";
  const std::string expected = length + padded + data;
  EXPECT_EQ(util::read_file(dir / "a"), expected);
  EXPECT_EQ(digest.size, expected.size());
  EXPECT_EQ(digest.xxh3, util::hash64(expected));
}

TEST(WriteSafetensors, KnowsTheSizeBeforehand) {
  const test::TempDir dir;
  const std::vector<NamedTensor> tensors = {{"a", at::zeros({5, 3})},
                                            {"b", at::zeros({7}, at::kHalf)}};
  EXPECT_EQ(write_safetensors(dir / "a", tensors, {{"format", "pt"}}).size,
            safetensors_size(tensors));
}

TEST(WriteSafetensors, TakesViewsByTheirValues) {
  const test::TempDir dir;
  const at::Tensor base = at::arange(24, at::kFloat).view({4, 6});
  const at::Tensor slice = base.narrow(0, 1, 2);  // contiguous, with an offset
  const at::Tensor column = base.select(1, 3);
  const at::Tensor turned = base.t();
  at::Tensor leaf = at::arange(3, at::kFloat).requires_grad_();
  write_safetensors(dir / "a",
                    {{"slice", slice}, {"column", column}, {"turned", turned}, {"leaf", leaf}}, {});
  const SafetensorsFile file(dir / "a");
  EXPECT_TRUE(file.tensor("slice").equal(slice));
  EXPECT_TRUE(file.tensor("column").equal(column));
  EXPECT_TRUE(file.tensor("turned").equal(turned));
  EXPECT_TRUE(file.tensor("leaf").equal(leaf.detach()));
}

TEST(WriteSafetensors, WritesAFileWithoutTensors) {
  const test::TempDir dir;
  write_safetensors(dir / "a", {}, {});
  EXPECT_TRUE(SafetensorsFile(dir / "a").entries().empty());
}

TEST(WriteSafetensors, EscapesNames) {
  const test::TempDir dir;
  const std::string name = "a \"quoted\"\n\\ name \xC3\xA9";
  write_safetensors(dir / "a", {{name, at::zeros({1})}}, {{name, name}});
  const SafetensorsFile file(dir / "a");
  EXPECT_TRUE(file.contains(name));
  EXPECT_EQ(file.metadata().at(name), name);
}

TEST(WriteSafetensors, RefusesWhatTheFormatCannotHold) {
  const test::TempDir dir;
  const at::Tensor one = at::zeros({1});
  EXPECT_THROW(write_safetensors(dir / "a", {{"x", one}, {"x", one}}, {}), util::Error);
  EXPECT_THROW(write_safetensors(dir / "a", {{"__metadata__", one}}, {}), util::Error);
  EXPECT_THROW(write_safetensors(dir / "a", {{"x", at::Tensor()}}, {}), util::Error);
  EXPECT_THROW(write_safetensors(dir / "a", {{"bad \xFF utf-8", one}}, {}), util::Error);
  EXPECT_THROW(write_safetensors(dir / "a", {{"x", at::zeros({1}, at::kComplexDouble)}}, {}),
               util::Error);
  EXPECT_FALSE(std::filesystem::exists(dir / "a"));
}

TEST(WriteSafetensors, NeverOverwrites) {
  const test::TempDir dir;
  write_safetensors(dir / "a", {}, {});
  EXPECT_THROW(write_safetensors(dir / "a", {}, {}), util::Error);
}

class SafetensorsFileTest : public testing::Test {
 protected:
  void SetUp() override {
    write_safetensors(dir_ / "a", {{"x", at::arange(12, at::kFloat).view({3, 4})}}, {{"k", "v"}});
  }
  const test::TempDir dir_;
};

TEST_F(SafetensorsFileTest, CopiesIntoPlace) {
  const SafetensorsFile file(dir_ / "a");
  at::Tensor out = at::zeros({3, 4}, at::kBFloat16);
  file.copy_to("x", out);
  EXPECT_TRUE(out.equal(at::arange(12, at::kBFloat16).view({3, 4})));
  at::Tensor leaf = at::zeros({3, 4}).requires_grad_();
  file.copy_to("x", leaf);
  EXPECT_EQ(leaf.sum().item<float>(), 66.0F);
  const at::Tensor part = at::zeros({5});
  file.copy_range_to("x", 6, part);
  EXPECT_TRUE(part.equal(at::arange(6, 11, at::kFloat)));
}

TEST_F(SafetensorsFileTest, RefusesWhatDoesNotFit) {
  const SafetensorsFile file(dir_ / "a");
  EXPECT_THROW(file.copy_to("x", at::zeros({4, 3})), util::Error);
  EXPECT_THROW(file.copy_to("y", at::zeros({3, 4})), util::Error);
  EXPECT_THROW(file.copy_range_to("x", 8, at::zeros({5})), util::Error);
  EXPECT_THROW(file.copy_range_to("x", -1, at::zeros({5})), util::Error);
}

TEST_F(SafetensorsFileTest, GivesCopiesThatOutliveIt) {
  at::Tensor tensor;
  {
    const SafetensorsFile file(dir_ / "a");
    tensor = file.tensor("x");
  }
  tensor.add_(1);
  EXPECT_EQ(tensor.sum().item<float>(), 78.0F);
  EXPECT_EQ(SafetensorsFile(dir_ / "a").tensor("x").sum().item<float>(), 66.0F);
}

TEST_F(SafetensorsFileTest, NamesAMissingFile) {
  EXPECT_THAT(test::error_of([&] { SafetensorsFile file(dir_ / "none"); }),
              HasSubstr((dir_ / "none").string()));
}

}  // namespace
}  // namespace superpose::checkpoint
