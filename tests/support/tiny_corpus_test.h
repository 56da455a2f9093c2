// The fixture of tests that run tiny_run's model.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/temp_dir.h"
#include "support/tiny_run.h"

namespace superpose::test {

// Tests that share one folder, with tiny_run's corpus in it.
class TinyCorpusTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TempDir>();
    write_tiny_corpus(folder_->path());
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static train::RunConfig config(const std::string& name) {
    return tiny_config(folder_->path(), name);
  }

  static inline std::unique_ptr<TempDir> folder_;
};

}  // namespace superpose::test
