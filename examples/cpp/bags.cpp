// Token superposition from C++: bags of two tokens are read, and each predicts the next bag.
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <superpose/ops/bag_embedding.h>
#include <superpose/ops/multi_hot_linear_cross_entropy.h>

#include <cmath>
#include <iostream>

int main() {
  constexpr int kVocabulary = 11, kWidth = 4, kBags = 5, kBagSize = 2;
  const at::Tensor weight = at::ones({kVocabulary, kWidth}).requires_grad_();  // [V, D]
  const at::Tensor ids = at::randint(kVocabulary, {1, kBags, kBagSize});
  const at::Tensor inputs = ids.slice(1, 0, kBags - 1);           // [1, L, s]
  const at::Tensor targets = ids.slice(1, 1).flatten(0, 1);       // [L, s]
  const at::Tensor slots = at::full({kBagSize}, 1.0 / kBagSize);  // [s]

  // A decoder would stand between these two.
  const at::Tensor latents = superpose::ops::bag_embedding(weight, inputs).flatten(0, 1);  // [L, D]
  const auto [loss, counts] =
      superpose::ops::multi_hot_linear_cross_entropy(latents, weight, targets, slots);
  loss.backward();

  // All rows of `weight` are equal, so every token is as likely as another: log V.
  std::cout << "loss " << loss.item<float>() << ", log V " << std::log(float{kVocabulary}) << '\n'
            << "gradient of " << weight.grad().sizes() << '\n';
}
