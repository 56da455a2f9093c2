// Attention over cached keys and values, in f32.
//
// A task is a group (a key/value head of a row) and a block of its positions; the G = H / K query
// heads of each position are rows of the same products, so keys and values are read once for all of
// them, from where they lie. Scores of a task are held at once: at inference queries are few.
//
// Every element of the result is summed over ascending keys by one thread, in products whose rows
// do not depend on one another (row_dots.h, own_tile_product), so that a query's bits depend
// neither on the block that it falls into nor on the batch.
#include "ops/cpu/cached_attention_kernel.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "ops/cpu/attention_tiles.h"
#include "ops/cpu/parallel.h"
#include "ops/cpu/row_dots.h"
#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu {
namespace {

// Rows of a task's products, as far as whole positions allow.
constexpr std::int64_t kRowsOfTask = 16;

struct Inputs {
  at::Tensor q;         // [B, L, H, h]
  at::Tensor k, v;      // [B, L, K, h]
  KeyValueSlots cache;  // [S, K, C, h]
  at::Tensor slots, starts;

  std::int64_t batch() const { return q.size(0); }
  std::int64_t length() const { return q.size(1); }
  std::int64_t groups() const { return k.size(2); }
  std::int64_t heads_of_group() const { return q.size(2) / k.size(2); }
  std::int64_t width() const { return q.size(3); }
  std::int64_t start(std::int64_t row) const { return starts.const_data_ptr<std::int64_t>()[row]; }
  std::int64_t positions_of_task() const {
    return std::max<std::int64_t>(1, kRowsOfTask / heads_of_group());
  }
  // The positions of a group of a row in keys or values.
  float* kept(const at::Tensor& x, std::int64_t row, std::int64_t group) const {
    const std::int64_t slot = slots.const_data_ptr<std::int64_t>()[row];
    return x.mutable_data_ptr<float>() + (slot * groups() + group) * x.size(2) * width();
  }
};

void keep(const Inputs& in, std::int64_t row, std::int64_t group) {
  for (const auto& [fresh, cache] :
       {std::pair(in.k, in.cache.keys), std::pair(in.v, in.cache.values)}) {
    const Matrix from = head_of(fresh, row, group);
    float* to = in.kept(cache, row, group) + in.start(row) * in.width();
    copy_rows(from, in.length(), in.width(), to, in.width());
  }
}

// One thread's memory, and what it does with a task.
class Attend {
 public:
  Attend(const Inputs& in, const at::Tensor& out, std::int64_t most_keys)
      : in_(in),
        out_(out),
        rows_(in.positions_of_task() * in.heads_of_group()),
        queries_(rows_ * in.width()),
        scores_(rows_ * most_keys),
        sums_(rows_ * in.width()) {}

  void run(std::int64_t row, std::int64_t group, const Range& positions) {
    const std::int64_t heads = in_.heads_of_group();
    const std::int64_t width = in_.width();
    const std::int64_t count = positions.size() * heads;
    const std::int64_t keys = in_.start(row) + positions.end;
    take_queries(row, group, positions);
    row_dots({count, keys, width}, {queries_.data(), width},
             {in_.kept(in_.cache.keys, row, group), width}, scores_.data(), keys);
    for (std::int64_t i = 0; i < count; ++i) {
      soften(scores_.data() + i * keys, keys, in_.start(row) + positions.begin + i / heads + 1);
    }
    own_tile_product({count, width, keys}, {scores_.data(), keys},
                     {in_.kept(in_.cache.values, row, group), width}, sums_.data(), width,
                     Into::kEmpty);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t head = group * heads + i % heads;
      std::copy_n(
          sums_.data() + i * width, width,
          head_to_write(out_, row, head) + (positions.begin + i / heads) * out_.size(2) * width);
    }
  }

 private:
  // Rows by position, then by head of the group.
  void take_queries(std::int64_t row, std::int64_t group, const Range& positions) {
    const std::int64_t heads = in_.heads_of_group();
    const float scale = 1.0F / std::sqrt(static_cast<float>(in_.width()));
    for (std::int64_t i = 0; i < positions.size() * heads; ++i) {
      const Matrix head = head_of(in_.q, row, group * heads + i % heads);
      float* to = queries_.data() + i * in_.width();
      copy_rows(rows_from(head, positions.begin + i / heads), 1, in_.width(), to, in_.width());
      active_cross_entropy_rows().scale(to, in_.width(), scale);
    }
  }

  // Softmax over the first `count` scores; the later ones, of other queries' keys, become 0.
  static void soften(float* scores, std::int64_t keys, std::int64_t count) {
    const CrossEntropyRows& rows = active_cross_entropy_rows();
    const double sum = rows.store_exp(scores, count, rows.maximum(scores, count));
    rows.scale(scores, count, static_cast<float>(1 / sum));
    std::fill(scores + count, scores + keys, 0.0F);
  }

  const Inputs& in_;
  const at::Tensor& out_;  // [B, L, H, h]
  std::int64_t rows_;      // at most, of a task
  Buffer queries_;         // [rows, h]
  Buffer scores_;          // [rows, keys]
  Buffer sums_;            // [rows, h]
};

// Multiply-adds of a task at most.
std::int64_t work_of_task(const Inputs& in, std::int64_t most_keys) {
  return 2 * kRowsOfTask * in.width() * most_keys;
}

}  // namespace

at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const KeyValueSlots& cache, const at::Tensor& slots,
                            const at::Tensor& starts) {
  const Inputs in{q.contiguous(), k.contiguous(),     v.contiguous(),
                  cache,          slots.contiguous(), starts.contiguous()};
  at::Tensor out = at::empty(q.sizes(), q.options());
  if (out.numel() == 0) return out.flatten(2);
  std::int64_t most_keys = 0;
  for (std::int64_t row = 0; row < in.batch(); ++row) {
    most_keys = std::max(most_keys, in.start(row) + in.length());
    for (std::int64_t group = 0; group < in.groups(); ++group) keep(in, row, group);
  }
  const std::int64_t size = in.positions_of_task();
  const std::int64_t blocks = (in.length() + size - 1) / size;
  const std::int64_t grain =
      std::max<std::int64_t>(1, kAttentionGrain / work_of_task(in, most_keys));
  at::parallel_for(0, in.batch() * in.groups() * blocks, grain,
                   [&](std::int64_t begin, std::int64_t end) {
                     Attend attend(in, out, most_keys);
                     for (std::int64_t i = begin; i < end; ++i) {
                       const std::int64_t group = i / blocks;
                       const std::int64_t first = balanced(i % blocks, blocks) * size;
                       attend.run(group / in.groups(), group % in.groups(),
                                  {first, std::min(first + size, in.length())});
                     }
                   });
  return out.flatten(2);
}

}  // namespace superpose::ops::cpu
