// A task is a block of rows of one expert. One thread takes it from gathered positions to the rows
// of the result, so that what lies between stays in its caches; gradients of weights, which sum
// over all rows of an expert, are a second round of tasks, a band of a weight each. Tasks are cut
// by the experts' counts alone and threads take the next one that is free, so the bits are the same
// for any number of threads.
#include "ops/cpu/expert_mlp_kernel.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/ones.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "ops/cpu/bf16_products.h"
#include "ops/cpu/bf16_tiles.h"
#include "ops/cpu/decoder_rows.h"
#include "ops/cpu/element_rows.h"
#include "ops/cpu/micro_kernels.h"
#include "ops/cpu/parallel.h"
#include "ops/cpu/serial_products.h"
#include "ops/row_by_row.h"

namespace superpose::ops::cpu {
namespace {

// Rows of a task: each task lays the weights of its expert out once more, so there are few, but
// enough to share out. An even number: the words of a task's rows (bf16_rows.h) are its own.
constexpr std::int64_t kTasks = 16;
constexpr std::int64_t kMinRows = 128;
constexpr std::int64_t kMaxRows = 1024;
constexpr std::int64_t kRowUnit = 16;

// Rows of a weight whose gradient is a task.
constexpr std::int64_t kBand = 64;

std::int64_t blocks_of(std::int64_t size, std::int64_t block) { return (size + block - 1) / block; }

// Packed rows [begin, end) of one expert; first is the expert's first row.
struct RowTask {
  std::int64_t expert, first, begin, end;
  std::int64_t rows() const { return end - begin; }
};

std::vector<RowTask> row_tasks(const std::vector<std::int64_t>& begins) {
  const std::int64_t most = std::clamp(blocks_of(begins.back(), kTasks), kMinRows, kMaxRows);
  std::vector<RowTask> tasks;
  for (std::size_t e = 0; e + 1 < begins.size(); ++e) {
    const std::int64_t count = begins[e + 1] - begins[e];
    if (count == 0) continue;
    const std::int64_t even = blocks_of(count, blocks_of(count, most));
    const std::int64_t size = blocks_of(even, kRowUnit) * kRowUnit;
    for (std::int64_t row = begins[e]; row < begins[e + 1]; row += size) {
      tasks.push_back(
          {static_cast<std::int64_t>(e), begins[e], row, std::min(row + size, begins[e + 1])});
    }
  }
  return tasks;
}

// What a thread keeps from one task to the next.
template <class T>
struct Scratch {
  SerialProducts<T> products;
  std::vector<T> in, hidden, grad_hidden;
};

template <class T>
T* with_room(std::vector<T>& buffer, std::int64_t size) {
  if (buffer.size() < static_cast<std::size_t>(size)) {
    buffer.resize(static_cast<std::size_t>(size));
  }
  return buffer.data();
}

// Calls work(scratch, task) for each task, on all threads.
template <class T, class Work>
void for_each_task(std::size_t num_tasks, const Work& work) {
  std::atomic<std::size_t> next{0};
  const auto threads =
      std::min(static_cast<std::int64_t>(num_tasks), std::int64_t{at::get_num_threads()});
  at::parallel_for(0, threads, 1, [&](std::int64_t /*begin*/, std::int64_t /*end*/) {
    Scratch<T> scratch;
    for (std::size_t task = next++; task < num_tasks; task = next++) work(scratch, task);
    if constexpr (std::is_same_v<T, Bf16>) release_micro_kernels();
  });
}

template <class T>
MatrixOf<T> rows_of(const at::Tensor& tensor, std::int64_t row) {
  const std::int64_t width = tensor.size(-1);
  return {read<T>(tensor) + row * width, width};
}

template <class T>
T* row_of(const at::Tensor& tensor, std::int64_t row) {
  return write<T>(tensor) + row * tensor.size(-1);
}

// to = the rows of x at the task's positions.
template <class T>
void gather(const at::Tensor& x, const std::int64_t* positions, const RowTask& task, T* to) {
  const std::int64_t width = x.size(1);
  for (std::int64_t row = task.begin; row < task.end; ++row, to += width) {
    std::copy_n(read<T>(x) + positions[row] * width, width, to);
  }
}

// [N, D] of the type of `packed` [P, D]: sum over a position's packed rows, each times its scale.
template <class T>
at::Tensor combined(const at::Tensor& packed, const at::Tensor& rows, const at::Tensor& scale) {
  const std::int64_t width = packed.size(1);
  const std::int64_t k = rows.size(1);
  const auto add = choose<T>(active_bag_rows().add_f32, active_bag_rows().add_bf16);
  at::Tensor out = at::empty({rows.size(0), width}, packed.options());
  at::parallel_for(
      0, rows.size(0), row_grain(k * width), [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> scratch(std::is_same_v<T, float> ? 0 : static_cast<std::size_t>(width));
        for (std::int64_t n = begin; n < end; ++n) {
          float* sum = scratch.data();
          if constexpr (std::is_same_v<T, float>) sum = row_of<float>(out, n);
          std::fill_n(sum, width, 0.0F);
          add({read<T>(packed), width, read<std::int64_t>(rows) + n * k, read<float>(scale), k,
               width},
              sum);
          if constexpr (!std::is_same_v<T, float>) {
            active_bf16_rows().to_bf16(sum, width, row_of<Bf16>(out, n));
          }
        }
      });
  return out;
}

// The share of each packed row. [P]
at::Tensor packed_shares(const at::Tensor& shares, const PackedPairs& packed) {
  return shares.flatten().index_select(0, packed.pairs);
}

template <class T>
void activate(const at::Tensor& gate_up, const RowTask& task, T* hidden) {
  const auto row = choose<T>(active_decoder_rows().swiglu_f32, active_decoder_rows().swiglu_bf16);
  const std::int64_t inner = gate_up.size(1) / 2;
  for (std::int64_t r = task.begin; r < task.end; ++r, hidden += inner) {
    row({read<T>(gate_up) + r * 2 * inner, nullptr, hidden, inner});
  }
}

template <class T>
std::tuple<at::Tensor, at::Tensor> forward(const at::Tensor& x, const at::Tensor& shares,
                                           const PackedPairs& packed,
                                           const ExpertMatrices& weights) {
  const std::int64_t width = x.size(1);
  const std::int64_t inner = weights.down.size(2);
  const std::int64_t num_pairs = packed.pairs.size(0);
  at::Tensor gate_up = at::empty({num_pairs, 2 * inner}, x.options());
  const at::Tensor out = at::empty({num_pairs, width}, x.options());
  const auto* positions = read<std::int64_t>(packed.positions);
  const std::vector<RowTask> tasks = row_tasks(packed.begins);
  for_each_task<T>(tasks.size(), [&](Scratch<T>& scratch, std::size_t index) {
    const RowTask& task = tasks[index];
    T* const in = with_room(scratch.in, task.rows() * width);
    T* const hidden = with_room(scratch.hidden, task.rows() * inner);
    gather(x, positions, task, in);
    scratch.products.times_transposed({task.rows(), 2 * inner, width}, {in, width},
                                      rows_of<T>(weights.gate_up, task.expert * 2 * inner),
                                      row_of<T>(gate_up, task.begin), 2 * inner);
    activate(gate_up, task, hidden);
    scratch.products.times_transposed({task.rows(), width, inner}, {hidden, inner},
                                      rows_of<T>(weights.down, task.expert * width),
                                      row_of<T>(out, task.begin), width);
  });
  return {combined<T>(out, packed.rows, packed_shares(shares, packed)), std::move(gate_up)};
}

// One operand of a weight's gradient, over all packed rows: as it is, or in words of two rows of an
// expert, which start with each expert.
template <class T>
class SummedRows {
 public:
  SummedRows(bool wanted, const PackedPairs& packed, std::int64_t width,
             const at::TensorOptions& options)
      : width_(width) {
    if (!wanted) return;
    std::int64_t rows = packed.pairs.size(0);
    if constexpr (std::is_same_v<T, Bf16>) {
      first_word_.push_back(0);
      for (std::size_t e = 0; e + 1 < packed.begins.size(); ++e) {
        first_word_.push_back(first_word_.back() +
                              pairs_of(packed.begins[e + 1] - packed.begins[e]));
      }
      rows = first_word_.back();
    }
    rows_ = at::empty({rows, width}, options.dtype(at::kFloat));
  }

