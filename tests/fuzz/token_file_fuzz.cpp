#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "corpus/shards/token_shards.h"
#include "corpus/tokens/token_files.h"
#include "fuzz/targets.h"
#include "util/error.h"

namespace superpose::fuzz {
namespace {

// A file in memory: the readers map files by their names.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("input", MFD_CLOEXEC)) { expect(descriptor_ >= 0); }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  void hold(std::string_view bytes) const {
    expect(::ftruncate(descriptor_, 0) == 0);
    expect(::pwrite(descriptor_, bytes.data(), bytes.size(), 0) == std::ssize(bytes));
  }
  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void read_all(const std::filesystem::path& path, corpus::TokenFormat format) {
  constexpr std::int64_t kVocabulary = 1 << 24;
  std::vector<corpus::TokenFile> files;
  files.push_back(corpus::open_token_file(path, {.format = format, .end_of_document = 9}));
  const corpus::TokenShards tokens(std::move(files), kVocabulary);
  std::int64_t last = 0;
  for (const std::int64_t end : tokens.document_ends()) {
    expect(end > last);
    last = end;
  }
  expect(last == tokens.num_tokens());
  std::vector<std::int32_t> ids(static_cast<std::size_t>(last));
  tokens.read(0, ids);
  for (const std::int32_t id : ids) expect(id >= 0 && id < kVocabulary);
}

}  // namespace

void token_file(std::string_view input) {
  static const MemoryFile file;
  file.hold(input);
  using corpus::TokenFormat;
  // NumPy's and llm.c's files are known by how they begin.
  for (const auto format : {TokenFormat::kAuto, TokenFormat::kRawU16, TokenFormat::kRawU64}) {
    try {
      read_all(file.path(), format);
    } catch (const util::Error&) {
    }
  }
}

}  // namespace superpose::fuzz
