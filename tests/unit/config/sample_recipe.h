// A recipe with every type of key that there is.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "superposition/phases.h"
#include "util/error.h"

namespace superpose::config {

enum class Shape { kFlat, kRising, kFalling };
inline constexpr std::array<std::string_view, 3> kShapeNames = {"flat", "rising", "falling"};

struct ScalingSection {
  double factor = 8.0;

  bool operator==(const ScalingSection&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("factor", self.factor, "how much");
  }
};

struct OptimSection {
  double learning_rate = 3e-3;
  double eps = 1e-8;
  Shape shape = Shape::kFlat;
  std::int64_t warmup_steps = 100;
  std::optional<double> clip = std::nullopt;
  ScalingSection scaling = {};

  bool operator==(const OptimSection&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("learning_rate", self.learning_rate, "peak learning rate");
    v.field("eps", self.eps, "added to the root");
    v.choice("shape", self.shape, kShapeNames, "how the rate changes");
    v.section("scaling", self.scaling, "a table inside a table");
    v.field("warmup_steps", self.warmup_steps, "steps of warm-up");
    v.field("clip", self.clip, "largest norm");
  }

  void validate() const {
    util::require(learning_rate > 0, "optim.learning_rate: must be > 0, got ", learning_rate);
    util::require(eps > 0, "eps: must be > 0, got ", eps);
  }
};

struct TrainSection {
  std::int64_t steps = 1000;
  std::int64_t threads = 0;
  bool tied = true;
  std::string name = "first";
  std::optional<std::int64_t> micro_batch = std::nullopt;
  std::vector<double> rates = {};
  std::vector<std::int64_t> seeds = {1, 2};
  std::vector<std::string> sources = {};

  bool operator==(const TrainSection&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("steps", self.steps, "optimizer steps");
    v.operational("threads", self.threads, "CPU threads; 0 = all cores");
    v.field("tied", self.tied, "head shares the embedding");
    v.field("name", self.name, "name of the run");
    v.operational("micro_batch", self.micro_batch, "rows at once");
    v.field("rates", self.rates, "learning rates");
    v.field("seeds", self.seeds, "seeds");
    v.field("sources", self.sources, "text files");
  }
};

struct Arm {
  std::string name = {};
  std::map<std::string, std::string> overrides = {};

  bool operator==(const Arm&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("name", self.name, "name of the arm");
    v.field("overrides", self.overrides, "recipe keys of this arm");
  }
};

struct CompareSection {
  std::vector<Arm> arms = {};

  bool operator==(const CompareSection&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.list("arms", self.arms, "what is compared");
  }
};

struct SampleRecipe {
  TrainSection train = {};
  OptimSection optim = {};
  std::vector<superposition::PhaseConfig> phases = {{.share = 0.3, .bag_size = 6}};
  CompareSection compare = {};

  bool operator==(const SampleRecipe&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.section("train", self.train, "how long");
    v.section("optim", self.optim, "the optimizer");
    v.list("phases", self.phases, "phases in order");
    v.section("compare", self.compare, "arms");
  }

  void validate() const { superposition::make_phases(phases, train.steps); }
};

// Every value differs from its default, and is hard to print where it can be.
inline SampleRecipe unusual_recipe() {
  SampleRecipe recipe;
  recipe.train = {.steps = std::numeric_limits<std::int64_t>::max(),
                  .threads = -3,
                  .tied = false,
                  .name =
                      "quote \" backslash \\ line\nreturn\r tab\t bell\x07 \x7f gr\xc3\xbc\xc3\x9f "
                      "\xf0\x9f\x8e\x92 # no comment ''' [x]",
                  .micro_batch = 7,
                  .rates = {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0},
                  .seeds = {std::numeric_limits<std::int64_t>::min(), 0},
                  .sources = {"", "a, b", "\"]"}};
  recipe.optim = {.learning_rate = 0.1 + 0.2,
                  .eps = std::numeric_limits<double>::max(),
                  .shape = Shape::kFalling,
                  .warmup_steps = 0,
                  .clip = 2.0,
                  .scaling = {.factor = 32}};
  recipe.phases = {{.steps = 5,
                    .bag_size = 2,
                    .target_size = 3,
                    .slot_weighting = superposition::SlotWeighting::kExplicit,
                    .slot_weights = {0.5, 0.25, 1e-17}},
                   {.share = 0.123456789012345678, .bag_size = 16}};
  recipe.compare.arms = {{.name = "base", .overrides = {{"phases", "[]"}, {"optim.eps", "1e-07"}}},
                         {.name = "tst",
                          .overrides = {{"train.name", "\"it's \\\"x\\\"\""},
                                        {"phases", "[{bag_size = 2, share = 0.5}]"},
                                        {"data.sources", "[\"a\", \"b\"]"}}},
                         {}};
  return recipe;
}

}  // namespace superpose::config
