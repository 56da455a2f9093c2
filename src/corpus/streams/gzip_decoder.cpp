#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "corpus/streams/decoder_input.h"
#include "corpus/streams/decoders.h"

namespace superpose::corpus {
namespace {

uInt clamped(std::size_t size) {
  return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

class GzipStream final : public ByteStream {
 public:
  GzipStream(std::unique_ptr<ByteStream> bytes, std::string name)
      : input_(std::move(bytes), std::move(name), "gzip") {
    constexpr int kGzipOnly = 16;
    util::require(::inflateInit2(&stream_, MAX_WBITS + kGzipOnly) == Z_OK, input_.name(),
                  ": no memory to decompress it");
  }
  ~GzipStream() override { ::inflateEnd(&stream_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  std::size_t read(std::span<char> out) override {
    while (true) {
      const std::span<const char> in = input_.peek();
      if (in.empty() && !in_member_) return 0;
      if (!in_member_) begin_member(in.front());
      const std::size_t size = decode(in, out);
      if (size > 0) return size;
      if (in.empty() && in_member_) input_.fail("is cut off");
    }
  }

  std::int64_t bytes_read() const override { return input_.bytes_read(); }

 private:
  void begin_member(char first) {
    if (input_.offset() > 0 && first != '\x1f') {
      input_.fail("is followed by what is not a gzip member");
    }
    ::inflateReset(&stream_);
    in_member_ = true;
  }

  std::size_t decode(std::span<const char> in, std::span<char> out) {
    // zlib's input is not const by history alone.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = clamped(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    const uInt room = clamped(out.size());
    stream_.avail_out = room;
    const int code = ::inflate(&stream_, Z_NO_FLUSH);
    input_.consume(clamped(in.size()) - stream_.avail_in);
    if (code == Z_STREAM_END) {
      in_member_ = false;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      // Z_BUF_ERROR: no progress was possible, which the caller sees by the sizes.
      input_.fail("is damaged (", stream_.msg == nullptr ? "unknown error" : stream_.msg, ")");
    }
    return room - stream_.avail_out;
  }

  DecoderInput input_;
  z_stream stream_{};
  bool in_member_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> open_gzip(std::unique_ptr<ByteStream> bytes, std::string name) {
  return std::make_unique<GzipStream>(std::move(bytes), std::move(name));
}

}  // namespace superpose::corpus
