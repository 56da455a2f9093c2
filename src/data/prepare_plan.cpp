#include "data/prepare_plan.h"

#include <set>
#include <string_view>

#include "data/sidecar.h"
#include "util/error.h"
#include "util/hash.h"

namespace superpose::data {
namespace {

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
}

// An .idx belongs to its .bin, which must be there.
void leave_out_indexes(std::vector<SourceFile>& sources) {
  std::set<std::filesystem::path> paths;
  for (const SourceFile& source : sources) paths.insert(source.path);
  const auto is_index = [&paths](const SourceFile& source) {
    const std::filesystem::path bin = std::filesystem::path(source.path).replace_extension(".bin");
    if (source.path.extension() != ".idx" || !std::filesystem::exists(bin)) return false;
    util::require(paths.contains(bin), "data.sources: ", source.path.string(), " is the index of ",
                  bin.filename().string(), ": name that one");
    return true;
  };
  std::erase_if(sources, is_index);
}

}  // namespace

PreparePlan make_plan(const DataConfig& config, const PrepareOptions& options) {
  PreparePlan plan{
      config,
      options,
      tokenizer::load_tokenizer(config.tokenizer, config.end_of_document),
      list_sources(config),
      {},
  };
  leave_out_indexes(plan.sources);
  util::Hasher names;
  util::Hasher files;
  for (const SourceFile& source : plan.sources) {
    update_text(names, source.path.string());
    update_text(files, source.path.string());
    update_text(files, source.name);
    update_number(files, source.bytes);
    update_number(files, source.modified_ns);
    update_number(files, source.held_out);
  }
  util::Hasher key;
  update_number(key, kCorpusSchema);
  update_number(key, files.digest64());
  update_settings(key, config);
  update_number(key, plan.tokenizer.tokenizer.hash());
  update_number(key, plan.tokenizer.end_of_document);
  update_number(key, options.all_held_out);
  update_number(key, options.none_held_out);
  for (const std::uint64_t content : options.left_out) key.update(content);
  plan.keys = {.key = util::hex64(key.digest64()),
               .sources_key = util::hex64(files.digest64()),
               .names_key = util::hex64(names.digest64())};
  return plan;
}

}  // namespace superpose::data
