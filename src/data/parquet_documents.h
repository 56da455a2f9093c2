#pragma once

#include <filesystem>
#include <memory>

#include "data/document_reader.h"

namespace superpose::data {

// The values of one column of a Parquet file: the leaf at options.text_field, of byte arrays
// (strings, binary, dictionaries of them) outside of lists. A bad record is a null, and bytes that
// are not UTF-8 in a column of strings. bytes_read() counts by the share of the rows.
//
// Pages are read one after the other, checksums verified where a file has them. Errors name the
// file and, where one is at fault, the row. In a build without Arrow every call is an error that
// says what to install.
std::unique_ptr<DocumentReader> open_parquet_documents(const std::filesystem::path& path,
                                                       const ReadOptions& options);

}  // namespace superpose::data
