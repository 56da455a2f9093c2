#include "data/parquet_documents.h"

#include <dlfcn.h>
#include <simdjson.h>

#include <string>

#include "data/byte_stream.h"
#include "util/error.h"

namespace superpose::data {
namespace {

// DEEPBIND: the library's names are looked up in itself and in Arrow before the program's. The
// sanitizers, which stand in for malloc and others, refuse it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kBinding = 0;
#else
constexpr int kBinding = RTLD_DEEPBIND;
#endif

// The library's function, or null and why not. The library stays until the program ends.
OpenParquet* load(std::string& why_not) {
  void* const library = dlopen(kParquetLibrary, RTLD_NOW | RTLD_LOCAL | kBinding);
  void* const function = library == nullptr ? nullptr : dlsym(library, kOpenParquet);
  if (function == nullptr) why_not = dlerror();
  return reinterpret_cast<OpenParquet*>(function);
}

}  // namespace

std::unique_ptr<DocumentReader> open_parquet_documents(const std::filesystem::path& path,
                                                       const ReadOptions& options) {
  open_raw(path);  // for the error of the operating system
  static std::string why_not;
  static OpenParquet* const open = load(why_not);
  util::require(open != nullptr, path.string(),
                ": this build reads no Parquet: install pyarrow into .venv, configure again with "
                "cmake and build, or convert the file to JSON lines (",
                why_not, ")");
  return std::unique_ptr<DocumentReader>(open({path, options, [](const char* bytes, std::size_t n) {
                                                 return simdjson::validate_utf8(bytes, n);
                                               }}));
}

}  // namespace superpose::data
