#include "ops/kernels.h"

#include <array>
#include <atomic>

#include "ops/cpu/attention_rows.h"
#include "ops/cpu/bf16_products.h"
#include "ops/cpu/bf16_rows.h"
#include "ops/cpu/decoder_rows.h"
#include "ops/cpu/f32_products.h"
#include "ops/cpu/micro_kernels.h"
#include "ops/cpu/row_dots.h"
#include "ops/cpu/row_kernels.h"
#include "ops/cpu/tile_product.h"
#include "ops/cpu/transpose.h"
#include "util/error.h"

namespace superpose::ops {
namespace {

struct Level {
  std::string_view name;
  const cpu::BagRows* bag_rows;
  const cpu::CrossEntropyRows* cross_entropy_rows;
  const cpu::DecoderRows* decoder_rows;
  const cpu::AttentionRows* attention_rows;
  cpu::TileProduct* tile_product;
  cpu::TileProduct* own_tile_product;
  cpu::RowDots* row_dots;
  cpu::Transpose* transpose;
  cpu::PairRows* pair_rows;
  bool (*runs_here)();
};

// Lowest first.
#if defined(__x86_64__)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512cd");
}

constexpr std::array kLevels = {
    Level{"default", &cpu::isa_default::kBagRows, &cpu::isa_default::kCrossEntropyRows,
          &cpu::isa_default::kDecoderRows, &cpu::isa_default::kAttentionRows,
          cpu::isa_default::tile_product, cpu::isa_default::tile_product,
          cpu::isa_default::row_dots, cpu::isa_default::transpose, cpu::isa_default::pair_rows,
          [] { return true; }},
    Level{"avx2", &cpu::avx2::kBagRows, &cpu::avx2::kCrossEntropyRows, &cpu::avx2::kDecoderRows,
          &cpu::avx2::kAttentionRows, cpu::avx2::tile_product, cpu::avx2::tile_product,
          cpu::avx2::row_dots, cpu::avx2::transpose, cpu::avx2::pair_rows, has_avx2},
    Level{"avx512", &cpu::avx512::kBagRows, &cpu::avx512::kCrossEntropyRows,
          &cpu::avx512::kDecoderRows, &cpu::avx512::kAttentionRows, cpu::micro_kernel_product,
          cpu::avx512::tile_product, cpu::avx512::row_dots, cpu::avx512::transpose,
          cpu::avx512::pair_rows, has_avx512}};
#else
constexpr std::array kLevels = {Level{
    "default", &cpu::isa_default::kBagRows, &cpu::isa_default::kCrossEntropyRows,
    &cpu::isa_default::kDecoderRows, &cpu::isa_default::kAttentionRows,
    cpu::isa_default::tile_product, cpu::isa_default::tile_product, cpu::isa_default::row_dots,
    cpu::isa_default::transpose, cpu::isa_default::pair_rows, [] { return true; }}};
#endif

const Level* best_level() {
  const Level* best = &kLevels.front();
  for (const Level& level : kLevels) {
    if (level.runs_here()) best = &level;
  }
  return best;
}

// Null: the best level of this CPU.
std::atomic<const Level*> forced_level = nullptr;

const Level& active_level() {
  static const Level* const kBest = best_level();
  const Level* forced = forced_level.load(std::memory_order_relaxed);
  return forced == nullptr ? *kBest : *forced;
}

}  // namespace

