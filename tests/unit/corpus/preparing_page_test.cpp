// The example of docs/formats/preparing.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "corpus/corpus.h"
#include "corpus_support.h"
#include "support/temp_dir.h"
#include "util/files.h"

namespace superpose::corpus {
namespace {

struct Recipe {
  DataConfig data;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.section("data", self.data, "what it reads");
  }
};

TEST(PreparingPage, ExampleHasEveryKeyAndWorks) {
  const std::string page = util::read_file(SUPERPOSE_SOURCE_DIR "/docs/formats/preparing.md");
  const std::string fence = "```toml\n";
  const std::size_t begin = page.find(fence) + fence.size();
  const std::string example = page.substr(begin, page.find("```", begin) - begin);

  Recipe recipe;
  config::read(recipe, "preparing.md", example);
  const std::vector<std::string> read_later = {
      "block_tokens",    "lanes",          "document_aware", "reset_attention",
      "reset_positions", "when_exhausted", "prefetch"};
  Recipe defaults;
  const auto settings = config::settings(recipe);
  const auto default_settings = config::settings(defaults);
  ASSERT_EQ(settings.size(), default_settings.size());
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const std::string name = settings[i].key.substr(std::string("data.").size());
    const bool is_in_text = page.find("`" + name + "`") != std::string::npos;
    if (std::find(read_later.begin(), read_later.end(), name) != read_later.end()) {
      EXPECT_TRUE(is_in_text) << name;
      continue;
    }
    EXPECT_NE(example.find("\n" + name + " = "), std::string::npos) << name;
    if (name != "sources" && name != "validation_share") {
      EXPECT_EQ(settings[i].value, default_settings[i].value) << name;
    }
  }

  const test::TempDir dir;
  for (int i = 0; i < 100; ++i) {
    test::write_text(dir / ("text/" + std::to_string(i) + ".txt"), "document " + std::to_string(i));
  }
  recipe.data.sources = {(dir / recipe.data.sources.at(0)).string()};
  recipe.data.cache_dir = (dir / "cache").string();
  const PreparedCorpus corpus = prepare_corpus(recipe.data);
  EXPECT_EQ(corpus.train_stats.documents + corpus.validation_stats.documents, 100);
}

}  // namespace
}  // namespace superpose::corpus
