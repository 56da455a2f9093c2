// A decoder read from a Hugging Face folder, and comparisons with stored references.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "checkpoint/hugging_face.h"
#include "checkpoint/model_files.h"
#include "checkpoint/model_shape.h"
#include "model/decoder.h"
#include "support/tolerances.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::test {

inline util::Json read_json(const std::filesystem::path& path) {
  return util::parse_json(util::read_file(path), path.string());
}

struct HuggingFaceDecoder {
  explicit HuggingFaceDecoder(const std::filesystem::path& folder,
                              at::ScalarType compute = at::kFloat)
      : config(checkpoint::from_hugging_face(checkpoint::from_config_json(
            util::read_file(folder / "config.json"), (folder / "config.json").string()))),
        parameters(model::decoder_units(config), at::kCPU, compute),
        decoder(config, parameters) {
    const checkpoint::ModelFiles files(folder);
    EXPECT_EQ(files.names().size(), parameters.list().size());
    for (const model::Parameter& parameter : parameters.list()) {
      files.copy_to(parameter.name, parameters.view(parameter.name));
    }
    parameters.refresh_compute();
  }

  model::ModelConfig config;
  model::FlatParameters parameters;
  model::Decoder decoder;
};

inline double largest(const at::Tensor& values) { return values.abs().max().item<double>(); }

// How many times the reference's own rounding (its stored distance from f64) a result may be away.
// Another order of summing is another draw from about the same distribution; the largest of
// thousands of elements varies by less than this.
inline constexpr double kTimesReference = 4;

// Losses are single numbers, whose stored distance may be small by luck: at least a few roundings
// of the number itself.
inline void expect_loss(double loss, double reference, double against_f64) {
  EXPECT_NEAR(loss, reference,
              std::max(kTimesReference * against_f64, 4 * kEpsilonF32 * reference));
}

inline void expect_values(const at::Tensor& values, const at::Tensor& reference, double tolerance,
                          const std::string& what) {
  ASSERT_EQ(values.sizes(), reference.sizes()) << what;
  EXPECT_LE(largest(values - reference), tolerance) << what;
}

// Every gradient against `prefix` + name in the file; the tolerance is relative to the largest
// element of the tensor.
inline void expect_gradients(const model::FlatParameters& parameters,
                             const checkpoint::SafetensorsFile& file, const std::string& prefix,
                             double relative) {
  for (const model::Parameter& parameter : parameters.list()) {
    const at::Tensor reference = file.tensor(prefix + parameter.name);
    expect_values(parameters.gradient_view(parameter.name), reference,
                  relative * largest(reference), prefix + parameter.name);
  }
}

}  // namespace superpose::test