namespace cpu {
const BagRows& active_bag_rows() { return *active_level().bag_rows; }
const CrossEntropyRows& active_cross_entropy_rows() { return *active_level().cross_entropy_rows; }
const DecoderRows& active_decoder_rows() { return *active_level().decoder_rows; }
const AttentionRows& active_attention_rows() { return *active_level().attention_rows; }
void tile_product(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                  std::int64_t out_stride, Into into) {
  active_level().tile_product(size, a, b, out, out_stride, into);
}
void own_tile_product(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                      std::int64_t out_stride, Into into) {
  active_level().own_tile_product(size, a, b, out, out_stride, into);
}
void row_dots(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
              std::int64_t out_stride) {
  active_level().row_dots(size, a, b, out, out_stride);
}
void transpose(const Matrix& from, std::int64_t rows, std::int64_t columns, float* to,
               std::int64_t to_stride) {
  active_level().transpose(from, rows, columns, to, to_stride);
}
void pair_rows(const Bf16Matrix& x, std::int64_t rows, std::int64_t columns, float* words,
               std::int64_t words_stride) {
  active_level().pair_rows(x, rows, columns, words, words_stride);
}
bool avx512_in_force() { return active_level().name == "avx512"; }
}  // namespace cpu

std::vector<KernelInfo> kernels_in_use() {
  const std::string isa(active_level().name);
  std::vector<KernelInfo> kernels;
  for (const char* name : {"bag_embedding", "multi_hot_linear_cross_entropy", "add_rms_norm",
                           "rotary_heads", "swiglu", "adamw_update", "causal_attention"}) {
    kernels.push_back({.name = name, .isa = isa});
  }
  if (cpu::prefers_f32_products()) kernels.push_back({.name = "f32_product", .isa = isa});
  if (cpu::has_bf16_products()) kernels.push_back({.name = "bf16_product", .isa = isa});
  return kernels;
}

std::vector<std::string> isa_levels() {
  std::vector<std::string> names;
  for (const Level& level : kLevels) names.emplace_back(level.name);
  return names;
}

std::string isa_in_force() {
  const bool is_forced = forced_level.load(std::memory_order_relaxed) != nullptr;
  return std::string(active_level().name) + (is_forced ? " (forced)" : "");
}

std::vector<std::string> available_isa_levels() {
  std::vector<std::string> names;
  for (const Level& level : kLevels) {
    if (level.runs_here()) names.emplace_back(level.name);
  }
  return names;
}

void set_isa_override(std::string_view name) {
  if (name == "auto") {
    forced_level = nullptr;
    return;
  }
  for (const Level& level : kLevels) {
    if (level.name != name) continue;
    util::require(level.runs_here(), "isa: this CPU cannot run ", name,
                  ", it has: ", cpu_features());
    forced_level = &level;
    return;
  }
  util::fail("isa: expected auto, default, avx2 or avx512 (the last two on x86-64), got ", name);
}

std::string native_bf16() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("amx-bf16")) return "amx_bf16";
  if (__builtin_cpu_supports("avx512bf16")) return "avx512_bf16";
#endif
  return {};
}

std::string cpu_features() {
  std::string found;
#if defined(__x86_64__)
  const auto add = [&found](bool present, std::string_view name) {
    if (!present) return;
    if (!found.empty()) found += ' ';
    found += name;
  };
  add(__builtin_cpu_supports("sse4.2"), "sse4.2");
  add(__builtin_cpu_supports("avx"), "avx");
  add(__builtin_cpu_supports("avx2"), "avx2");
  add(__builtin_cpu_supports("fma"), "fma");
  add(__builtin_cpu_supports("avx512f"), "avx512f");
  add(__builtin_cpu_supports("avx512bw"), "avx512bw");
  add(__builtin_cpu_supports("avx512vl"), "avx512vl");
  add(__builtin_cpu_supports("avx512dq"), "avx512dq");
  add(__builtin_cpu_supports("avx512cd"), "avx512cd");
  add(__builtin_cpu_supports("avx512vnni"), "avx512_vnni");
  add(__builtin_cpu_supports("avx512bf16"), "avx512_bf16");
  add(__builtin_cpu_supports("amx-tile"), "amx_tile");
  add(__builtin_cpu_supports("amx-bf16"), "amx_bf16");
#endif
  return found.empty() ? "none" : found;
}

}  // namespace superpose::ops
