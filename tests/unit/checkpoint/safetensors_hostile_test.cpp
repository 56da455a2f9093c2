// Files that break the rules of the format, one rule at a time, and files damaged at random places.
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "checkpoint/safetensors.h"
#include "support/error_of.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/error.h"
#include "util/files.h"
#include "write_file.h"

namespace superpose::checkpoint {
namespace {

using test::names;
using testing::HasSubstr;

std::string length_bytes(std::uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes;
}

std::string file_of(const std::string& header, std::size_t data_bytes) {
  return length_bytes(header.size()) + header + std::string(data_bytes, '\x55');
}

std::string error_of(const std::string& content) {
  const test::TempDir dir;
  const auto path = dir / "hostile.safetensors";
  write_file(path, content);
  try {
    const SafetensorsFile file(path);
    return "";
  } catch (const util::Error& error) {
    const std::string message = error.what();
    EXPECT_THAT(message, testing::StartsWith(path.string() + ": "));
    return message;
  }
}

struct Hostile {
  const char* what;
  std::string header;
  std::size_t data_bytes;
  std::vector<std::string> parts;  // what the message names; none: a good file
};

std::string tensor(const std::string& name, const std::string& body) {
  return "\"" + name + "\":{" + body + "}";
}

const std::string kFour = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";

std::vector<Hostile> hostile_files() {
  const auto one = [](const std::string& body) { return "{" + tensor("x", body) + "}"; };
  return {
      {"good", one(kFour), 4, {}},
      {"good, padded with spaces", one(kFour) + "     ", 4, {}},
      {"good, no tensor", "{}", 0, {}},
      {"good, unknown field", one(kFour + R"(,"note":"of another writer")"), 4, {}},
      {"no header", "", 0, {"'{'"}},
      {"leading space", " " + one(kFour), 4, {"'{'"}},
      {"a list", "[]", 0, {"'{'"}},
      {"not closed", "{", 0, {"valid JSON"}},
      {"something behind", one(kFour) + "x", 4, {"valid JSON"}},
      {"two objects", "{}{}", 0, {"valid JSON"}},
      {"padded with zeros", one(kFour) + std::string(3, '\0'), 4, {"valid JSON"}},
      {"NaN", one(R"("dtype":"F32","shape":[NaN],"data_offsets":[0,4])"), 4, {"valid JSON"}},
      {"bad UTF-8", "{\"\xFF\":{" + kFour + "}}", 4, {"valid JSON"}},
      {"same tensor twice",
       "{" + tensor("x", kFour) + "," + tensor("x", kFour) + "}",
       4,
       {"key x", "twice"}},
      {"same tensor twice, escaped",
       "{" + tensor("x", kFour) + "," + tensor("\\u0078", kFour) + "}",
       4,
       {"key x", "twice"}},
      {"same field twice", one(kFour + R"(,"dtype":"F32")"), 4, {"key dtype", "twice"}},
      {"same metadata twice", R"({"__metadata__":{"a":"1","a":"2"}})", 0, {"key a", "twice"}},
      {"metadata twice", R"({"__metadata__":{},"__metadata__":{}})", 0, {"twice"}},
      {"metadata is a list", R"({"__metadata__":[]})", 0, {"__metadata__", "object"}},
      {"metadata number", R"({"__metadata__":{"a":1}})", 0, {"a:", "text", "number"}},
      {"metadata nested", R"({"__metadata__":{"a":{}}})", 0, {"a:", "text", "object"}},
      {"tensor is a number", R"({"x":1})", 0, {"tensor x", "object"}},
      {"deep", R"({"x":{"shape":[[[[1]]]]}})", 0, {"nested deeper"}},
      {"no dtype", one(R"("shape":[1],"data_offsets":[0,4])"), 4, {"tensor x", "dtype", "missing"}},
      {"no shape",
       one(R"("dtype":"F32","data_offsets":[0,4])"),
       4,
       {"tensor x", "shape", "missing"}},
      {"no offsets",
       one(R"("dtype":"F32","shape":[1])"),
       4,
       {"tensor x", "data_offsets", "missing"}},
      {"unknown dtype",
       one(R"("dtype":"F33","shape":[1],"data_offsets":[0,4])"),
       4,
       {"tensor x", "unknown", "F33"}},
      {"dtype in small letters",
       one(R"("dtype":"f32","shape":[1],"data_offsets":[0,4])"),
       4,
       {"tensor x", "unknown", "f32"}},
      {"dtype is a number",
       one(R"("dtype":32,"shape":[1],"data_offsets":[0,4])"),
       4,
       {"tensor x", "dtype", "text"}},
      {"shape is a number",
       one(R"("dtype":"F32","shape":1,"data_offsets":[0,4])"),
       4,
       {"tensor x", "shape", "list"}},
      {"negative size",
       one(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"),
       4,
       {"tensor x", "shape", "whole number"}},
      {"broken size",
       one(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"),
       4,
       {"tensor x", "shape", "whole number"}},
      {"size as text",
       one(R"("dtype":"F32","shape":["1"],"data_offsets":[0,4])"),
       4,
       {"tensor x", "shape", "whole number"}},
      {"size of 2^63",
       one(R"("dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4])"),
       4,
       {"tensor x", "shape", "whole number"}},
      {"size of 2^64",
       one(R"("dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4])"),
       4,
       {"tensor x", "shape", "whole number"}},
      // 2^32 * 2^32 * 4 bytes wraps to 0 in 64 bits.
      {"overflow to nothing",
       one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"),
       0,
       {"tensor x", "64 bits"}},
      // 2^61 + 1 elements of 4 bytes wrap to 4.
      {"overflow to four",
       one(R"("dtype":"F32","shape":[2305843009213693953],"data_offsets":[0,4])"),
       4,
       {"tensor x", "64 bits"}},
      {"three offsets",
       one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,8])"),
       4,
       {"tensor x", "data_offsets", "two numbers"}},
      {"one offset",
       one(R"("dtype":"F32","shape":[1],"data_offsets":[0])"),
       4,
       {"tensor x", "data_offsets", "two numbers"}},
      {"negative offset",
       one(R"("dtype":"F32","shape":[1],"data_offsets":[-4,0])"),
       4,
       {"tensor x", "data_offsets", "whole number"}},
      {"offsets backwards",
       one(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"),
       4,
       {"tensor x", "data_offsets", "end before"}},
      {"too few bytes",
       one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
       4,
       {"tensor x", "8 bytes", "data_offsets", "4"}},
      {"too many bytes",
       one(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])"),
       8,
       {"tensor x", "4 bytes", "data_offsets", "8"}},
      {"half a byte",
       one(R"("dtype":"F4","shape":[3],"data_offsets":[0,1])"),
       1,
       {"tensor x", "whole number"}},
      {"not from 0",
       one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"),
       8,
       {"tensor x", "hole"}},
      {"data missing", one(kFour), 3, {"byte 4", "byte 3"}},
      {"data behind", one(kFour), 5, {"byte 4", "byte 5"}},
      {"far outside",
       one(R"("dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807])"),
       4,
       {"tensor x", "64 bits"}},
      {"outside",
       one(R"("dtype":"U8","shape":[1000000],"data_offsets":[0,1000000])"),
       4,
       {"file", "byte 4"}},
      {"hole",
       "{" + tensor("x", kFour) + "," +
           tensor("y", R"("dtype":"F32","shape":[1],"data_offsets":[8,12])") + "}",
       12,
       {"tensor y", "hole", "8", "4"}},
      {"overlap",
       "{" + tensor("x", kFour) + "," +
           tensor("y", R"("dtype":"F32","shape":[1],"data_offsets":[2,6])") + "}",
       6,
       {"tensor y", "overlaps", "2", "4"}},
      {"same place", "{" + tensor("x", kFour) + "," + tensor("y", kFour) + "}", 4, {"overlaps"}},
      {"good, empty tensors between",
       "{" + tensor("x", kFour) + "," +
           tensor("e", R"("dtype":"F32","shape":[0],"data_offsets":[4,4])") + "," +
           tensor("f", R"("dtype":"F32","shape":[5,0],"data_offsets":[0,0])") + "}",
       4,
       {}},
  };
}

