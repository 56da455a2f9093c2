#include "checkpoint/model_files.h"

#include <set>
#include <utility>

#include "checkpoint/file_writer.h"
#include "checkpoint/strict_json.h"
#include "util/error.h"
#include "util/files.h"
#include "util/json.h"

namespace superpose::checkpoint {
namespace {

const std::map<std::string, std::string> kMetadata = {{"format", "pt"}};

std::string five_digits(std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(5 - std::min<std::size_t>(5, digits.size()), '0') + digits;
}

std::vector<std::vector<NamedTensor>> split(const std::vector<NamedTensor>& tensors,
                                            std::uint64_t max_shard_bytes) {
  std::vector<std::vector<NamedTensor>> shards(1);
  std::uint64_t used = 0;
  for (const NamedTensor& item : tensors) {
    const std::uint64_t bytes = item.tensor.nbytes();
    if (!shards.back().empty() && used + bytes > max_shard_bytes) {
      shards.emplace_back();
      used = 0;
    }
    used += bytes;
    shards.back().push_back(item);
  }
  return shards;
}

std::map<std::string, std::string> read_weight_map(const std::filesystem::path& index) {
  const std::string who = index.string();
  const nlohmann::json root = parse_strict_object(util::read_file(index), who, 3);
  const auto found = root.find("weight_map");
  util::require(found != root.end() && found->is_object(), who, ": weight_map is missing");
  std::map<std::string, std::string> result;
  for (const auto& [tensor, file] : found->items()) {
    util::require(file.is_string(), who, ": weight_map: ", tensor, ": expected a file name");
    const auto name = file.get<std::string>();
    // A path could point outside the folder.
    util::require(!name.empty() && name.find('/') == std::string::npos && name[0] != '.', who,
                  ": weight_map: ", tensor, ": expected a plain file name, got ", name);
    result.emplace(tensor, name);
  }
  return result;
}

}  // namespace

std::map<std::string, FileDigest> write_model(const std::filesystem::path& folder,
                                              const std::vector<NamedTensor>& tensors,
                                              std::uint64_t max_shard_bytes) {
  const auto shards = split(tensors, max_shard_bytes);
  std::map<std::string, FileDigest> written;
  if (shards.size() == 1) {
    written[kModelFile] = write_safetensors(folder / kModelFile, tensors, kMetadata);
    return written;
  }
  std::uint64_t total = 0;
  nlohmann::json weight_map = nlohmann::json::object();
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name =
        "model-" + five_digits(i + 1) + "-of-" + five_digits(shards.size()) + ".safetensors";
    written[name] = write_safetensors(folder / name, shards[i], kMetadata);
    for (const NamedTensor& item : shards[i]) {
      util::require(weight_map.emplace(item.name, name).second, "write_model: tensor name ",
                    item.name, " is taken");
      total += item.tensor.nbytes();
    }
  }
  nlohmann::json index;
  index["metadata"]["total_size"] = total;
  index["weight_map"] = std::move(weight_map);
  written[kModelIndexFile] = write_text(folder / kModelIndexFile, index.dump(2) + "\n");
  return written;
}

ModelFiles::ModelFiles(const std::filesystem::path& folder) : folder_(folder) {
  if (std::filesystem::exists(folder / kModelFile)) {
    files_.emplace_back(folder / kModelFile);
    for (const auto& [name, entry] : files_[0].entries()) file_of_tensor_.emplace(name, 0);
    return;
  }
  const std::filesystem::path index = folder / kModelIndexFile;
  util::require(std::filesystem::exists(index), folder.string(), ": neither ", kModelFile, " nor ",
                kModelIndexFile);
  const std::map<std::string, std::string> weight_map = read_weight_map(index);
  std::set<std::string> shards;
  for (const auto& [tensor, file] : weight_map) shards.insert(file);
  for (const std::string& shard : shards) {
    const SafetensorsFile& file = files_.emplace_back(folder / shard);
    for (const auto& [name, entry] : file.entries()) {
      const auto mapped = weight_map.find(name);
      util::require(mapped != weight_map.end() && mapped->second == shard, file.path().string(),
                    ": tensor ", name, " is not where ", kModelIndexFile, " has it");
      file_of_tensor_.emplace(name, files_.size() - 1);
    }
  }
  for (const auto& [tensor, file] : weight_map) {
    util::require(contains(tensor), index.string(), ": tensor ", tensor, " is not in ", file);
  }
}

std::vector<std::string> ModelFiles::names() const {
  std::vector<std::string> result;
  for (const auto& [name, file] : file_of_tensor_) result.push_back(name);
  return result;
}

bool ModelFiles::contains(const std::string& name) const { return file_of_tensor_.contains(name); }

std::vector<std::int64_t> ModelFiles::shape(const std::string& name) const {
  return file_of(name).entries().at(name).shape;
}

at::Tensor ModelFiles::tensor(const std::string& name) const { return file_of(name).tensor(name); }

void ModelFiles::copy_to(const std::string& name, const at::Tensor& out) const {
  file_of(name).copy_to(name, out);
}

void ModelFiles::require_exactly(const std::map<std::string, std::vector<std::int64_t>>& shapes,
                                 bool is_tied) const {
  for (const auto& [name, expected] : shapes) {
    util::require(contains(name), folder_.string(), ": tensor ", name, ": missing");
    util::require(shape(name) == expected, folder_.string(), ": tensor ", name, ": expected shape ",
                  util::Json(expected).dump(), ", got ", util::Json(shape(name)).dump());
  }
  for (const auto& [name, file] : file_of_tensor_) {
    util::require(shapes.contains(name) || (is_tied && name == "lm_head.weight"), folder_.string(),
                  ": tensor ", name, ": the model has no such weight");
  }
}

const SafetensorsFile& ModelFiles::file_of(const std::string& name) const {
  const auto found = file_of_tensor_.find(name);
  util::require(found != file_of_tensor_.end(), folder_.string(), ": no tensor ", name);
  return files_[found->second];
}

}  // namespace superpose::checkpoint
