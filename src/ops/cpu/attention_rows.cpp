#include "ops/cpu/attention_rows.h"

#include "ops/cpu/bf16_convert.h"
#include "ops/cpu/exp_f32.h"

namespace superpose::ops::cpu::SUPERPOSE_ISA {
namespace {

// exp(x), and exactly 0 for what is left out: -infinity, and what would not be a normal number.
inline float exp_or_zero(float x) { return x < -87.0F ? 0.0F : exp_f32(x); }

inline float larger(float a, float b) { return a > b ? a : b; }

// Raises maximum [kQueries] to that of the scores: four keys at a time, so that the chain through
// `maximum` is short.
void raise_maximum(const float* scores, std::int64_t keys, float* maximum) {
  constexpr std::int64_t kStep = 4;
  const std::int64_t whole = keys / kStep * kStep;
  for (std::int64_t key = 0; key < whole; key += kStep) {
    const float* s = scores + key * kQueries;
#pragma omp simd
    for (std::int64_t c = 0; c < kQueries; ++c) {
      const float low = larger(s[c], s[kQueries + c]);
      const float high = larger(s[2 * kQueries + c], s[3 * kQueries + c]);
      maximum[c] = larger(maximum[c], larger(low, high));
    }
  }
  for (std::int64_t key = whole; key < keys; ++key) {
    const float* s = scores + key * kQueries;
#pragma omp simd
    for (std::int64_t c = 0; c < kQueries; ++c) maximum[c] = larger(maximum[c], s[c]);
  }
}

// Raises the tile's maximum, and sets what follows from it: the decay of what was summed before,
// `shift` = scale * maximum, and `sum` = what is left of the sum so far.
inline void begin_tile(const SoftmaxTile& tile, float* shift, float* sum) {
  float maximum[kQueries];
  for (std::int64_t c = 0; c < kQueries; ++c) maximum[c] = tile.maximum[c];
  raise_maximum(tile.scores, tile.keys, maximum);
#pragma omp simd
  for (std::int64_t c = 0; c < kQueries; ++c) {
    shift[c] = maximum[c] * tile.scale;
    const float decay = exp_or_zero(tile.maximum[c] * tile.scale - shift[c]);
    tile.maximum[c] = maximum[c];
    tile.decay[c] = decay;
    sum[c] = tile.sum[c] * decay;
  }
}

void softmax(const SoftmaxTile& tile) {
  float shift[kQueries];
  float sum[kQueries];
  begin_tile(tile, shift, sum);
  for (std::int64_t key = 0; key < tile.keys; ++key) {
    float* s = tile.scores + key * kQueries;
#pragma omp simd
    for (std::int64_t c = 0; c < kQueries; ++c) {
      const float e = exp_or_zero(s[c] * tile.scale - shift[c]);
      s[c] = e;
      sum[c] += e;
    }
  }
  for (std::int64_t c = 0; c < kQueries; ++c) tile.sum[c] = sum[c];
}

void softmax_grad(const SoftmaxGradTile& tile) {
  for (std::int64_t key = 0; key < tile.keys; ++key) {
    float* s = tile.scores + key * kQueries;
    float* grad = tile.grad + key * kQueries;
#pragma omp simd
    for (std::int64_t c = 0; c < kQueries; ++c) {
      const float p = exp_or_zero(s[c] * tile.scale - tile.logsumexp[c]);
      s[c] = p;
      grad[c] = p * tile.scale * (grad[c] - tile.mean[c]);
    }
  }
}

// Two bf16 numbers in the place of a float, the first in the low half.
inline float word_of(std::uint32_t low, std::uint32_t high) {
  return std::bit_cast<float>(low | high << 16);
}

void softmax_pairs(const SoftmaxPairs& pairs) {
  const SoftmaxTile& tile = pairs.tile;
  float shift[kQueries];
  float sum[kQueries];
  begin_tile(tile, shift, sum);
  const std::int64_t whole = tile.keys / 2 * 2;
  for (std::int64_t key = 0; key < whole; key += 2) {
    const float* s = tile.scores + key * kQueries;
    float* words = pairs.words + key / 2 * kQueries;
#pragma omp simd
    for (std::int64_t c = 0; c < kQueries; ++c) {
      const float low = exp_or_zero(s[c] * tile.scale - shift[c]);
      const float high = exp_or_zero(s[kQueries + c] * tile.scale - shift[c]);
      sum[c] += low + high;
      words[c] = word_of(bf16_bits(low), bf16_bits(high));
    }
  }
  if (whole < tile.keys) {
    const float* s = tile.scores + whole * kQueries;
    float* words = pairs.words + whole / 2 * kQueries;
#pragma omp simd
    for (std::int64_t c = 0; c < kQueries; ++c) {
      const float low = exp_or_zero(s[c] * tile.scale - shift[c]);
      sum[c] += low;
      words[c] = word_of(bf16_bits(low), 0);
    }
  }
  for (std::int64_t c = 0; c < kQueries; ++c) tile.sum[c] = sum[c];
}

// The bits of p and of the gradient of a score.
struct GradBits {
  std::uint32_t p, grad;
};

inline GradBits grad_bits(const SoftmaxGradTile& tile, std::int64_t key, std::int64_t c) {
  const float p = exp_or_zero(tile.scores[key * kQueries + c] * tile.scale - tile.logsumexp[c]);
  const float grad = p * tile.scale * (tile.grad[key * kQueries + c] - tile.mean[c]);
  return {bf16_bits(p), bf16_bits(grad)};
}

void softmax_grad_pairs(const SoftmaxGradPairs& pairs) {
  const SoftmaxGradTile tile = pairs.tile;
  for (std::int64_t key = 0; key < tile.keys; key += 2) {
    Bf16* p = pairs.p + key * kQueries;
    Bf16* grad = pairs.grad + key * kQueries;
    float* words = pairs.grad_words + key / 2 * kQueries;
    if (key + 1 == tile.keys) {
#pragma omp simd
      for (std::int64_t c = 0; c < kQueries; ++c) {
        const GradBits low = grad_bits(tile, key, c);
        p[c].bits = static_cast<std::uint16_t>(low.p);
        grad[c].bits = static_cast<std::uint16_t>(low.grad);
        words[c] = word_of(low.grad, 0);
      }
      return;
    }
#pragma omp simd
    for (std::int64_t c = 0; c < kQueries; ++c) {
      const GradBits low = grad_bits(tile, key, c);
      const GradBits high = grad_bits(tile, key + 1, c);
      p[c].bits = static_cast<std::uint16_t>(low.p);
      p[kQueries + c].bits = static_cast<std::uint16_t>(high.p);
      grad[c].bits = static_cast<std::uint16_t>(low.grad);
      grad[kQueries + c].bits = static_cast<std::uint16_t>(high.grad);
      words[c] = word_of(low.grad, high.grad);
    }
  }
}

void scale_columns(float* x, std::int64_t rows, const float* factor) {
  for (std::int64_t row = 0; row < rows; ++row) {
    float* r = x + row * kQueries;
#pragma omp simd
    for (std::int64_t c = 0; c < kQueries; ++c) r[c] *= factor[c];
  }
}

float dot(const float* a, const float* b, std::int64_t size) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < size; ++i) sum += a[i] * b[i];
  return sum;
}

float dot_bf16(const Bf16* a, const Bf16* b, std::int64_t size) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < size; ++i) sum += widen(a[i]) * widen(b[i]);
  return sum;
}

}  // namespace

extern const AttentionRows kAttentionRows = {.softmax = softmax,
                                             .softmax_grad = softmax_grad,
                                             .softmax_pairs = softmax_pairs,
                                             .softmax_grad_pairs = softmax_grad_pairs,
                                             .scale_columns = scale_columns,
                                             .dot = dot,
                                             .dot_bf16 = dot_bf16};

}  // namespace superpose::ops::cpu::SUPERPOSE_ISA
