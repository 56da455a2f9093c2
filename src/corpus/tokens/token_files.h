// Files of token ids in the formats of other programs, opened and mapped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "corpus/shards/token_type.h"
#include "corpus/tokens/token_format.h"
#include "util/files.h"

namespace superpose::corpus {

struct TokenFileOptions {
  TokenFormat format = TokenFormat::kAuto;
  // Where documents end in the layouts that do not list them (all but Megatron's): behind this id;
  // in llm.c's files in front of it, as its scripts write it first. Without it a file is one
  // document.
  std::optional<std::int64_t> end_of_document = {};
};

// Where the documents of a file end.
enum class DocumentEnds { kListed, kBehindMarker, kBeforeMarker };

// Tokens that lie side by side in a file.
struct FileRange {
  std::int64_t first_byte = 0;
  std::int64_t num_tokens = 0;
};

// A file that holds tokens, mapped.
struct TokenFile {
  std::string name;  // path, for errors
  util::MappedFile bytes;
  TokenType type = TokenType::kU16;
  std::vector<FileRange> file_ranges = {};  // in reading order, none empty; inside the file
  std::int64_t num_tokens = 0;
  DocumentEnds document_ends = DocumentEnds::kListed;
  // kListed: one past the last token of each document, strictly ascending to num_tokens.
  std::vector<std::int64_t> listed_ends = {};
  std::int64_t marker = 0;  // else
};

// Opens and checks one file: header and size against each other, and for Megatron that every byte
// of .bin belongs to one sequence of the index. Token values are not looked at.
//
//   path   the file; for Megatron .bin, .idx or the two without ending
//
// Throws util::Error naming the file: what cannot be opened or does not fit its format; for kAuto a
// file of which the format cannot be told, saying what to set; a raw format for a file that begins
// with a header; an end_of_document that the file's numbers cannot hold.
TokenFile open_token_file(const std::filesystem::path& path, const TokenFileOptions& options = {});

// The .idx that open_token_file reads with a file; empty where it reads none.
std::filesystem::path index_of(const std::filesystem::path& path, TokenFormat format);

}  // namespace superpose::corpus
