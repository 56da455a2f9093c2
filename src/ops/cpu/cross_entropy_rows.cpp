// Element-wise passes over one row of logits. exp and tanh are written out as polynomials (own
// minimax fits, relative error of the fit below 5e-9), so that the compiler vectorises them at
// every level without a library of vector functions.
#include "ops/cpu/exp_f32.h"
#include "ops/cpu/row_kernels.h"

namespace superpose::ops::cpu::SUPERPOSE_ISA {
namespace {

// Terms added in f32 before the sum is carried on in f64: keeps the rounding error independent of
// the vocabulary's size.
constexpr std::int64_t kChunk = 2048;

inline float tanh_f32(float x) {
  const float size = x < 0 ? -x : x;
  const float t = x * x;
  float p = -0.0057042259722948074F;
  p = p * t + 0.02063843421638012F;
  p = p * t - 0.0537395253777504F;
  p = p * t + 0.13331440091133118F;
  p = p * t - 0.3333328068256378F;
  const float near_zero = x + x * (t * p);
  const float far = 1.0F - 2.0F / (exp_f32(2.0F * size) + 1.0F);
  return size < 0.625F ? near_zero : (x < 0 ? -far : far);
}

void soft_cap(float* z, std::int64_t size, float cap) {
  const float inverse = 1.0F / cap;
  for (std::int64_t v = 0; v < size; ++v) z[v] = cap * tanh_f32(z[v] * inverse);
}

float maximum(const float* z, std::int64_t size) {
  float result = z[0];
#pragma omp simd reduction(max : result)
  for (std::int64_t v = 0; v < size; ++v) result = z[v] > result ? z[v] : result;
  return result;
}

double sum_exp(const float* z, std::int64_t size, float maximum) {
  double total = 0;
  for (std::int64_t begin = 0; begin < size; begin += kChunk) {
    const std::int64_t end = size - begin < kChunk ? size : begin + kChunk;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t v = begin; v < end; ++v) sum += exp_f32(z[v] - maximum);
    total += static_cast<double>(sum);
  }
  return total;
}

double store_exp(float* z, std::int64_t size, float maximum) {
  double total = 0;
  for (std::int64_t begin = 0; begin < size; begin += kChunk) {
    const std::int64_t end = size - begin < kChunk ? size : begin + kChunk;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t v = begin; v < end; ++v) {
      const float e = exp_f32(z[v] - maximum);
      z[v] = e;
      sum += e;
    }
    total += static_cast<double>(sum);
  }
  return total;
}

void scale(float* z, std::int64_t size, float factor) {
  for (std::int64_t v = 0; v < size; ++v) z[v] *= factor;
}

void capped_gradient(float* z, std::int64_t size, float maximum, float factor, float cap) {
  const float inverse = 1.0F / cap;
  for (std::int64_t v = 0; v < size; ++v) {
    const float t = z[v] * inverse;
    z[v] = factor * exp_f32(z[v] - maximum) * (1.0F - t * t);
  }
}

}  // namespace

extern const CrossEntropyRows kCrossEntropyRows = {.soft_cap = soft_cap,
                                                   .maximum = maximum,
                                                   .sum_exp = sum_exp,
                                                   .store_exp = store_exp,
                                                   .scale = scale,
                                                   .capped_gradient = capped_gradient};

}  // namespace superpose::ops::cpu::SUPERPOSE_ISA
