#include "optim/update_ratio.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace superpose::optim {
namespace {

TEST(UpdateRatios, AreNormsOfChangesOverNormsOfWeightsByRole) {
  using model::Role;
  model::FlatParameters parameters(
      {{"embedding", {{"table", {2, 2}, Role::kEmbedding}}},
       {"layer", {{"a", {1, 2}}, {"b", {2, 1}}, {"norm", {3}, Role::kVector}}}},
      at::kCPU, at::kFloat);
  parameters.view("table").fill_(1);
  parameters.view("a").fill_(3);
  parameters.view("b").fill_(4);
  const at::Tensor before = parameters.master().clone();
  parameters.view("a").fill_(3.5);
  parameters.view("b").fill_(4.5);
  parameters.view("norm").fill_(1);
  // Matrices: a change of 4 x 0.5^2, weights of 2 x 9 + 2 x 16. A norm that was zero has no ratio.
  const std::vector<std::pair<std::string, double>> expected = {
      {"matrix", std::sqrt(1.0 / 50)}, {"embedding", 0}, {"vector", 0}};
  const auto found = update_ratios(parameters, before);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found[i].first, expected[i].first);
    EXPECT_NEAR(found[i].second, expected[i].second, 1e-12);
  }
}

}  // namespace
}  // namespace superpose::optim
