// All weights of a model in one f32 buffer, all gradients in another.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace superpose::model {

// What a weight is to an optimizer. A vector (a norm's weight, a bias) has no weight decay and is
// always computed with in f32; the others are matrices.
enum class Role { kMatrix, kEmbedding, kHead, kVector };
inline constexpr std::array<std::string_view, 4> kRoleNames = {"matrix", "embedding", "head",
                                                               "vector"};

// Its initial values (initialize.h); kResidual: of a matrix that writes the residual stream.
enum class Init { kNormal, kResidual, kOnes, kZeros };

// A weight to be laid out. `joins_previous`: stored directly behind the one before, so that one
// view serves both (q, k, v; gate, up); its shape must agree with the other's except in the first
// dimension.
struct ParameterSpec {
  std::string name;  // as in a Hugging Face checkpoint
  std::vector<std::int64_t> shape;
  Role role = Role::kMatrix;
  bool joins_previous = false;
  Init init = Init::kNormal;
  std::int64_t numel() const;
};

// Numbers that a block adds up in forward, over the micro-batches of a step (router.h).
struct SumsSpec {
  std::string name;  // as records and checkpoints have it: "router/3"
  std::int64_t numel = 0;
};

// Weights that belong together: the embedding, a layer, the final norm and head.
struct UnitSpec {
  std::string name;
  std::vector<ParameterSpec> weights;
  std::vector<SumsSpec> sums = {};
};

struct Parameter {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t offset = 0;  // elements from the start of the flat buffers
  Role role = Role::kMatrix;
  Init init = Init::kNormal;
  std::int64_t numel() const;
  bool is_vector() const { return role == Role::kVector; }
};

// A range of the flat buffers: matrices are in [begin, vectors), vectors in [vectors, end).
struct Unit {
  std::string name;
  std::int64_t begin = 0, vectors = 0, end = 0;  // elements
};

// Whether a model has memory for gradients: one that is never trained does without.
enum class GradientBuffer { kAllocate, kNone };

// Three flat buffers with the same offsets:
//
//   master    f32: what the optimizer updates and a checkpoint stores
//   gradient  f32: cleared once per step by zero_gradient(), and added to by every backward until
//             the next; with GradientBuffer::kNone it and its views are undefined
//   compute   bf16 copy, written by the optimizer and refresh_compute(); the master itself where
//             compute is f32
//
// Units follow one another, each with its matrices first. Units, the vectors of a unit and each
// group of joined weights start at a multiple of 32 elements: 64 bytes in bf16, 128 in f32. Gaps
// hold zeros and stay zero. Nothing here requires a gradient in autograd's sense: operators add to
// gradient_view() themselves.
//
// Behind the gradients lie the mailbox and the blocks' sums, cleared with them.
class FlatParameters {
 public:
  // Elements behind the gradients for what travels with them in the one collective of a step.
  static constexpr std::int64_t kMailbox = 64;

  // compute_type: kFloat or kBFloat16. Everything starts as zero. Throws c10::ValueError for a name
  // that occurs twice.
  FlatParameters(const std::vector<UnitSpec>& units, at::Device device, at::ScalarType compute_type,
                 GradientBuffer gradients = GradientBuffer::kAllocate);

  const std::vector<Parameter>& list() const { return list_; }  // in the order of the buffers
  const std::vector<Unit>& units() const { return units_; }
  std::int64_t size() const { return size_; }  // elements, gaps included
  at::ScalarType compute_type() const { return compute_.scalar_type(); }

  const at::Tensor& master() const { return master_; }      // [size()]
  const at::Tensor& gradient() const { return gradient_; }  // [size()]
  // [size()] bf16, the rounded master; undefined where compute_type() is f32.
  at::Tensor compute_copy() const;
  // gradient(), mailbox and sums as one tensor, [size() + kMailbox + those of all units].
  const at::Tensor& gradient_with_mailbox() const { return gradient_with_mailbox_; }
  at::Tensor mailbox() const;  // [kMailbox]

  // The sums of this step, and those that keep_sums() took over from the step before, zero at
  // first: views of [numel] by name. Throw c10::ValueError for an unknown name.
  const std::vector<SumsSpec>& sums_list() const { return sums_list_; }
  at::Tensor sums(std::string_view name) const;
  at::Tensor last_sums(std::string_view name) const;
  const at::Tensor& all_last_sums() const { return last_sums_; }  // flat, in the order of the list
  void keep_sums();

  // Views by name, in the weight's shape. compute_view of a vector is f32 always. Throw
  // c10::ValueError for an unknown name.
  at::Tensor view(std::string_view name) const;
  at::Tensor gradient_view(std::string_view name) const;
  at::Tensor compute_view(std::string_view name) const;

  // One view over joined weights, `first` to `last`: [sum of first dimensions, ...].
  at::Tensor joined_gradient_view(std::string_view first, std::string_view last) const;
  at::Tensor joined_compute_view(std::string_view first, std::string_view last) const;

  void zero_gradient();    // mailbox and sums included
  void refresh_compute();  // after a change of the master other than the optimizer's

 private:
  void lay_out(const UnitSpec& unit);
  const Parameter& find(std::string_view name) const;
  at::Tensor joined(const at::Tensor& flat, std::string_view first, std::string_view last) const;
  at::Tensor sums_in(const at::Tensor& flat, std::string_view name) const;

  std::vector<Parameter> list_;
  std::vector<SumsSpec> sums_list_;
  std::vector<Unit> units_;
  std::unordered_map<std::string, std::size_t> index_;
  std::int64_t size_ = 0;
  at::Tensor master_, gradient_with_mailbox_, gradient_, compute_, sums_, last_sums_;
};

}  // namespace superpose::model
