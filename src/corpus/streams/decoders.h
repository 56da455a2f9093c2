// What is compressed in a stream, which is that of the file `name`; errors as at open_decompressed.
#pragma once

#include <memory>
#include <string>

#include "corpus/streams/byte_stream.h"

namespace superpose::corpus {

std::unique_ptr<ByteStream> open_gzip(std::unique_ptr<ByteStream> bytes, std::string name);
std::unique_ptr<ByteStream> open_zstd(std::unique_ptr<ByteStream> bytes, std::string name);
std::unique_ptr<ByteStream> open_xz(std::unique_ptr<ByteStream> bytes, std::string name);

}  // namespace superpose::corpus
