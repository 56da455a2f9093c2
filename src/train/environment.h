// What the bits of a run may depend on in addition to its recipe.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace superpose::train {

// What the caller of run() knows of the machine and of the program; free text, compared as it is.
struct Machine {
  std::string cpu;      // model name and features: shown in the records
  std::string bf16;     // the CPU feature that multiplies bf16 natively, "amx_bf16"; empty: none
  std::string isa;      // of our kernels: "avx512", or "avx2 (forced)"
  std::string kernels;  // kernels and instruction sets in use
  std::vector<std::pair<std::string, std::string>> versions;  // ("superpose", "0.1.0"), ...
  std::int64_t processes = 1;  // of this run on this machine: they share its cores
};

// Kept in state.json. Two runs of one recipe in equal environments have equal bits.
struct Environment {
  std::int64_t threads = 1;  // of each rank
  std::int64_t ranks = 1;
  std::int64_t micro_batch = 1;  // rows
  std::string device;            // "cpu", "cuda"
  std::string precision;         // "f32", "bf16"
  std::string cpu;
  std::string kernels;
  std::string libtorch;

  bool operator==(const Environment&) const = default;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.required("threads", self.threads);
    v.required("ranks", self.ranks);
    v.required("micro_batch", self.micro_batch);
    v.required("device", self.device);
    v.optional("precision", self.precision);
    v.required("cpu", self.cpu);
    v.required("kernels", self.kernels);
    v.required("libtorch", self.libtorch);
  }
};

// "threads 2 -> 1, ranks 1 -> 2"; empty where they are equal.
std::string differences(const Environment& before, const Environment& now);

// Version of the libtorch that this program was built against.
std::string libtorch_version();

// Sets libtorch's thread count and puts back the old one.
class ThreadScope {
 public:
  explicit ThreadScope(std::int64_t threads);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

}  // namespace superpose::train
