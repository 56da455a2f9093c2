#include "data/sidecar.h"

#include <charconv>

#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/json.h"

namespace superpose::data {
namespace {

using util::Json;

Json split_json(const SidecarSplit& split) {
  Json shards = Json::array();
  for (const ShardInfo& shard : split.shards) {
    shards.push_back({{"name", shard.name},
                      {"tokens", shard.tokens},
                      {"documents", shard.documents},
                      {"bin_xxh3", util::hex64(shard.bin_hash)},
                      {"idx_xxh3", util::hex64(shard.idx_hash)}});
  }
  return {{"documents", split.stats.documents},
          {"bytes", split.stats.bytes},
          {"tokens", split.stats.tokens},
          {"fingerprint", split.fingerprint},
          {"shards", shards}};
}

std::uint64_t parse_hash(const Json& value) {
  const auto text = value.get<std::string>();
  std::uint64_t hash = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hash, 16);
  util::require(error == std::errc() && end == text.data() + text.size() && text.size() == 16,
                "a hash must have 16 hexadecimal digits, got ", text);
  return hash;
}

SidecarSplit parse_split(const Json& json) {
  SidecarSplit split;
  split.stats = {
      .documents = json.at("documents"), .bytes = json.at("bytes"), .tokens = json.at("tokens")};
  split.fingerprint = json.at("fingerprint");
  for (const Json& shard : json.at("shards")) {
    split.shards.push_back({.name = shard.at("name"),
                            .tokens = shard.at("tokens"),
                            .documents = shard.at("documents"),
                            .bin_hash = parse_hash(shard.at("bin_xxh3")),
                            .idx_hash = parse_hash(shard.at("idx_xxh3"))});
  }
  return split;
}

Sidecar parse_sidecar(const Json& json) {
  const std::int64_t schema = json.at("schema");
  util::require(schema == kCorpusSchema, "schema must be ", kCorpusSchema, ", got ", schema);
  Sidecar sidecar;
  sidecar.key = json.at("key");
  sidecar.tokenizer = json.at("tokenizer");
  sidecar.vocabulary_size = json.at("vocabulary_size");
  sidecar.padded_vocabulary_size = json.at("padded_vocabulary_size");
  sidecar.train = parse_split(json.at("train"));
  sidecar.validation = parse_split(json.at("validation"));
  for (const char half : json.at("validation_halves").get<std::string>()) {
    util::require(half == 'A' || half == 'B', "validation_halves must hold A and B, got ", half);
    sidecar.validation_halves.push_back(half == 'A' ? Half::kA : Half::kB);
  }
  sidecar.left_out_documents = json.at("left_out_documents");
  for (const Json& source : json.at("sources")) {
    sidecar.sources.push_back({.name = source.at("name"),
                               .path = source.at("path"),
                               .bytes = source.at("bytes"),
                               .documents = source.at("documents"),
                               .tokens = source.at("tokens"),
                               .hash = parse_hash(source.at("xxh3"))});
  }
  return sidecar;
}

}  // namespace

std::string to_json(const Sidecar& sidecar) {
  std::string halves;
  for (const Half half : sidecar.validation_halves) halves += half == Half::kA ? 'A' : 'B';
  Json sources = Json::array();
  for (const SourceRecord& source : sidecar.sources) {
    sources.push_back({{"name", source.name},
                       {"path", source.path},
                       {"bytes", source.bytes},
                       {"documents", source.documents},
                       {"tokens", source.tokens},
                       {"xxh3", util::hex64(source.hash)}});
  }
  const Json json = {{"schema", kCorpusSchema},
                     {"key", sidecar.key},
                     {"tokenizer", sidecar.tokenizer},
                     {"vocabulary_size", sidecar.vocabulary_size},
                     {"padded_vocabulary_size", sidecar.padded_vocabulary_size},
                     {"train", split_json(sidecar.train)},
                     {"validation", split_json(sidecar.validation)},
                     {"validation_halves", halves},
                     {"left_out_documents", sidecar.left_out_documents},
                     {"sources", sources}};
  // File names need not be UTF-8; what is not is replaced.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Sidecar read_sidecar(const std::filesystem::path& folder) {
  const std::string path = (folder / kSidecarName).string();
  const Json json = util::parse_json(util::read_file(path), path);
  try {
    return parse_sidecar(json);
  } catch (const Json::exception& error) {
    util::fail(path, ": not a corpus sidecar: ", error.what());
  } catch (const util::Error& error) {
    util::fail(path, ": ", error.what());
  }
}

}  // namespace superpose::data
