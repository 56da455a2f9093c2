// A decoder layer that keeps its input alone and recomputes its activations in backward (Chen et
// al. 2016, "Training deep nets with sublinear memory cost", arXiv 1604.06174): a third more work
// for the layer, and the memory of one layer in place of all.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace superpose::model {

// The residual stream between two layers, N positions, D hidden_size. `update` is the newest
// layer's part, which the next norm adds to `sum`; undefined before the first layer.
struct Residual {
  at::Tensor sum, update;  // [N, D]
};

// From the stream before a layer to the stream after it, both tensors defined. Adds its weights'
// gradients in place where grad mode is on.
using LayerFunction = std::function<Residual(const Residual&)>;

// layer(in), of which backward holds nothing but `in`: it reruns `layer`, then its backward.
// `layer` must outlive backward and give the same bits twice; then gradients are bit for bit those
// of layer(in).
Residual recomputed(const LayerFunction& layer, const Residual& in);

}  // namespace superpose::model