TEST(HostileSafetensors, EachRuleIsKept) {
  for (const Hostile& hostile : hostile_files()) {
    SCOPED_TRACE(hostile.what);
    const std::string message = error_of(file_of(hostile.header, hostile.data_bytes));
    if (hostile.parts.empty()) {
      EXPECT_EQ(message, "");
    } else {
      EXPECT_THAT(message, names(hostile.parts));
    }
  }
}

TEST(HostileSafetensors, HeaderLengthsAreBounded) {
  const std::string rest = "{}" + std::string(100, ' ');
  EXPECT_THAT(error_of(length_bytes(103) + rest), names("byte 110"));
  EXPECT_THAT(error_of(length_bytes(100'000'000) + rest), names("header", "byte"));
  EXPECT_THAT(error_of(length_bytes(100'000'001) + rest), HasSubstr("at most 100000000"));
  EXPECT_THAT(error_of(length_bytes(~std::uint64_t{0}) + rest), HasSubstr("at most 100000000"));
  EXPECT_THAT(error_of(length_bytes(~std::uint64_t{0} - 7) + rest), HasSubstr("at most 100000000"));
}

class DamagedSafetensors : public testing::Test {
 protected:
  void SetUp() override {
    write_safetensors(
        dir_ / "good",
        {{"x", at::arange(6, at::kFloat).view({2, 3})}, {"y", at::zeros({3}, at::kByte)}},
        {{"format", "pt"}});
    good_ = util::read_file(dir_ / "good");
    header_end_ = good_.size() - 27;
  }

