// The optimizer and its learning-rate schedule, as a recipe says it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "model/balance_config.h"

namespace superpose::optim {

enum class Schedule { kWarmupStableDecay, kCosine, kConstant };
inline constexpr std::array<std::string_view, 3> kScheduleNames = {"wsd", "cosine", "constant"};

enum class DecayShape { kLinear, kOneMinusSqrt };
inline constexpr std::array<std::string_view, 2> kDecayShapeNames = {"linear", "one_minus_sqrt"};

// The rule that updates the matrices of the layers; embedding, head and norms take AdamW.
enum class MatrixRule { kAdamW, kMuon };
inline constexpr std::array<std::string_view, 2> kMatrixRuleNames = {"adamw", "muon"};

struct OptimConfig {
  MatrixRule matrices = MatrixRule::kAdamW;
  double learning_rate = 3e-3;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0.1;
  double clip_norm = 1.0;
  double muon_momentum = 0.95;
  double z_loss = 0;
  model::BalanceConfig balance = {};
  Schedule schedule = Schedule::kWarmupStableDecay;
  std::int64_t warmup_steps = 100;
  double decay_share = 0.2;
  DecayShape decay_shape = DecayShape::kLinear;
  double final_ratio = 0.0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.added().choice("matrices", self.matrices, kMatrixRuleNames,
                     "rule that updates the matrices of layers; other weights take adamw");
    v.field("learning_rate", self.learning_rate, "peak learning rate");
    v.field("beta1", self.beta1, "AdamW: decay of the mean of gradients");
    v.field("beta2", self.beta2, "AdamW: decay of the mean of squared gradients");
    v.field("eps", self.eps, "AdamW: added to the root of the second moment");
    v.field("weight_decay", self.weight_decay, "decoupled decay of matrices; norms have none");
    v.field("clip_norm", self.clip_norm, "largest norm of all gradients together; 0 = no clipping");
    v.added().field("muon_momentum", self.muon_momentum, "Muon: decay of the mean of gradients");
    v.added().field("z_loss", self.z_loss,
                    "weight of the squared log of the softmax's denominator in the loss; 0 = none");
    v.added().section("balance", self.balance, "losses that keep all experts in use");
    v.choice("schedule", self.schedule, kScheduleNames,
             "wsd = warm-up, stable, decay; cosine; constant (both after warm-up)");
    v.field("warmup_steps", self.warmup_steps, "steps of linear warm-up");
    v.field("decay_share", self.decay_share, "wsd: last share of the steps, in which it decays");
    v.choice("decay_shape", self.decay_shape, kDecayShapeNames, "wsd: shape of the decay");
    v.field("final_ratio", self.final_ratio, "wsd and cosine: rate at the end, as a share of peak");
  }
  // Throws util::Error naming the key.
  void validate() const;
};

}  // namespace superpose::optim
