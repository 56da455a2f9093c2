#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace superpose::data {

// What a run does when it has read its corpus once.
enum class WhenExhausted { kContinue, kStop };
inline constexpr std::array<std::string_view, 2> kWhenExhaustedNames{"continue", "stop"};

// Section [data] of a recipe.
struct DataConfig {
  std::vector<std::string> sources;
  std::vector<std::string> python_distributions;
  std::string site_packages;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::string document_separator;
  std::vector<std::string> validation;
  double validation_share = 0.01;
  std::int64_t block_tokens = 0;
  std::int64_t lanes = 1024;
  bool document_aware = false;
  bool reset_attention = false;
  bool reset_positions = false;
  WhenExhausted when_exhausted = WhenExhausted::kContinue;
  std::string cache_dir;
  std::int64_t prefetch = 4;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("sources", self.sources, "text or source files, folders, globs (** crosses folders)");
    v.field("python_distributions", self.python_distributions,
            "installed Python distributions whose files are read, by their RECORD");
    v.operational("site_packages", self.site_packages,
                  "folder that holds them; empty = that of the environment built against");
    v.field("include", self.include,
            "globs of files to take from folders and distributions; empty = all");
    v.field("exclude", self.exclude, "globs of files to leave out of them");
    v.field("document_separator", self.document_separator,
            "text between two documents of a file; empty = a file is one document");
    v.field("validation", self.validation,
            "files, folders, globs held out for validation; empty = validation_share decides");
    v.field("validation_share", self.validation_share,
            "share of the documents held out, drawn by the hash of their content");
    v.field("block_tokens", self.block_tokens,
            "tokens of the blocks that an epoch shuffles; 0 = 65536, fewer for a small corpus");
    v.field("lanes", self.lanes,
            "places of the corpus read side by side; fewer are used for a small corpus");
    v.field("document_aware", self.document_aware,
            "bags and targets do not reach from one document into the next");
    v.field("reset_attention", self.reset_attention,
            "no document attends to another in its row; needs document_aware");
    v.field("reset_positions", self.reset_positions,
            "positions count from the start of each document; needs document_aware");
    v.choice("when_exhausted", self.when_exhausted, kWhenExhaustedNames,
             "after one epoch: continue with the next, or stop");
    v.operational("cache_dir", self.cache_dir,
                  "folder for prepared token shards; empty = the program's cache folder");
    v.operational("prefetch", self.prefetch, "steps read ahead of the training thread");
  }

  // Throws util::Error naming the first key with an impossible value.
  void validate() const;
};

}  // namespace superpose::data
