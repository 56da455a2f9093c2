// The operators that the public ones are composed of have no derivative of their own. Called with
// an input that needs one, they say so at backward; without this they would give none, or zeros.
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

TORCH_LIBRARY_IMPL(superpose, Autograd, m) {
  for (const char* name :
       {"_adamw_update_", "_add_rms_norm", "_add_rms_norm_backward", "_bag_embedding_add_gradient",
        "_bag_embedding_backward", "_bag_embedding_forward", "_cached_attention",
        "_causal_attention", "_causal_attention_backward", "_linear_add_gradient",
        "_multi_hot_coefficients", "_multi_hot_linear_cross_entropy_add",
        "_multi_hot_linear_cross_entropy_forward", "_rms_norm_again", "_rotary_heads",
        "_rotary_heads_backward", "_set_sum_linear_cross_entropy_add", "_swiglu",
        "_swiglu_backward"}) {
    m.impl(name, torch::autograd::autogradNotImplementedFallback());
  }
}
