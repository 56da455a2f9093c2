// Documents from Parquet files, and the interface of the library that reads them.
#pragma once

#include <filesystem>
#include <memory>

#include "corpus/readers/document_reader.h"

namespace superpose::corpus {

// The values of one column of a Parquet file: the leaf at options.text_field, of byte arrays
// (strings, binary, dictionaries of them) outside of lists. A bad record is a null, and bytes that
// are not UTF-8 in a column of strings. bytes_read() counts by the share of the rows.
//
// Pages are read one after the other, checksums verified where a file has them. Errors name the
// file and, where one is at fault, the row. Where Arrow was not built in every call is an error
// that says what to install.
std::unique_ptr<DocumentReader> open_parquet_documents(const std::filesystem::path& path,
                                                       const ReadOptions& options);

// Every row of a Parquet file as a JSON object, with all columns under their names: texts, numbers,
// truth values, nulls, and lists and structs of them. A column of another type is left out. Errors
// as above.
std::unique_ptr<DocumentReader> open_parquet_rows(const std::filesystem::path& path);

// The reader itself is a library of its own, libsuperpose_parquet.so, loaded by the first call and
// closed off: Arrow's libraries export copies of libraries that the program uses in other versions
// (simdjson), and a program that linked both would call the wrong one. It has these two functions.
inline constexpr const char* kParquetLibrary = "libsuperpose_parquet.so";
inline constexpr const char* kOpenParquet = "superpose_open_parquet";
struct ParquetRequest {
  const std::filesystem::path& path;
  const ReadOptions& options;
  bool (*is_utf8)(const char* bytes, std::size_t size);
};
using OpenParquet = DocumentReader*(const ParquetRequest&);

inline constexpr const char* kOpenParquetRows = "superpose_open_parquet_rows";
using OpenParquetRows = DocumentReader*(const std::filesystem::path& path);

}  // namespace superpose::corpus
