#include "ops/kernels.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <fstream>
#include <set>

#include "support/names.h"
#include "unit/ops/ops_test_support.h"
#include "util/error.h"

namespace superpose::ops::test {
namespace {

using superpose::test::names;

TEST(Kernels, AreRegisteredWithTheDispatcher) {
  for (const char* name :
       {"_bag_embedding_forward", "_bag_embedding_add_gradient",
        "_multi_hot_linear_cross_entropy_add", "_linear_add_gradient", "_cached_attention",
        "_causal_attention", "_causal_attention_backward"}) {
    const auto op =
        c10::Dispatcher::singleton().findSchema({std::string("superpose::") + name, ""});
    ASSERT_TRUE(op.has_value()) << name;
    EXPECT_TRUE(op->hasKernelForDispatchKey(c10::DispatchKey::CPU)) << name;
    EXPECT_TRUE(op->hasKernelForDispatchKey(c10::DispatchKey::CompositeExplicitAutograd)) << name;
  }
  for (const char* name : {"bag_embedding", "multi_hot_linear_cross_entropy"}) {
    const auto op =
        c10::Dispatcher::singleton().findSchema({std::string("superpose::") + name, ""});
    ASSERT_TRUE(op.has_value()) << name;
    EXPECT_TRUE(op->hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd)) << name;
  }
}

TEST(Kernels, LoopsRunOnTheThreadsAskedFor) {
  for (const int count : {1, 2, 4}) {
    const Threads threads(count);
    EXPECT_EQ(kernel_threads(), count);
  }
}

TEST(Kernels, OneOpenMpRuntimeIsMapped) {
  const Threads threads(2);
  kernel_threads();
  std::ifstream maps("/proc/self/maps");
  ASSERT_TRUE(maps.good());
  std::set<std::string> runtimes;
  for (std::string line; std::getline(maps, line);) {
    const std::size_t path = line.find('/');
    if (path == std::string::npos) continue;
    if (line.find("omp", line.rfind('/')) != std::string::npos) runtimes.insert(line.substr(path));
  }
  EXPECT_EQ(runtimes.size(), 1U) << testing::PrintToString(runtimes);
}

TEST(Kernels, OverrideForcesALevelAndAutoTakesTheBest) {
  const std::vector<std::string> levels = available_isa_levels();
  ASSERT_FALSE(levels.empty());
  EXPECT_EQ(levels.front(), "default");
  for (const std::string& level : levels) {
    set_isa_override(level);
    for (const KernelInfo& kernel : kernels_in_use()) EXPECT_EQ(kernel.isa, level) << kernel.name;
  }
  set_isa_override("auto");
  EXPECT_EQ(kernels_in_use().front().isa, levels.back());
}

TEST(Kernels, OverrideRefusesWhatIsNotThere) {
  try {
    set_isa_override("avx10");
    FAIL() << "accepted";
  } catch (const util::Error& error) {
    EXPECT_THAT(error.what(), names("isa", "auto", "default", "avx2", "avx512"));
    EXPECT_THAT(error.what(), testing::HasSubstr("got avx10"));
  }
  const std::vector<std::string> levels = available_isa_levels();
  for (const std::string level : {"avx2", "avx512"}) {
    if (std::find(levels.begin(), levels.end(), level) == levels.end()) {
      EXPECT_THROW(set_isa_override(level), util::Error) << level;
    }
  }
}

TEST(Kernels, FeaturesNameWhatTheLevelsNeed) {
  const std::vector<std::string> levels = available_isa_levels();
  const bool has_avx512 = std::find(levels.begin(), levels.end(), "avx512") != levels.end();
  EXPECT_EQ(cpu_features().find("avx512bw") != std::string::npos, has_avx512) << cpu_features();
}

}  // namespace
}  // namespace superpose::ops::test
