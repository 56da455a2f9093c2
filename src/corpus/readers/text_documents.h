// Documents from plain text, cut at separators.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "corpus/readers/document_reader.h"
#include "corpus/streams/byte_stream.h"

namespace superpose::corpus {

// The parts of a stream between separators, byte for byte but for a byte order mark in front; an
// empty separator makes it one document. A line feed of the separator also stands for CR LF, so it
// is found in a file with such line ends. Separators are found from the left and do not overlap.
// Nothing follows a separator at the end, and an empty stream holds no document; other empty
// documents are delivered.
std::unique_ptr<DocumentReader> read_text_documents(std::unique_ptr<ByteStream> bytes,
                                                    std::string separator);

}  // namespace superpose::corpus
