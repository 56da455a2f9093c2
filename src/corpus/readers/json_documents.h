// Documents from JSON lines.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "corpus/readers/document_reader.h"
#include "corpus/streams/byte_stream.h"

namespace superpose::corpus {

// JSON lines: a JSON object per line, in UTF-8; the text is the string at options.text_field. Lines
// of white space are passed over, and so is a byte order mark in front of the first. Other fields
// may hold what tame_json makes harmless.
//
// A bad record is a line that is not a JSON object, is nested deeper than 1024, lacks the field,
// has it twice or has something else there than a string of whole characters. Always an error: a
// line that begins a JSON array or an object of several lines where the first record is expected,
// and a line of 4 GiB or more. `name` opens errors ("name:line: ...").
std::unique_ptr<DocumentReader> read_json_documents(std::unique_ptr<ByteStream> bytes,
                                                    const std::string& name,
                                                    const ReadOptions& options);

}  // namespace superpose::corpus
