#include "optim/adamw.h"

#include <ATen/ops/zeros_like.h>

#include <utility>

#include "ops/adamw.h"

namespace superpose::optim {

AdamW::AdamW(const OptimConfig& config, at::Tensor master, at::Tensor gradient,
             std::vector<Slice> slices, at::Tensor copy)
    : config_(config),
      master_(std::move(master)),
      gradient_(std::move(gradient)),
      exp_avg_(at::zeros_like(master_)),
      exp_avg_sq_(at::zeros_like(master_)),
      copy_(std::move(copy)),
      slices_(std::move(slices)) {
  TORCH_CHECK_VALUE(master_.dim() == 1 && gradient_.sizes() == master_.sizes(),
                    "AdamW: master and gradient must be flat and of one length, got ",
                    master_.sizes(), " and ", gradient_.sizes());
  std::int64_t end = 0;
  for (const Slice& slice : slices_) {
    TORCH_CHECK_VALUE(
        end <= slice.begin && slice.begin <= slice.end && slice.end <= master_.numel(),
        "AdamW: slices must follow each other within [0, ", master_.numel(), "), got [",
        slice.begin, ", ", slice.end, ")");
    const std::int64_t copied = copy_.defined() ? copy_.numel() : 0;
    TORCH_CHECK_VALUE(slice.end <= copied || slice.begin >= copied,
                      "AdamW: the copy must end between slices, got [0, ", copied, ") and [",
                      slice.begin, ", ", slice.end, ")");
    end = slice.end;
  }
}

void AdamW::step(double learning_rate, double grad_scale) {
  ++step_count_;
  for (const Slice& slice : slices_) {
    const auto part = [&](const at::Tensor& flat) {
      return flat.narrow(0, slice.begin, slice.end - slice.begin);
    };
    const ops::AdamWStep update{.learning_rate = learning_rate,
                                .beta1 = config_.beta1,
                                .beta2 = config_.beta2,
                                .eps = config_.eps,
                                .weight_decay = slice.decays ? config_.weight_decay : 0.0,
                                .grad_scale = grad_scale,
                                .step = step_count_};
    ops::adamw_update(part(master_), part(gradient_), part(exp_avg_), part(exp_avg_sq_), update,
                      copy_.defined() && slice.end <= copy_.numel() ? part(copy_) : at::Tensor());
  }
}

}  // namespace superpose::optim