  bool wanted() const { return rows_.defined(); }

  // From the rows of a task.
  void set(const RowTask& task, const T* rows) const {
    if constexpr (std::is_same_v<T, float>) {
      std::copy_n(rows, task.rows() * width_, row_of<float>(rows_, task.begin));
    } else {
      const std::int64_t word = words_of(task) + (task.begin - task.first) / 2;
      active_bf16_rows().pair({rows, width_}, task.rows(), width_, row_of<float>(rows_, word),
                              width_);
    }
  }

  // From the first row of the task's expert.
  Matrix of(const RowTask& task) const {
    if constexpr (std::is_same_v<T, float>) {
      return rows_of<float>(rows_, task.first);
    } else {
      return rows_of<float>(rows_, words_of(task));
    }
  }

 private:
  std::int64_t words_of(const RowTask& task) const {
    return first_word_[static_cast<std::size_t>(task.expert)];
  }

  std::int64_t width_;
  at::Tensor rows_;
  std::vector<std::int64_t> first_word_;
};

// buffer [E, M, K] += for each expert a^T b, a [P, M] and b [P, K] over its rows.
template <class T>
void add_weight_gradients(const PackedPairs& packed, const at::Tensor& a, const SummedRows<T>& b,
                          const at::Tensor& buffer) {
  RECORD_USER_SCOPE("weight gradient");
  struct Band {
    RowTask rows;
    std::int64_t begin, size;
  };
  const std::int64_t height = buffer.size(1);
  const std::int64_t width = buffer.size(2);
  std::vector<Band> bands;
  for (std::size_t e = 0; e + 1 < packed.begins.size(); ++e) {
    const RowTask rows{static_cast<std::int64_t>(e), packed.begins[e], packed.begins[e],
                       packed.begins[e + 1]};
    if (rows.rows() == 0) continue;
    for (std::int64_t begin = 0; begin < height; begin += kBand) {
      bands.push_back({rows, begin, std::min(kBand, height - begin)});
    }
  }
  for_each_task<T>(bands.size(), [&](Scratch<T>& scratch, std::size_t index) {
    const Band& band = bands[index];
    MatrixOf<T> left = rows_of<T>(a, band.rows.begin);
    left.data += band.begin;
    scratch.products.add_transposed({band.size, width, band.rows.rows()}, left, b.of(band.rows),
                                    row_of<float>(buffer, band.rows.expert * height + band.begin),
                                    width);
  });
}

template <class T>
std::tuple<at::Tensor, at::Tensor> backward(const at::Tensor& grad, const at::Tensor& x,
                                            const at::Tensor& shares, const PackedPairs& packed,
                                            const at::Tensor& gate_up,
                                            const ExpertMatrices& weights,
                                            const ExpertBuffers& buffers) {
  const std::int64_t width = x.size(1);
  const std::int64_t inner = weights.down.size(2);
  const std::int64_t num_pairs = packed.pairs.size(0);
  const at::Tensor share = packed_shares(shares, packed);
  const at::Tensor grad_share = at::empty_like(share);
  const at::Tensor packed_grad = at::empty({num_pairs, width}, x.options());
  const at::Tensor grad_gate_up = at::empty_like(gate_up);
  const at::Tensor grad_in = at::empty_like(packed_grad);
  const SummedRows<T> in(buffers.gate_up.has_value(), packed, width, x.options());
  const SummedRows<T> hidden_rows(buffers.down.has_value(), packed, inner, x.options());
  const auto* positions = read<std::int64_t>(packed.positions);
  const auto scale = choose<T>(active_decoder_rows().share_f32, active_decoder_rows().share_bf16);
  const auto swiglu_grad =
      choose<T>(active_decoder_rows().swiglu_grad_f32, active_decoder_rows().swiglu_grad_bf16);
  const std::vector<RowTask> tasks = row_tasks(packed.begins);
  for_each_task<T>(tasks.size(), [&](Scratch<T>& scratch, std::size_t index) {
    const RowTask& task = tasks[index];
    T* const hidden = with_room(scratch.hidden, task.rows() * inner);
    T* const grad_hidden = with_room(scratch.grad_hidden, task.rows() * inner);
    gather(grad, positions, task, row_of<T>(packed_grad, task.begin));
    scratch.products.times({task.rows(), inner, width}, rows_of<T>(packed_grad, task.begin),
                           rows_of<T>(weights.down, task.expert * width), grad_hidden, inner);
    activate(gate_up, task, hidden);
    for (std::int64_t r = 0; r < task.rows(); ++r) {
      const std::int64_t row = task.begin + r;
      T* const grad_row = grad_hidden + r * inner;
      // The output's product with its gradient, taken before `down`:
      // y . g = (W h) . g = h . (W^T g).
      row_of<float>(grad_share, 0)[row] =
          scale({hidden + r * inner, grad_row, read<float>(share)[row], inner});
      swiglu_grad(
          {read<T>(gate_up) + row * 2 * inner, grad_row, row_of<T>(grad_gate_up, row), inner});
    }
    scratch.products.times({task.rows(), width, 2 * inner}, rows_of<T>(grad_gate_up, task.begin),
                           rows_of<T>(weights.gate_up, task.expert * 2 * inner),
                           row_of<T>(grad_in, task.begin), width);
    if (hidden_rows.wanted()) hidden_rows.set(task, hidden);
    if (in.wanted()) {
      T* const rows = with_room(scratch.in, task.rows() * width);
      gather(x, positions, task, rows);
      in.set(task, rows);
    }
  });
  if (hidden_rows.wanted()) add_weight_gradients(packed, packed_grad, hidden_rows, *buffers.down);
  if (in.wanted()) add_weight_gradients(packed, grad_gate_up, in, *buffers.gate_up);
  return {combined<T>(grad_in, packed.rows, at::ones({num_pairs}, share.options())),
          grad_share.index_select(0, packed.rows.flatten()).view_as(shares)};
}

}  // namespace

bool has_expert_mlp(const at::Tensor& x, const ExpertMatrices& weights) {
  if (!x.is_cpu() || row_way() != RowWay::kAny) return false;
  if (!weights.gate_up.is_contiguous() || !weights.down.is_contiguous()) return false;
  if (x.scalar_type() == at::kFloat) return true;
  return x.scalar_type() == at::kBFloat16 && has_bf16_products() && x.size(1) % 2 == 0 &&
         weights.down.size(2) % 2 == 0;
}

std::tuple<at::Tensor, at::Tensor> expert_mlp(const at::Tensor& x, const at::Tensor& shares,
                                              const PackedPairs& packed,
                                              const ExpertMatrices& weights) {
  return x.scalar_type() == at::kFloat
             ? forward<float>(x.contiguous(), shares.contiguous(), packed, weights)
             : forward<Bf16>(x.contiguous(), shares.contiguous(), packed, weights);
}

std::tuple<at::Tensor, at::Tensor> expert_mlp_backward(const at::Tensor& grad, const at::Tensor& x,
                                                       const at::Tensor& shares,
                                                       const PackedPairs& packed,
                                                       const at::Tensor& gate_up,
                                                       const ExpertMatrices& weights,
                                                       const ExpertBuffers& buffers) {
  const auto run = [&]<class T>() {
    return backward<T>(grad.contiguous(), x.contiguous(), shares.contiguous(), packed, gate_up,
                       weights, buffers);
  };
  return x.scalar_type() == at::kFloat ? run.template operator()<float>()
                                       : run.template operator()<Bf16>();
}

}  // namespace superpose::ops::cpu
