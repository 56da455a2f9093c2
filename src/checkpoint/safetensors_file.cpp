#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_dtypes.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::checkpoint {

struct SafetensorsFile::Contents {
  std::filesystem::path path;
  util::MappedFile file;
  Header header;

  const std::byte* data() const { return file.data() + header.data_begin; }
  void drop_pages(const Entry& entry) const;
};

namespace {

std::string shape_text(c10::IntArrayRef shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(size);
  }
  return text + "]";
}

// A tensor over the mapped bytes, valid while the file is mapped and never to be written to; a copy
// where libtorch could not read it in place.
at::Tensor view(const std::byte* bytes, const std::vector<std::int64_t>& shape,
                c10::ScalarType scalar) {
  // A bool that is neither 0 nor 1 is undefined behaviour in C++, and the format does not forbid
  // it.
  const bool is_bool = scalar == c10::ScalarType::Bool;
  const auto options = at::TensorOptions().dtype(is_bool ? c10::ScalarType::Byte : scalar);
  const auto address = reinterpret_cast<std::uintptr_t>(bytes);
  at::Tensor result;
  if (address % c10::elementSize(scalar) == 0) {
    result = at::from_blob(const_cast<std::byte*>(bytes), shape, options);
  } else {
    result = at::empty(shape, options);
    if (result.numel() > 0) std::memcpy(result.data_ptr(), bytes, result.nbytes());
  }
  return is_bool ? result.ne(0) : result;
}

}  // namespace

// A process that reads every tensor of a file would otherwise hold the whole file in addition to
// its copies. Pages that are needed later are read again.
void SafetensorsFile::Contents::drop_pages(const Entry& entry) const {
  static const auto kPage = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(data());
  const std::uintptr_t begin = (address + entry.begin + kPage - 1) / kPage * kPage;
  const std::uintptr_t end = (address + entry.end) / kPage * kPage;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) {
  util::MappedFile file(path);
  Header header = parse_header(file.bytes(), path.string());
  contents_ = std::make_shared<const Contents>(
      Contents{.path = path, .file = std::move(file), .header = std::move(header)});
}

const std::filesystem::path& SafetensorsFile::path() const { return contents_->path; }

const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
  return contents_->header.metadata;
}

const std::map<std::string, SafetensorsFile::Entry>& SafetensorsFile::entries() const {
  return contents_->header.entries;
}

bool SafetensorsFile::contains(const std::string& name) const { return entries().contains(name); }

at::Tensor SafetensorsFile::mapped(const std::string& name) const {
  const auto found = entries().find(name);
  util::require(found != entries().end(), path().string(), ": no tensor ", name);
  const Entry& entry = found->second;
  const std::optional<c10::ScalarType> scalar = scalar_type(entry.dtype);
  util::require(scalar.has_value(), path().string(), ": tensor ", name, ": dtype ", entry.dtype,
                " cannot be read");
  return view(contents_->data() + entry.begin, entry.shape, *scalar);
}

at::Tensor SafetensorsFile::tensor(const std::string& name) const { return mapped(name).clone(); }

void SafetensorsFile::copy_to(const std::string& name, const at::Tensor& out) const {
  const at::Tensor source = mapped(name);
  util::require(source.sizes() == out.sizes(), path().string(), ": tensor ", name,
                ": expected shape ", shape_text(out.sizes()), ", got ", shape_text(source.sizes()));
  const c10::AutoGradMode no_grad(false);
  out.copy_(source);
  contents_->drop_pages(entries().at(name));
}

void SafetensorsFile::copy_range_to(const std::string& name, std::int64_t begin,
                                    const at::Tensor& out) const {
  const at::Tensor source = mapped(name).flatten();
  util::require(begin >= 0 && out.numel() <= source.numel() - begin, path().string(), ": tensor ",
                name, ": elements ", begin, " to ", begin + out.numel(), " of ", source.numel());
  const c10::AutoGradMode no_grad(false);
  out.copy_(source.narrow(0, begin, out.numel()));
}

}  // namespace superpose::checkpoint
