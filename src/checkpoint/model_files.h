// The weights of a model folder, in one safetensors file or several with an index.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/safetensors.h"

namespace superpose::checkpoint {

// Most tensor bytes in one file before the model is written in shards: Hugging Face's 5 GB.
inline constexpr std::uint64_t kMaxShardBytes = 5'000'000'000;

inline constexpr char kModelFile[] = "model.safetensors";
inline constexpr char kModelIndexFile[] = "model.safetensors.index.json";

// Writes the weights of a model folder: model.safetensors, or, where the tensors take more than
// max_shard_bytes, model-0000i-of-0000n.safetensors filled in the given order, and
// model.safetensors.index.json. A single tensor above the limit gets a file of its own. Metadata is
// {"format": "pt"}. Returns what was written, by file name.
std::map<std::string, FileDigest> write_model(const std::filesystem::path& folder,
                                              const std::vector<NamedTensor>& tensors,
                                              std::uint64_t max_shard_bytes = kMaxShardBytes);

// The weights of a Hugging Face model folder: model.safetensors where it exists, else the shards
// that model.safetensors.index.json lists. The index must name each tensor of each shard, and only
// those; file names in it must be plain names. Throws util::Error that names the file.
class ModelFiles {
 public:
  explicit ModelFiles(const std::filesystem::path& folder);

  std::vector<std::string> names() const;  // sorted
  bool contains(const std::string& name) const;
  std::vector<std::int64_t> shape(const std::string& name) const;
  at::Tensor tensor(const std::string& name) const;  // see SafetensorsFile
  void copy_to(const std::string& name, const at::Tensor& out) const;

  // Throws util::Error that names the tensor where one of `shapes` is missing or has another shape,
  // or where there is one that is not among them. With `is_tied` a stored lm_head.weight is left
  // out: a model that was untied once may have it.
  void require_exactly(const std::map<std::string, std::vector<std::int64_t>>& shapes,
                       bool is_tied) const;

 private:
  const SafetensorsFile& file_of(const std::string& name) const;

  std::filesystem::path folder_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t> file_of_tensor_;
};

}  // namespace superpose::checkpoint
