#include "corpus/readers/parquet_documents.h"

#include <dlfcn.h>
#include <simdjson.h>

#include <string>

#include "corpus/streams/byte_stream.h"
#include "util/error.h"

namespace superpose::corpus {
namespace {

// DEEPBIND: the library's names are looked up in itself and in Arrow before the program's. The
// sanitizers, which stand in for malloc and others, refuse it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kBinding = 0;
#else
constexpr int kBinding = RTLD_DEEPBIND;
#endif

// A function of the library, or an error that says what to install. The library stays until the
// program ends.
template <class Function>
Function* load(const char* name, const std::filesystem::path& path) {
  void* const library = dlopen(kParquetLibrary, RTLD_NOW | RTLD_LOCAL | kBinding);
  void* const function = library == nullptr ? nullptr : dlsym(library, name);
  if (function == nullptr) {
    util::fail(path.string(),
               ": this build reads no Parquet: install pyarrow into .venv, configure again with "
               "cmake and build, or convert the file to JSON lines (",
               dlerror(), ")");
  }
  return reinterpret_cast<Function*>(function);
}

}  // namespace

std::unique_ptr<DocumentReader> open_parquet_documents(const std::filesystem::path& path,
                                                       const ReadOptions& options) {
  open_raw(path);  // for the error of the operating system
  auto* const open = load<OpenParquet>(kOpenParquet, path);
  return std::unique_ptr<DocumentReader>(open({path, options, [](const char* bytes, std::size_t n) {
                                                 return simdjson::validate_utf8(bytes, n);
                                               }}));
}

std::unique_ptr<DocumentReader> open_parquet_rows(const std::filesystem::path& path) {
  open_raw(path);
  return std::unique_ptr<DocumentReader>(load<OpenParquetRows>(kOpenParquetRows, path)(path));
}

}  // namespace superpose::corpus
