// Bags and targets against those that an independent program made of the same ids.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "superposition/windows.h"
#include "support/shared.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::superposition {
namespace {

struct Numbers {
  std::vector<std::size_t> shape;
  std::vector<std::int64_t> values;
};

// An int64 tensor of a safetensors file: 8 bytes of header size, JSON header, data.
Numbers read_numbers(const std::filesystem::path& path, const std::string& name) {
  const std::string bytes = util::read_file(path);
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), sizeof(header_size));
  const util::Json header = util::parse_json(bytes.substr(8, header_size), path.string());
  const util::Json& tensor = header.at(name);
  EXPECT_EQ(tensor.at("dtype"), "I64");
  const std::uint64_t begin = tensor.at("data_offsets").at(0);
  const std::uint64_t end = tensor.at("data_offsets").at(1);
  Numbers numbers{tensor.at("shape"), std::vector<std::int64_t>((end - begin) / 8)};
  std::memcpy(numbers.values.data(), bytes.data() + 8 + header_size + begin, end - begin);
  return numbers;
}

void expect_targets(const std::string& file, std::int64_t bag_size) {
  const std::filesystem::path path = test::shared_path("golden/superposition/qwen3/" + file);
  const Numbers ids = read_numbers(path, "ids");          // [B, up to L * s + s]
  const Numbers targets = read_numbers(path, "targets");  // [B, L, s]
  const WindowShape shape{static_cast<std::int64_t>(targets.shape[1]), bag_size, bag_size};
  const std::size_t width = ids.shape[1];
  std::vector<std::int64_t> got_inputs(static_cast<std::size_t>(shape.advance()));
  std::vector<std::int64_t> got(got_inputs.size());
  for (std::size_t row = 0; row < ids.shape[0]; ++row) {
    // The tail case ends early: what is missing is padding.
    std::vector<std::int32_t> raw(static_cast<std::size_t>(shape.length()), kPadding);
    for (std::size_t p = 0; p < width; ++p) {
      raw[p] = static_cast<std::int32_t>(ids.values[row * width + p]);
    }
    cut_window(shape, raw, {}, got_inputs, got);
    const auto first = targets.values.begin() + static_cast<std::ptrdiff_t>(row * got.size());
    EXPECT_EQ(got,
              std::vector<std::int64_t>(first, first + static_cast<std::ptrdiff_t>(got.size())))
        << file << ", row " << row;
  }
}

TEST(WindowsGolden, TargetsEqualTheReference) {
  if (!test::has_shared("golden/superposition")) {
    GTEST_SKIP() << test::missing_shared("golden/superposition");
  }
  for (const std::int64_t s : {1, 2, 3, 6, 16}) {
    expect_targets("s" + std::to_string(s) + ".safetensors", s);
    expect_targets("s" + std::to_string(s) + "-tail.safetensors", s);
  }
}

}  // namespace
}  // namespace superpose::superposition
