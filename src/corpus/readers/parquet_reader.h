// What both readers of Parquet files have in common, in the library that reads them
// (parquet_documents.h).
#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <string>
#include <type_traits>

#include "corpus/readers/document_reader.h"
#include "util/error.h"

namespace superpose::corpus {

class ParquetReader : public DocumentReader {
 public:
  std::int64_t bytes_read() const override {
    if (rows_done_ == num_rows_) return file_bytes_;
    return static_cast<std::int64_t>(static_cast<double>(file_bytes_) *
                                     static_cast<double>(rows_done_) /
                                     static_cast<double>(num_rows_));
  }

 protected:
  explicit ParquetReader(const std::filesystem::path& path)
      : name_(path.string()),
        file_bytes_(
            guarded([&] { return static_cast<std::int64_t>(std::filesystem::file_size(path)); })) {}

  // What Arrow throws, as our error; its messages may have several lines. Nothing inside throws
  // util::Error.
  template <class Action>
  std::invoke_result_t<Action> guarded(const Action& action) const {
    try {
      return action();
    } catch (const std::exception& error) {
      const std::string message = error.what();
      util::fail(name_, ": cannot read as Parquet, at row ", rows_done_,
                 " or later: ", message.substr(0, message.find('\n')));
    }
  }

  std::string name_;
  std::int64_t num_rows_ = 0;
  std::int64_t rows_done_ = 0;

 private:
  std::int64_t file_bytes_;
};

}  // namespace superpose::corpus
