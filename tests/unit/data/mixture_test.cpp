#include "data/mixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "../corpus/corpus_support.h"
#include "corpus/corpus_record.h"
#include "support/names.h"
#include "support/temp_dir.h"
#include "util/hash.h"

namespace superpose::data {
namespace {

using test::error_of;
using test::names;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Two corpora of 40 documents: books of 200 bytes, web of 100.
class MixtureTest : public ::testing::Test {
 protected:
  MixtureTest() {
    for (int i = 0; i < 40; ++i) {
      const std::string name = std::to_string(i) + ".txt";
      test::write_text(folder_ / "books" / name, std::string(199, 'b') + std::to_string(i));
      test::write_text(folder_ / "web" / name, std::string(99, 'w') + std::to_string(i));
    }
    test::write_text(folder_ / "held/h.txt", std::string(300, 'h'));
    data_.validation = {(folder_ / "held").string()};
    data_.cache_dir = (folder_ / "cache").string();
    mixture_ = {entry("books"), entry("web")};
  }

  MixtureConfig entry(const std::string& name) const {
    MixtureConfig config;
    config.name = name;
    config.sources = {(folder_ / name).string()};
    return config;
  }
  std::string refusal() const {
    return error_of([&] { prepare_sources(data_, mixture_); });
  }

