#include "corpus/prepare/prepare_plan.h"

#include <set>
#include <string_view>
#include <utility>

#include "corpus/prepare/batch_reader.h"
#include "corpus/prepare/corpus_builder.h"
#include "corpus/shards/sidecar.h"
#include "util/error.h"
#include "util/hash.h"

namespace superpose::corpus {
namespace {

namespace fs = std::filesystem;

void update_text(util::Hasher& hasher, std::string_view text) {
  hasher.update(std::uint64_t{text.size()});
  hasher.update(text);
}

template <class Number>
void update_number(util::Hasher& hasher, Number value) {
  hasher.update(static_cast<std::uint64_t>(value));
}

void update_settings(util::Hasher& hasher, const DataConfig& config) {
  update_number(hasher, config.format);
  update_text(hasher, config.document_separator);
  update_text(hasher, config.text_field);
  update_number(hasher, config.on_bad_record);
  update_number(hasher, config.on_invalid_utf8);
  update_number(hasher, config.min_document_bytes);
  update_number(hasher, config.max_document_bytes);
  update_number(hasher, config.deduplicate);
  update_number(hasher, config.special_tokens);
  update_number(hasher, config.shard_tokens);
  update_number(hasher, config.validation.empty());
  if (config.validation.empty()) {
    hasher.update(static_cast<std::uint64_t>(config.validation_share * 0x1p53));
  }
  // Only where it is set: corpora of before there was the key keep theirs.
  if (config.on_binary != OnBinary::kAuto) update_number(hasher, config.on_binary);
}

void update_path(util::Hasher& hasher, const std::string& path) {
  if (path.empty()) return update_text(hasher, path);
  update_text(hasher, fs::absolute(path).lexically_normal().string());
}

void update_list(util::Hasher& hasher, const std::vector<std::string>& texts) {
  update_number(hasher, texts.size());
  for (const std::string& text : texts) update_text(hasher, text);
}

void update_held_out_reading(util::Hasher& hasher, const DataConfig& config,
                             const PrepareOptions& options) {
  if (!options.held_out_reading || *options.held_out_reading == read_options(config)) return;
  update_text(hasher, options.held_out_reading->document_separator);
  update_text(hasher, options.held_out_reading->text_field);
  update_number(hasher, options.held_out_reading->on_bad_record);
}

// An .idx belongs to its .bin, which must be there.
void leave_out_indexes(std::vector<SourceFile>& sources) {
  std::set<fs::path> paths;
  for (const SourceFile& source : sources) paths.insert(source.path);
  const auto is_index = [&paths](const SourceFile& source) {
    const fs::path bin = fs::path(source.path).replace_extension(".bin");
    if (source.path.extension() != ".idx" || !fs::exists(bin)) return false;
    util::require(paths.contains(bin), "data.sources: ", source.path.string(), " is the index of ",
                  bin.filename().string(), ": name that one");
    return true;
  };
  std::erase_if(sources, is_index);
}

// An index decides what is read of its .bin, and in which order.
void add_indexes(std::vector<SourceFile>& sources, TokenFormat format) {
  for (SourceFile& source : sources) {
    const fs::path index = index_of(source.path, format);
    if (!index.empty()) source.beside = {state_of(index)};
  }
}

JournalHeader keys_of(const PreparePlan& plan) {
  util::Hasher names;
  util::Hasher files;
  for (const SourceFile& source : plan.sources) {
    update_text(names, source.path.string());
    update_text(files, source.path.string());
    update_text(files, source.name);
    update_number(files, source.bytes);
    update_number(files, source.modified_ns);
    for (const FileState& file : source.beside) {
      update_text(files, file.path.string());
      update_number(files, file.bytes);
      update_number(files, file.modified_ns);
    }
  }
  util::Hasher key;
  update_number(key, kCorpusSchema);
  update_number(key, files.digest64());
  for (const SourceFile& source : plan.sources) update_number(key, source.held_out);
  update_settings(key, plan.config);
  update_held_out_reading(key, plan.config, plan.options);
  update_number(key, plan.tokenizer->tokenizer.hash());
  update_number(key, plan.tokenizer->end_of_document);
  update_number(key, plan.options.all_held_out);
  update_number(key, plan.options.none_held_out);
  for (const std::uint64_t content : plan.options.left_out) key.update(content);
  return {.key = util::hex64(key.digest64()),
          .sources_key = util::hex64(files.digest64()),
          .names_key = util::hex64(names.digest64())};
}

}  // namespace

tokenizer::LoadedTokenizer load_tokenizer(const DataConfig& config) {
  try {
    return tokenizer::load_tokenizer(config.tokenizer, config.end_of_document);
  } catch (const util::Error& error) {
    util::fail("data.tokenizer: ", error.what());
  }
}

std::string request_key(const DataConfig& config, const PrepareOptions& options) {
  util::Hasher hasher;
  for (const auto* paths : {&config.sources, &config.validation}) {
    update_number(hasher, paths->size());
    for (const std::string& path : *paths) update_path(hasher, path);
  }
  update_list(hasher, config.python_distributions);
  if (!config.python_distributions.empty()) update_path(hasher, config.site_packages);
  update_list(hasher, config.include);
  update_list(hasher, config.exclude);
  update_settings(hasher, config);
  update_held_out_reading(hasher, config, options);
  if (config.tokenizer != "bytes") update_path(hasher, config.tokenizer);
  update_text(hasher, config.end_of_document);
  update_number(hasher, options.all_held_out);
  update_number(hasher, options.none_held_out);
  return util::hex64(hasher.digest64());
}

namespace {

fs::path folder_of_key(const PreparePlan& plan, const std::string& key) {
  return fs::path(plan.config.cache_dir) / ("corpus-" + key);
}

// One of several corpora keeps any draw of documents; a corpus by itself may need another choice
// of what is held out. It then has a key of its own, so that neither is served the other's split.
void set_keys(PreparePlan& plan) {
  plan.keys = keys_of(plan);
  const PrepareOptions& options = plan.options;
  const bool draws =
      plan.config.validation.empty() && !options.all_held_out && !options.none_held_out;
  if (!draws || options.any_share) return;
  const std::string own = util::hex64(util::hash64(plan.keys.key + " by itself"));
  const fs::path shared = folder_of_key(plan, plan.keys.key);
  if (!fs::exists(folder_of_key(plan, own)) && fs::exists(shared)) {
    const Sidecar sidecar = read_sidecar(shared);
    if (are_enough(plan, sidecar.train.stats, sidecar.validation.stats)) return;
  }
  plan.keys.key = own;
}

}  // namespace

PreparePlan make_plan(const DataConfig& config, const PrepareOptions& options,
                      std::vector<SourceFile> sources) {
  PreparePlan plan{config,
                   options,
                   std::make_shared<const tokenizer::LoadedTokenizer>(load_tokenizer(config)),
                   std::move(sources),
                   request_key(config, options),
                   {}};
  leave_out_indexes(plan.sources);
  add_indexes(plan.sources, config.format);
  set_keys(plan);
  return plan;
}

PreparePlan training_part(const PreparePlan& plan) {
  PreparePlan part = plan;
  part.options.left_out.clear();
  part.options.held_out_reading.reset();
  if (!plan.config.validation.empty()) {
    part.options.none_held_out = true;
    part.config.validation.clear();
    std::erase_if(part.sources, [](const SourceFile& source) { return source.held_out; });
    util::require(!part.sources.empty(),
                  "data.validation: must leave files to train on, got all of them");
  }
  part.request_key = util::hex64(util::hash64(plan.request_key + " training"));
  set_keys(part);
  return part;
}

PreparePlan held_out_part(const PreparePlan& plan) {
  PreparePlan part = plan;
  part.options.left_out.clear();
  part.options.all_held_out = true;
  part.config.validation.clear();
  std::erase_if(part.sources, [](const SourceFile& source) { return !source.held_out; });
  part.request_key = util::hex64(util::hash64(plan.request_key + " held out"));
  set_keys(part);
  return part;
}

fs::path folder_of(const PreparePlan& plan) { return folder_of_key(plan, plan.keys.key); }

}  // namespace superpose::corpus
