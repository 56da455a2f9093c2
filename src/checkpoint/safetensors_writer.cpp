#include <ATen/core/Tensor.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "checkpoint/file_writer.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_dtypes.h"
#include "checkpoint/safetensors_header.h"
#include "util/error.h"
#include "util/json.h"

namespace superpose::checkpoint {
namespace {

// Headers and tensors go to disk as they lie in memory.
static_assert(std::endian::native == std::endian::little);

struct Layout {
  std::string header;                        // the JSON, padded
  std::vector<const NamedTensor*> in_order;  // as they follow each other in the file
  std::uint64_t data_bytes = 0;
};

std::string quoted(const std::string& text) {
  try {
    return util::Json(text).dump();
  } catch (const util::Json::exception&) {
    util::fail("write_safetensors: a name or metadata text is not valid UTF-8");
  }
}

std::string_view dtype_of(const NamedTensor& item) {
  util::require(item.tensor.defined() && item.tensor.layout() == c10::kStrided,
                "write_safetensors: tensor ", item.name, ": expected a dense tensor");
  const std::string_view dtype = dtype_name(item.tensor.scalar_type());
  util::require(!dtype.empty(), "write_safetensors: tensor ", item.name, ": dtype ",
                c10::toString(item.tensor.scalar_type()), " has no place in the format");
  return dtype;
}

void check_tensors(const std::vector<NamedTensor>& tensors) {
  std::set<std::string_view> names = {kMetadataKey};
  for (const NamedTensor& item : tensors) {
    dtype_of(item);
    util::require(names.insert(item.name).second, "write_safetensors: tensor name ", item.name,
                  " is taken");
  }
}

std::string metadata_json(const std::map<std::string, std::string>& metadata) {
  std::string text = quoted(std::string(kMetadataKey)) + ":{";
  for (const auto& [key, value] : metadata) {
    if (text.back() != '{') text += ',';
    text += quoted(key) + ':' + quoted(value);
  }
  return text + '}';
}

// Put together by hand: an ordered JSON object looks through all its keys at each insertion.
Layout lay_out(const std::vector<NamedTensor>& tensors,
               const std::map<std::string, std::string>& metadata) {
  check_tensors(tensors);
  Layout layout;
  for (const NamedTensor& item : tensors) layout.in_order.push_back(&item);
  std::sort(layout.in_order.begin(), layout.in_order.end(),
            [](const NamedTensor* a, const NamedTensor* b) {
              const std::size_t bytes_a = a->tensor.element_size();
              const std::size_t bytes_b = b->tensor.element_size();
              return bytes_a != bytes_b ? bytes_a > bytes_b : a->name < b->name;
            });
  std::string& header = layout.header;
  header = "{";
  if (!metadata.empty()) header += metadata_json(metadata);
  for (const NamedTensor* item : layout.in_order) {
    const std::uint64_t begin = layout.data_bytes;
    layout.data_bytes += static_cast<std::uint64_t>(item->tensor.nbytes());
    util::Json entry;
    entry["dtype"] = dtype_of(*item);
    entry["shape"] = item->tensor.sizes().vec();
    entry["data_offsets"] = {begin, layout.data_bytes};
    if (header.size() > 1) header += ',';
    header += quoted(item->name) + ':' + entry.dump();
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return layout;
}

}  // namespace

FileDigest write_safetensors(const std::filesystem::path& path,
                             const std::vector<NamedTensor>& tensors,
                             const std::map<std::string, std::string>& metadata) {
  const Layout layout = lay_out(tensors, metadata);
  util::require(layout.header.size() <= kMaxHeaderBytes, path.string(), ": the header needs ",
                layout.header.size(), " bytes, the format allows ", kMaxHeaderBytes);
  FileWriter file(path);
  const std::uint64_t length = layout.header.size();
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(layout.header);
  for (const NamedTensor* item : layout.in_order) {
    // Both are the tensor itself where it is contiguous and in host memory already.
    const at::Tensor host = item->tensor.detach().to(c10::kCPU).contiguous();
    file.write({static_cast<const std::byte*>(host.const_data_ptr()), host.nbytes()});
  }
  return file.finish();
}

std::uint64_t safetensors_size(const std::vector<NamedTensor>& tensors) {
  const Layout layout = lay_out(tensors, {{"format", "pt"}});
  return kLengthBytes + layout.header.size() + layout.data_bytes;
}

}  // namespace superpose::checkpoint
