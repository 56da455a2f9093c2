#include "checkpoint/manifest.h"

#include "checkpoint/file_writer.h"
#include "util/error.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/json.h"

namespace superpose::checkpoint {
namespace {

namespace fs = std::filesystem;
using util::Json;

std::string describe(const fs::path& folder, const std::string& file) {
  return "checkpoint " + folder.string() + ": " + file;
}

std::string self_hash(const Json& content) { return util::hex64(util::hash64(content.dump())); }

// A name could otherwise point outside the folder.
bool is_inside(const std::string& name) {
  const fs::path path(name);
  if (name.empty() || path.is_absolute()) return false;
  for (const fs::path& part : path) {
    if (part == "." || part == ".." || part.empty()) return false;
  }
  return true;
}

Manifest parse_manifest(const std::string& text, const std::string& who) {
  Json root = util::parse_json(text, who);
  try {
    const auto schema = root.at("schema").get<std::int64_t>();
    util::require(schema == kManifestSchema, who, ": unsupported format version ", schema,
                  " (expected ", kManifestSchema, ")");
    const auto stored_hash = root.at("xxh3").get<std::string>();
    root.erase("xxh3");
    util::require(self_hash(root) == stored_hash, who,
                  ": checksum mismatch; the file was modified or is damaged");
    Manifest manifest{.step = root.at("step").get<std::int64_t>(), .files = {}};
    for (const auto& [name, entry] : root.at("files").items()) {
      util::require(is_inside(name), who, ": file name ", name, " points outside the folder");
      const auto digits = entry.at("xxh3").get<std::string>();
      manifest.files[name] = {.size = entry.at("size").get<std::uint64_t>(),
                              .xxh3 = std::stoull(digits, nullptr, 16)};
    }
    return manifest;
  } catch (const Json::exception& error) {
    util::fail(who, ": not a manifest: ", error.what());
  } catch (const std::logic_error& error) {  // stoull
    util::fail(who, ": not a manifest: bad xxh3");
  }
}

void check_complete(const fs::path& folder, const Manifest& manifest) {
  for (const char* needed : {kConfigFile, kOptimizerFile, kStateFile}) {
    util::require(manifest.files.contains(needed), describe(folder, kManifestFile), ": lists no ",
                  needed);
  }
  const bool has_model =
      manifest.files.contains(kModelFile) != manifest.files.contains(kModelIndexFile);
  util::require(has_model, describe(folder, kManifestFile), ": expected one of ", kModelFile,
                " and ", kModelIndexFile);
  // Which of the two is there decides what is read, so a stray one must not go unseen.
  for (const char* name : {kModelFile, kModelIndexFile}) {
    util::require(manifest.files.contains(name) || !fs::exists(folder / name),
                  describe(folder, name), ": is there, but not in ", kManifestFile);
  }
}

void check_sizes(const fs::path& folder, const Manifest& manifest) {
  for (const auto& [name, digest] : manifest.files) {
    std::error_code code;
    const std::uint64_t size = fs::file_size(folder / name, code);
    util::require(!code, describe(folder, name), ": ", code.message());
    util::require(size == digest.size, describe(folder, name), ": expected ", digest.size,
                  " bytes as in ", kManifestFile, ", got ", size);
  }
}

void check_hashes(const fs::path& folder, const Manifest& manifest) {
  for (const auto& [name, digest] : manifest.files) {
    const std::uint64_t hash = util::hash_file(folder / name);
    util::require(hash == digest.xxh3, describe(folder, name), ": was altered: expected xxh3 ",
                  util::hex64(digest.xxh3), " as in ", kManifestFile, ", got ", util::hex64(hash));
  }
}

}  // namespace

void write_manifest(const fs::path& folder, const Manifest& manifest) {
  Json root;
  root["schema"] = kManifestSchema;
  root["step"] = manifest.step;
  root["files"] = Json::object();
  for (const auto& [name, digest] : manifest.files) {
    root["files"][name] = {{"size", digest.size}, {"xxh3", util::hex64(digest.xxh3)}};
  }
  root["xxh3"] = self_hash(root);
  write_text(folder / kManifestFile, root.dump(2) + "\n");
}

bool has_manifest(const fs::path& folder) { return fs::exists(folder / kManifestFile); }

Manifest read_and_verify(const fs::path& folder, Check check) {
  util::require(fs::is_directory(folder), "checkpoint ", folder.string(), ": no such folder");
  util::require(has_manifest(folder), describe(folder, kManifestFile),
                ": missing, so the save was not finished");
  Manifest manifest =
      parse_manifest(util::read_file(folder / kManifestFile), describe(folder, kManifestFile));
  check_complete(folder, manifest);
  check_sizes(folder, manifest);
  if (check == Check::kHashes) check_hashes(folder, manifest);
  return manifest;
}

}  // namespace superpose::checkpoint
