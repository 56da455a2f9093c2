// Safetensors files to and from libtorch tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/safetensors_header.h"

namespace superpose::checkpoint {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

// What a written file is known by afterwards.
struct FileDigest {
  std::uint64_t size = 0;  // bytes
  std::uint64_t xxh3 = 0;  // XXH3-64 of the whole file
};

// Writes one safetensors file: header as in the format's reference writer (tensors by descending
// alignment of their dtype, then name; padded to 8 bytes). Tensors go out straight from their
// storage; only one that is not contiguous, or not in host memory, is copied, one at a time.
//
//   tensors   names unique and not "__metadata__"; dtypes as listed at SafetensorsFile
//   path      must not exist
//
// Not flushed to disk: util::fsync_file, or the AtomicDirectory that it lies in, does that. Throws
// util::Error naming the path (and the tensor, or the system's reason).
FileDigest write_safetensors(const std::filesystem::path& path,
                             const std::vector<NamedTensor>& tensors,
                             const std::map<std::string, std::string>& metadata);

// Bytes that write_safetensors will write with metadata {"format": "pt"}.
std::uint64_t safetensors_size(const std::vector<NamedTensor>& tensors);

// One safetensors file, memory-mapped. Opening checks the whole header by the rules of the format:
// header length at most 100,000,000 and inside the file; JSON that begins with '{'; no duplicate
// key; __metadata__ from string to string; a known dtype; product(shape) * bits == bytes without
// overflow; data that starts at 0, without holes or overlap, and ends with the file. Tensor values
// are not looked at. Throws util::Error that names the file and the tensor or offset.
//
// Dtypes: BOOL, U8 I8, U16 I16, U32 I32, U64 I64, F16 BF16 F32 F64, C64, F8_E4M3, F8_E5M2. Others
// of the format (F4, F6, F8_E8M0 ...) are checked and listed; reading one is an error that names
// it.
class SafetensorsFile {
 public:
  using Entry = TensorEntry;

  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const;
  const std::map<std::string, std::string>& metadata() const;
  const std::map<std::string, Entry>& entries() const;  // by name
  bool contains(const std::string& name) const;

  // A copy, owned by the caller.
  at::Tensor tensor(const std::string& name) const;

  // Copies into `out` (same shape; any dtype or device, converted), with no other copy between, and
  // then gives back the memory that the mapped tensor took.
  void copy_to(const std::string& name, const at::Tensor& out) const;

  // Copies elements [begin, begin + out.numel()) of the flattened tensor into `out` (1-D).
  void copy_range_to(const std::string& name, std::int64_t begin, const at::Tensor& out) const;

 private:
  struct Contents;

  // Over the mapped file: valid while contents_ lives, not to be written to.
  at::Tensor mapped(const std::string& name) const;

  std::shared_ptr<const Contents> contents_;
};

}  // namespace superpose::checkpoint
