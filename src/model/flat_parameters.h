// All weights of a model in one f32 buffer, all gradients in another.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace superpose::model {

// A weight to be laid out. `joins_previous`: stored directly behind the one before, so that one
// view serves both (q, k, v; gate, up); its shape must agree with the other's except in the first
// dimension.
struct ParameterSpec {
  std::string name;  // as in a Hugging Face checkpoint
  std::vector<std::int64_t> shape;
  bool decays = true;  // weight decay applies: to matrices, embedding and head, not to norms
  bool joins_previous = false;
};

struct Parameter {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t offset = 0;  // elements from the start of the flat buffers
  bool decays = true;
  std::int64_t numel() const;
};

// Three flat buffers with the same offsets:
//
//   master    f32: what the optimizer updates and a checkpoint stores
//   gradient  f32: cleared once per step by zero_gradient(), and added to by every backward until
//             the next
//   compute   bf16 copy of the decayed part, written by AdamW and refresh_compute(); the master
//             itself where compute is f32
//
// Decayed weights come first, [0, num_decayed()), then the others, [num_decayed(), size()). Each
// group of joined weights starts at a multiple of 32 elements: 64 bytes in bf16, 128 in f32. Gaps
// hold zeros and stay zero under AdamW. Nothing here requires a gradient in autograd's sense:
// operators add to gradient_view() themselves.
class FlatParameters {
 public:
  // Elements behind the gradients for what travels with them in the one collective of a step.
  static constexpr std::int64_t kMailbox = 64;

  // compute_type: kFloat or kBFloat16. Everything starts as zero. Throws c10::ValueError for a name
  // that occurs twice.
  FlatParameters(const std::vector<ParameterSpec>& specs, at::Device device,
                 at::ScalarType compute_type);

  const std::vector<Parameter>& list() const { return list_; }
  std::int64_t size() const { return size_; }                // elements, gaps included
  std::int64_t num_decayed() const { return num_decayed_; }  // elements, gaps included
  at::ScalarType compute_type() const { return compute_.scalar_type(); }

  const at::Tensor& master() const { return master_; }      // [size()]
  const at::Tensor& gradient() const { return gradient_; }  // [size()]
  // [num_decayed()] bf16, the rounded master; undefined where compute_type() is f32.
  at::Tensor compute_copy() const;
  // gradient() and its mailbox as one tensor, [size() + kMailbox].
  const at::Tensor& gradient_with_mailbox() const { return gradient_with_mailbox_; }
  at::Tensor mailbox() const;  // [kMailbox]

  // Views by name, in the weight's shape. compute_view of a weight that does not decay is f32
  // always: norms compute in f32. Throw c10::ValueError for an unknown name.
  at::Tensor view(std::string_view name) const;
  at::Tensor gradient_view(std::string_view name) const;
  at::Tensor compute_view(std::string_view name) const;

  // One view over joined weights, `first` to `last`: [sum of first dimensions, ...].
  at::Tensor joined_gradient_view(std::string_view first, std::string_view last) const;
  at::Tensor joined_compute_view(std::string_view first, std::string_view last) const;

  void zero_gradient();    // mailbox included
  void refresh_compute();  // after a change of the master other than AdamW's

 private:
  const Parameter& find(std::string_view name) const;
  at::Tensor joined(const at::Tensor& flat, std::string_view first, std::string_view last) const;

  std::vector<Parameter> list_;
  std::unordered_map<std::string, std::size_t> index_;
  std::int64_t size_ = 0;
  std::int64_t num_decayed_ = 0;
  at::Tensor master_, gradient_with_mailbox_, gradient_, compute_;
};

}  // namespace superpose::model
