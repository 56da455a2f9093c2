#include "ops/kernels.h"

#include <array>
#include <atomic>

#include "ops/cpu/adamw_rows.h"
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

// The kernels of an instruction set, by section.
struct KernelTable {
  const cpu::AttentionRows* attention;
  const cpu::BagRows* bags;
  const cpu::Bf16Rows* bf16;
  const cpu::CrossEntropyRows* cross_entropy;
  const cpu::DecoderRows* decoder;
  cpu::AdamWUpdate* update_adamw;
  cpu::RowDots* row_dots;
  cpu::TileProduct* own_tile_product;
  cpu::Transpose* transpose;
};

struct Level {
  std::string_view name;
  KernelTable kernels;
  cpu::TileProduct* tile_product;
  bool (*runs_here)();
};

constexpr KernelTable kDefaultKernels = {.attention = &cpu::isa_default::kAttentionRows,
                                         .bags = &cpu::isa_default::kBagRows,
                                         .bf16 = &cpu::isa_default::kBf16Rows,
                                         .cross_entropy = &cpu::isa_default::kCrossEntropyRows,
                                         .decoder = &cpu::isa_default::kDecoderRows,
                                         .update_adamw = cpu::isa_default::update_adamw,
                                         .row_dots = cpu::isa_default::row_dots,
                                         .own_tile_product = cpu::isa_default::tile_product,
                                         .transpose = cpu::isa_default::transpose};
constexpr Level kDefault = {"default", kDefaultKernels, cpu::isa_default::tile_product,
                            [] { return true; }};

// Lowest first.
#if defined(__x86_64__)
constexpr KernelTable kAvx2Kernels = {.attention = &cpu::avx2::kAttentionRows,
                                      .bags = &cpu::avx2::kBagRows,
                                      .bf16 = &cpu::avx2::kBf16Rows,
                                      .cross_entropy = &cpu::avx2::kCrossEntropyRows,
                                      .decoder = &cpu::avx2::kDecoderRows,
                                      .update_adamw = cpu::avx2::update_adamw,
                                      .row_dots = cpu::avx2::row_dots,
                                      .own_tile_product = cpu::avx2::tile_product,
                                      .transpose = cpu::avx2::transpose};

constexpr KernelTable kAvx512Kernels = {.attention = &cpu::avx512::kAttentionRows,
                                        .bags = &cpu::avx512::kBagRows,
                                        .bf16 = &cpu::avx512::kBf16Rows,
                                        .cross_entropy = &cpu::avx512::kCrossEntropyRows,
                                        .decoder = &cpu::avx512::kDecoderRows,
                                        .update_adamw = cpu::avx512::update_adamw,
                                        .row_dots = cpu::avx512::row_dots,
                                        .own_tile_product = cpu::avx512::tile_product,
                                        .transpose = cpu::avx512::transpose};

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512cd");
}

constexpr std::array kLevels = {
    kDefault, Level{"avx2", kAvx2Kernels, cpu::avx2::tile_product, has_avx2},
    Level{"avx512", kAvx512Kernels, cpu::micro_kernel_product, has_avx512}};
#else
constexpr std::array kLevels = {kDefault};
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
const AttentionRows& active_attention_rows() { return *active_level().kernels.attention; }
const BagRows& active_bag_rows() { return *active_level().kernels.bags; }
const Bf16Rows& active_bf16_rows() { return *active_level().kernels.bf16; }
const CrossEntropyRows& active_cross_entropy_rows() {
  return *active_level().kernels.cross_entropy;
}
const DecoderRows& active_decoder_rows() { return *active_level().kernels.decoder; }
void update_adamw(const AdamWRange& range) { active_level().kernels.update_adamw(range); }
void tile_product(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                  std::int64_t out_stride, Into into) {
  active_level().tile_product(size, a, b, out, out_stride, into);
}
void own_tile_product(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
                      std::int64_t out_stride, Into into) {
  active_level().kernels.own_tile_product(size, a, b, out, out_stride, into);
}
void row_dots(const ProductSize& size, const Matrix& a, const Matrix& b, float* out,
              std::int64_t out_stride) {
  active_level().kernels.row_dots(size, a, b, out, out_stride);
}
void transpose(const Matrix& from, std::int64_t rows, std::int64_t columns, float* to,
               std::int64_t to_stride) {
  active_level().kernels.transpose(from, rows, columns, to, to_stride);
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
