#include <lzma.h>

#include <cstdint>
#include <string_view>
#include <utility>

#include "corpus/streams/decoder_input.h"
#include "corpus/streams/decoders.h"

namespace superpose::corpus {
namespace {

std::string_view reason(lzma_ret code) {
  switch (code) {
    case LZMA_FORMAT_ERROR:
      return "no xz stream begins here";
    case LZMA_OPTIONS_ERROR:
      return "its options are not supported";
    case LZMA_UNSUPPORTED_CHECK:
      return "its kind of checksum is not supported";
    case LZMA_DATA_ERROR:
      return "its content or checksum is wrong";
    case LZMA_MEM_ERROR:
      return "no memory to decompress it";
    default:
      return "unknown error";
  }
}

class XzStream final : public ByteStream {
 public:
  XzStream(std::unique_ptr<ByteStream> bytes, std::string name)
      : input_(std::move(bytes), std::move(name), "xz") {
    constexpr auto kFlags = LZMA_CONCATENATED | LZMA_TELL_UNSUPPORTED_CHECK;
    util::require(::lzma_stream_decoder(&stream_, UINT64_MAX, kFlags) == LZMA_OK, input_.name(),
                  ": no memory to decompress it");
  }
  ~XzStream() override { ::lzma_end(&stream_); }
  XzStream(const XzStream&) = delete;
  XzStream& operator=(const XzStream&) = delete;

  std::size_t read(std::span<char> out) override {
    while (!ended_) {
      const std::size_t size = decode(input_.peek(), out);
      if (size > 0) return size;
    }
    return 0;
  }

  std::int64_t bytes_read() const override { return input_.bytes_read(); }

 private:
  std::size_t decode(std::span<const char> in, std::span<char> out) {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    stream_.avail_out = out.size();
    const lzma_ret code = ::lzma_code(&stream_, in.empty() ? LZMA_FINISH : LZMA_RUN);
    input_.consume(in.size() - stream_.avail_in);
    const std::size_t size = out.size() - stream_.avail_out;
    ended_ = code == LZMA_STREAM_END;
    if (code == LZMA_BUF_ERROR && in.empty() && size == 0) input_.fail("is cut off");
    if (code != LZMA_OK && code != LZMA_STREAM_END && code != LZMA_BUF_ERROR) {
      input_.fail("is damaged (", reason(code), ")");
    }
    return size;
  }

  DecoderInput input_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> open_xz(std::unique_ptr<ByteStream> bytes, std::string name) {
  return std::make_unique<XzStream>(std::move(bytes), std::move(name));
}

}  // namespace superpose::corpus
