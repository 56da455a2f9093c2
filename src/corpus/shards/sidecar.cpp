#include "corpus/shards/sidecar.h"

#include "util/error.h"
#include "util/file_names.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/json_fields.h"

namespace superpose::corpus {

std::string fingerprint_of(std::span<const std::uint64_t> contents, std::string_view halves,
                           const SidecarTokenizer& tokenizer) {
  util::Hasher hasher;
  hasher.update(std::as_bytes(contents));
  for (const char half : halves) hasher.update(static_cast<std::uint64_t>(half - 'A'));
  if (tokenizer.name != "bytes") {
    hasher.update(tokenizer.hash);
    hasher.update(static_cast<std::uint64_t>(tokenizer.end_of_document));
  }
  hasher.update(tokenizer.special_tokens);
  return util::hex64(hasher.digest64());
}

void set_fingerprints(Sidecar& sidecar, std::vector<std::uint64_t> training,
                      std::span<const std::uint64_t> held_out) {
  if (sidecar.held_out_ends) training.insert(training.end(), held_out.begin(), held_out.end());
  sidecar.train.fingerprint = fingerprint_of(training, "", sidecar.tokenizer);
  sidecar.validation.fingerprint =
      fingerprint_of(held_out, sidecar.validation_halves, sidecar.tokenizer);
}

std::string to_json(const Sidecar& sidecar) {
  util::Json json = {{"schema", kCorpusSchema}};
  json.update(util::fields_to_json(sidecar));
  // File names need not be UTF-8; what is not is replaced.
  return json.dump(1, ' ', false, util::Json::error_handler_t::replace) + "\n";
}

SidecarTokenizer describe(const tokenizer::LoadedTokenizer& tokenizer,
                          SpecialTokens special_tokens) {
  const auto special = kSpecialTokensNames[static_cast<std::size_t>(special_tokens)];
  return {.name = tokenizer.name,
          .hash = tokenizer.tokenizer.hash(),
          .vocabulary_size = tokenizer.tokenizer.vocabulary_size(),
          .padded_vocabulary_size = tokenizer.padded_vocabulary_size,
          .end_of_document = tokenizer.end_of_document,
          .special_tokens =
              special_tokens == SpecialTokens::kAsText ? std::string() : std::string(special)};
}

void write_sidecar(const std::filesystem::path& folder, Sidecar sidecar,
                   const tokenizer::LoadedTokenizer& tokenizer) {
  const auto write = [&](const char* name, std::string_view content) {
    util::write_file_atomic(folder / name, content);
    sidecar.files.push_back({name, util::hash64(content)});
  };
  sidecar.files.clear();
  write(kTokenizerName, tokenizer.json);
  write(kTokenizerConfigName, tokenizer.config_json);
  const auto bytes = std::as_bytes(tokenizer.tokenizer.bytes_per_id());
  write(kBytesPerIdName, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  util::write_file_atomic(folder / util::kCorpusFile, to_json(sidecar));
}

Sidecar read_sidecar(const std::filesystem::path& folder) {
  const std::string path = (folder / util::kCorpusFile).string();
  const util::Json json = util::parse_json(util::read_file(path), path);
  util::require(json.is_object() && json.contains("schema"), path, ": is not a corpus sidecar");
  util::require(json["schema"] == kCorpusSchema, path, ": schema must be ", kCorpusSchema, ", got ",
                json["schema"].dump());
  Sidecar sidecar = util::fields_from_json<Sidecar>(json, path);
  const std::string& halves = sidecar.validation_halves;
  util::require(halves.find_first_not_of("AB") == std::string::npos, path,
                ": validation_halves must hold A and B only");
  util::require(std::ssize(halves) == sidecar.validation.stats.documents, path,
                ": must give a half for each of ", sidecar.validation.stats.documents,
                " validation documents, got ", halves.size());
  return sidecar;
}

}  // namespace superpose::corpus
