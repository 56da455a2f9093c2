#include "ops/cpu/attention_rows.h"

#include "ops/cpu/exp_f32.h"

namespace superpose::ops::cpu::SUPERPOSE_ISA {
namespace {

// exp(x), and exactly 0 for what is left out: -infinity, and what would be no normal number.
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

void softmax(const SoftmaxTile& tile) {
  float maximum[kQueries];
  float shift[kQueries];
  float sum[kQueries];
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

}  // namespace

extern const AttentionRows kAttentionRows = {
    .softmax = softmax, .softmax_grad = softmax_grad, .scale_columns = scale_columns, .dot = dot};

}  // namespace superpose::ops::cpu::SUPERPOSE_ISA
