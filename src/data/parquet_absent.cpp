#include "data/parquet_documents.h"
#include "util/error.h"

namespace superpose::data {

std::unique_ptr<DocumentReader> open_parquet_documents(const std::filesystem::path& path,
                                                       const ReadOptions&) {
  util::fail(path.string(),
             ": this build reads no Parquet: install pyarrow into .venv, configure again with "
             "cmake and build, or convert the file to JSON lines");
}

}  // namespace superpose::data