  // False where it is refused; reads every tensor where it opens, for sanitizers to see.
  bool opens(const std::string& content) const {
    write_file(dir_ / "damaged", content);
    try {
      const SafetensorsFile file(dir_ / "damaged");
      for (const auto& [name, entry] : file.entries()) file.tensor(name);
      return true;
    } catch (const util::Error&) {
      return false;
    }
  }

  const test::TempDir dir_;
  std::string good_;
  std::size_t header_end_ = 0;
};

TEST_F(DamagedSafetensors, IsRefusedAtEveryLength) {
  ASSERT_TRUE(opens(good_));
  for (std::size_t length = 0; length < good_.size(); ++length) {
    EXPECT_FALSE(opens(good_.substr(0, length))) << "cut to " << length << " bytes";
  }
  EXPECT_FALSE(opens(good_ + "x"));
}

TEST_F(DamagedSafetensors, NeverLeadsOutsideTheFile) {
  std::size_t refused = 0;
  for (std::size_t i = 0; i < header_end_; ++i) {
    for (const char byte : {'\0', '"', '9', ']', '\xFF'}) {
      std::string damaged = good_;
      damaged[i] = byte;
      if (!opens(damaged)) ++refused;
    }
  }
  // A byte of a name or of the padding may change unseen; most may not.
  EXPECT_GT(refused, header_end_ * 5 / 2);
}

// Another writer need not pad: data may begin at any address.
TEST(UnalignedSafetensors, AreRead) {
  const test::TempDir dir;
  for (int spaces = 0; spaces < 8; ++spaces) {
    const std::string header =
        R"({"x":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}})" + std::string(spaces, ' ');
    std::string data(16, '\0');
    const double values[2] = {1.25, -3.5};
    std::memcpy(data.data(), values, 16);
    write_file(dir / "a", length_bytes(header.size()) + header + data);
    const at::Tensor x = SafetensorsFile(dir / "a").tensor("x");
    EXPECT_EQ(x[0].item<double>(), 1.25);
    EXPECT_EQ(x[1].item<double>(), -3.5);
  }
}

TEST(UnreadableDtype, IsListedAndNamed) {
  const test::TempDir dir;
  write_file(dir / "a", file_of(R"({"x":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}})", 2));
  const SafetensorsFile file(dir / "a");
  EXPECT_EQ(file.entries().at("x").dtype, "F4");
  EXPECT_THAT(test::error_of([&] { file.tensor("x"); }), names("tensor x", "F4"));
}

TEST(BoolOfAnotherWriter, IsTrueForEveryByteButZero) {
  const test::TempDir dir;
  const std::string header = R"({"x":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})";
  write_file(dir / "a", length_bytes(header.size()) + header + std::string("\0\x55", 2));
  const at::Tensor x = SafetensorsFile(dir / "a").tensor("x");
  EXPECT_EQ(x.scalar_type(), at::kBool);
  EXPECT_EQ(x.sum().item<std::int64_t>(), 1);
}

}  // namespace
}  // namespace superpose::checkpoint