  test::TempDir folder_;
  corpus::DataConfig data_;
  std::vector<MixtureConfig> mixture_;
};

TEST_F(MixtureTest, WeightsAreTheTokensUnlessGiven) {
  auto sources = prepare_sources(data_, mixture_);
  ASSERT_THAT(sources, SizeIs(2));
  EXPECT_EQ(sources[0].name, "books");
  EXPECT_EQ(sources[0].weight, static_cast<double>(sources[0].corpus.train->num_tokens()));
  EXPECT_EQ(sources[1].weight, static_cast<double>(sources[1].corpus.train->num_tokens()));
  EXPECT_EQ(sources[0].max_epochs, 0);
  mixture_[0].weight = 1;
  mixture_[1].weight = 3;
  sources = prepare_sources(data_, mixture_);
  EXPECT_EQ(sources[0].weight, 1);
  EXPECT_EQ(sources[1].weight, 3);
}

TEST_F(MixtureTest, LimitsAreEpochs) {
  mixture_[0].max_epochs = 2.5;
  mixture_[1].max_tokens = 1000;
  auto sources = prepare_sources(data_, mixture_);
  const auto tokens = static_cast<double>(sources[1].corpus.train->num_tokens());
  EXPECT_EQ(sources[0].max_epochs, 2.5);
  EXPECT_DOUBLE_EQ(sources[1].max_epochs, 1000 / tokens);
  mixture_[1].max_epochs = 0.01;
  EXPECT_EQ(prepare_sources(data_, mixture_)[1].max_epochs, 0.01);
  mixture_[1] = entry("web");
  data_.when_exhausted = corpus::WhenExhausted::kStop;
  sources = prepare_sources(data_, mixture_);
  EXPECT_EQ(sources[0].max_epochs, 2.5);
  EXPECT_EQ(sources[1].max_epochs, 1);
}

TEST_F(MixtureTest, TheCorpusOfDataIsTheOnlyNamelessSource) {
  data_.sources = mixture_[0].sources;
  const auto sources = prepare_sources(data_, {});
  ASSERT_THAT(sources, SizeIs(1));
  EXPECT_EQ(sources[0].name, "");
  EXPECT_EQ(sources[0].max_epochs, 0);
  const corpus::PreparedCorpus alone = corpus::prepare_corpus(data_);
  EXPECT_EQ(sources[0].corpus.folder, alone.folder);
  const corpus::PreparedCorpus whole = whole_corpus(sources, data_);
  EXPECT_EQ(whole.fingerprint, alone.fingerprint);
  EXPECT_EQ(whole.train, sources[0].corpus.train);
  const auto streams = open_streams(sources, {.seed = 5, .layouts = {{2, 10}}});
  EXPECT_EQ(streams[0].stream->piece_at(0, 0).first,
            TokenStream(sources[0].corpus.train, {5, {2, 10}, false}).piece_at(0, 0).first);
}

TEST_F(MixtureTest, WholeCorpusAddsUp) {
  const auto sources = prepare_sources(data_, mixture_);
  const corpus::PreparedCorpus whole = whole_corpus(sources, data_);
  EXPECT_EQ(whole.train_stats.tokens,
            sources[0].corpus.train->num_tokens() + sources[1].corpus.train->num_tokens());
  EXPECT_EQ(whole.train, nullptr);
  // The files of data.validation are held out of each source, and counted once.
  EXPECT_EQ(whole.validation_stats.documents, 1);
  EXPECT_EQ(whole.validation->num_documents(), 1);
  EXPECT_EQ(whole.validation_fingerprint, sources[0].corpus.validation_fingerprint);
  auto swapped = sources;
  std::swap(swapped[0], swapped[1]);
  EXPECT_NE(whole_corpus(swapped, data_).fingerprint, whole.fingerprint);
}

TEST_F(MixtureTest, HeldOutDocumentsOfAllSourcesAreJoined) {
  data_.validation.clear();
  data_.validation_share = 0.06;
  const auto sources = prepare_sources(data_, mixture_);
  const corpus::PreparedCorpus whole = whole_corpus(sources, data_);
  const auto& books = sources[0].corpus;
  const auto& web = sources[1].corpus;
  ASSERT_GT(books.validation->num_documents(), 0);
  ASSERT_GT(web.validation->num_documents(), 0);
  EXPECT_EQ(whole.validation->num_tokens(),
            books.validation->num_tokens() + web.validation->num_tokens());
  EXPECT_EQ(std::ssize(whole.validation_halves), whole.validation_stats.documents);
  std::vector<std::int32_t> first(1);
  whole.validation->read(books.validation->num_tokens(), first);
  EXPECT_EQ(first[0], 'w');
}

// Token files are read in place: what they hold out lies in no shard.
TEST_F(MixtureTest, HeldOutTokenFilesAreThoseOfTheMixture) {
  const auto fill = [](char letter, std::int64_t length) {
    test::Document document(static_cast<std::size_t>(length), static_cast<std::uint16_t>(letter));
    document.push_back(256);
    return document;
  };
  for (const char* name : {"a", "b", "v"}) std::filesystem::create_directories(folder_ / name);
  test::write_shards(folder_ / "a", {fill('a', 500)});
  test::write_shards(folder_ / "b", {fill('b', 500)});
  test::write_shards(folder_ / "v", {fill('v', 20), fill('w', 20)});
  mixture_ = {entry("a"), entry("b")};
  data_.validation = {(folder_ / "v").string()};
  const auto sources = prepare_sources(data_, mixture_);
  EXPECT_EQ(whole_corpus(sources, data_).validation->num_tokens(), 42);
  // The files of each where no file is named; the documents are the same, so once.
  data_.validation.clear();
  EXPECT_EQ(whole_corpus(sources, data_).validation->num_tokens(), 42);
}

// Two entries may read the same files, say one of them at a higher weight.
TEST_F(MixtureTest, TheSameHeldOutDocumentsCountOnce) {
  data_.validation.clear();
  data_.validation_share = 0.06;
  const auto once = prepare_sources(data_, mixture_);
  const corpus::PreparedCorpus expected = whole_corpus(once, data_);
  mixture_.push_back(entry("again"));
  mixture_[2].sources = mixture_[1].sources;
  const auto sources = prepare_sources(data_, mixture_);
  ASSERT_GT(sources[2].corpus.validation_stats.documents, 0);
  const corpus::PreparedCorpus whole = whole_corpus(sources, data_);
  EXPECT_EQ(whole.validation_contents, expected.validation_contents);
  EXPECT_EQ(whole.validation_halves, expected.validation_halves);
  EXPECT_EQ(whole.validation->num_tokens(), expected.validation->num_tokens());
  EXPECT_EQ(whole.validation->num_documents(), expected.validation->num_documents());
  EXPECT_EQ(whole.validation_stats.bytes, expected.validation_stats.bytes);
  EXPECT_EQ(whole.validation_stats.documents, expected.validation_stats.documents);
}

// An entry's text_field and separator are those of its own files.
TEST_F(MixtureTest, HeldOutFilesAreReadAsDataSays) {
  std::string lines;
  for (int i = 0; i < 9; ++i) {
    lines += "{\"content\": \"" + std::string(300, 'c') + std::to_string(i) + "\"}\n";
  }
  lines += "{\"content\": \"held one\"}\n";
  test::write_text(folder_ / "lines/c.jsonl", lines);
  test::write_text(folder_ / "held/h.jsonl", "{\"text\": \"held one\"}\n");
  test::write_text(folder_ / "held/h.txt", "held two--held three");
  test::write_text(folder_ / "cut/c.txt", "held three--" + std::string(500, 'k'));
  mixture_ = {entry("cut"), entry("lines"), entry("books")};
  mixture_[0].document_separator = "--";
  mixture_[1].text_field = "content";
  const auto sources = prepare_sources(data_, mixture_);
  for (const PreparedSource& source : sources) {
    EXPECT_THAT(source.corpus.validation_contents,
                ElementsAre(util::hash64("held one"), util::hash64("held two--held three")));
  }
  EXPECT_EQ(sources[0].corpus.left_out_documents, 1);
  EXPECT_EQ(sources[1].corpus.left_out_documents, 1);
  const auto found = find_sources(data_, mixture_);
  EXPECT_EQ(found[0].search.folder, sources[0].corpus.folder);
  EXPECT_EQ(found[1].search.folder, sources[1].corpus.folder);
}

// Plain numbers are known by nothing but the recipe.
TEST_F(MixtureTest, AnEntryHasAFormatOfItsOwn) {
  const std::vector<std::uint16_t> ids(300, 'n');
  test::write_text(folder_ / "raw/n.u16", {reinterpret_cast<const char*>(ids.data()), 600});
  mixture_.push_back(entry("raw"));
  mixture_[2].format = "raw-u16";
  data_.validation.clear();
  const auto sources = prepare_sources(data_, mixture_, {.none_held_out = true});
  EXPECT_EQ(sources[2].corpus.train->num_tokens(), 300);
  EXPECT_EQ(sources[0].corpus.train_stats.documents, 40);
  mixture_[2].format = "raw";
  EXPECT_THAT(error_of([&] { mixture_[2].validate(); }),
              names("format", "auto", "megatron", "llm.c", "npy", "raw-u8", "raw-u16", "raw-u32",
                    "raw-u64", "\"raw\""));
}

// A few documents next to many: a source holds out something or the mixture says that it does not.
TEST_F(MixtureTest, ASourceOfFewDocumentsHoldsOutTheirEnds) {
  for (int i = 0; i < 3; ++i) {
    test::write_text(folder_ / "few" / (std::to_string(i) + ".txt"),
                     std::string(1000, static_cast<char>('f' + i)));
  }
  test::write_text(folder_ / "tiny/t.txt", "too short");
  mixture_.push_back(entry("few"));
  mixture_.push_back(entry("tiny"));
  data_.validation.clear();
  data_.validation_share = 0.02;
  const auto sources = prepare_sources(data_, mixture_);
  EXPECT_TRUE(sources[2].corpus.held_out_ends);
  EXPECT_EQ(sources[2].corpus.validation_stats.bytes, 3 * 20);
  EXPECT_EQ(sources[3].corpus.validation_stats.documents, 0);
  EXPECT_EQ(sources[3].corpus.train_stats.bytes, 9);
  EXPECT_GT(whole_corpus(sources, data_).validation_stats.bytes, 3 * 20);
  mixture_ = {entry("tiny")};
  EXPECT_THAT(error_of([&] { whole_corpus(prepare_sources(data_, mixture_), data_); }),
              HasSubstr("data.validation"));
}

// What data.validation names may be of any size.
TEST_F(MixtureTest, NamedFilesAreHeldOutWhateverTheirShare) {
  test::write_text(folder_ / "small/s.txt", std::string(500, 's'));
  mixture_ = {entry("small")};
  EXPECT_EQ(whole_corpus(prepare_sources(data_, mixture_), data_).validation_stats.bytes, 300);
  test::write_text(folder_ / "held/h.txt", "h");
  EXPECT_EQ(whole_corpus(prepare_sources(data_, mixture_), data_).validation_stats.bytes, 1);
}

TEST_F(MixtureTest, TokenFilesNeedNoFileThatIsHeldOut) {
  std::vector<test::Document> documents;
  for (int i = 0; i < 60; ++i) {
    test::Document document(30, static_cast<std::uint16_t>('a' + i % 26));
    document.push_back(static_cast<std::uint16_t>('a' + i / 26));
    document.push_back(256);
    documents.push_back(document);
  }
  std::filesystem::create_directories(folder_ / "ids");
  test::write_shards(folder_ / "ids", documents);
  mixture_.push_back(entry("ids"));
  data_.validation.clear();
  data_.validation_share = 0.1;
  const auto sources = prepare_sources(data_, mixture_);
  const corpus::PreparedCorpus& ids = sources[2].corpus;
  EXPECT_GT(ids.validation_stats.documents, 1);
  EXPECT_EQ(ids.train_stats.documents + ids.validation_stats.documents, 60);
  EXPECT_EQ(ids.train->num_tokens() + ids.validation->num_tokens(), 60 * 32);
  EXPECT_EQ(corpus::verify_corpus(ids.folder).shards, 1);
  EXPECT_GT(whole_corpus(sources, data_).validation_stats.documents,
            ids.validation_stats.documents);
}

TEST_F(MixtureTest, EachSourceHasAnOrderOfItsOwn) {
  mixture_[1].sources = mixture_[0].sources;  // the same text under two names
  const auto sources = prepare_sources(data_, mixture_);
  const OrderOptions options{.seed = 5, .layouts = {{4, 10}, {4, 10}}};
  const auto streams = open_streams(sources, options);
  int equal = 0;
  for (std::int64_t place = 0; place < 1000; place += 10) {
    equal +=
        streams[0].stream->piece_at(1, place).first == streams[1].stream->piece_at(1, place).first;
  }
  EXPECT_LT(equal, 10);
  // Adding a source, or changing their order, leaves a source's own order alone.
  const auto swapped = open_streams({sources[1], sources[0]}, options);
  EXPECT_EQ(swapped[1].stream->piece_at(1, 50).first, streams[0].stream->piece_at(1, 50).first);
}

TEST_F(MixtureTest, WrongListsAreRefusedByName) {
  mixture_[1].name = "books";
  EXPECT_THAT(refusal(), HasSubstr("got \"books\" twice"));
  mixture_[1] = entry("web");
  mixture_[1].weight = 0.5;
  EXPECT_THAT(refusal(), names("every source", "none", "1 of 2"));
  mixture_[0].weight = 0;
  mixture_[1].weight = 0;
  EXPECT_THAT(refusal(), names("weight", "> 0", "0"));
  mixture_ = {entry("books"), entry("nowhere")};
  EXPECT_THAT(refusal(), names("mixture nowhere", "sources", "no such file"));
  mixture_ = {entry("books"), entry("web")};
  data_.sources = {"x"};
  EXPECT_THAT(refusal(), names("data.sources", "empty"));
}

TEST_F(MixtureTest, DuplicatesAreThoseOfOneSource) {
  data_.deduplicate = true;
  mixture_[1].sources = mixture_[0].sources;
  const auto sources = prepare_sources(data_, mixture_);
  EXPECT_EQ(sources[1].corpus.train_stats.documents, sources[0].corpus.train_stats.documents);
}

TEST_F(MixtureTest, WrongEntriesAreRefused) {
  const auto message = [](const MixtureConfig& config) {
    return error_of([&] { config.validate(); });
  };
  MixtureConfig config = entry("books");
  EXPECT_EQ(message(config), "");
  config.weight = -1;
  EXPECT_THAT(message(config), names("weight", ">= 0", "-1"));
  config = entry("a.b");
  EXPECT_THAT(message(config), names("name", "a.b"));
  config = entry("");
  EXPECT_THAT(message(config), HasSubstr("name: "));
  config = entry("books");
  config.sources.clear();
  EXPECT_THAT(message(config), names("sources", "none"));
  config = entry("books");
  config.max_epochs = -0.5;
  EXPECT_THAT(message(config), names("max_epochs", ">= 0", "-0.5"));
  config.max_epochs = 0;
  config.max_tokens = -1;
  EXPECT_THAT(message(config), names("max_tokens", ">= 0", "-1"));
}

TEST_F(MixtureTest, PhasesNameSourcesThatThereAre) {
  std::vector<superposition::Phase> phases(2);
  phases[1].weights = {{"web", 1}};
  check_phase_weights(phases, mixture_);
  phases[1].weights = {{"wbe", 1}};
  EXPECT_THAT(error_of([&] { check_phase_weights(phases, mixture_); }),
              names("phase 2", "weights", "books", "web", "wbe"));
}

TEST_F(MixtureTest, TooShortASourceIsNamed) {
  const auto sources = prepare_sources(data_, mixture_);
  std::vector<superposition::Phase> phases(2);
  EXPECT_THAT(error_of([&] { choose_layouts(sources, phases, 6000, data_); }),
              names("mixture web", "shorter"));
  // One that no phase reads may be.
  for (auto& phase : phases) phase.weights = {{"books", 1}};
  const auto layouts = choose_layouts(sources, phases, 6000, data_);
  EXPECT_THAT(open_streams(sources, {.seed = 5, .layouts = layouts}), SizeIs(2));
  phases[1].weights["web"] = 0.1;
  EXPECT_NE(error_of([&] { choose_layouts(sources, phases, 6000, data_); }), "");
}

TEST_F(MixtureTest, FilesAreNamedBelowTheirSource) {
  const auto files = list_files(prepare_sources(data_, mixture_));
  ASSERT_THAT(files, SizeIs(82));  // held/h.txt is read for both
  EXPECT_EQ(files[0].name, "books/0.txt");
  EXPECT_EQ(files[0].bytes, 200);
  EXPECT_EQ(files[81].name, "web/h.txt");
}

TEST(CorpusRecord, SaysWhatChanged) {
  const std::vector<corpus::CorpusFile> before = {{"a", 1, 1}, {"b", 2, 2}, {"c", 3, 3}};
  EXPECT_EQ(corpus::describe_changes(before, {{"a", 1, 1}, {"b", 2, 9}, {"d", 4, 4}}),
            "changed b; removed c; added d");
  EXPECT_THAT(corpus::describe_changes(before, {{"b", 2, 2}, {"a", 1, 1}, {"c", 3, 3}}),
              names("every file"));
  // Two files of one name: the one that is the same is not a change.
  EXPECT_EQ(corpus::describe_changes({{"x", 1, 1}, {"x", 2, 2}}, {{"x", 2, 2}, {"x", 5, 5}}),
            "changed x");
  std::vector<corpus::CorpusFile> many;
  for (int i = 0; i < 9; ++i) many.push_back({"f" + std::to_string(i), 1, 1});
  EXPECT_EQ(corpus::describe_changes({}, many), "added f0, f1, f2, f3, f4 and 4 more");
}

}  // namespace
}  // namespace superpose::data
