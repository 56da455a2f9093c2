#include <zstd.h>

#include <utility>

#include "corpus/streams/decoder_input.h"
#include "corpus/streams/decoders.h"

namespace superpose::corpus {
namespace {

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ::ZSTD_freeDCtx(context); }
};

class ZstdStream final : public ByteStream {
 public:
  ZstdStream(std::unique_ptr<ByteStream> bytes, std::string name)
      : input_(std::move(bytes), std::move(name), "zstd"), context_(::ZSTD_createDCtx()) {
    util::require(context_ != nullptr, input_.name(), ": no memory to decompress it");
    // As `zstd --long=31` writes; the library refuses more than 128 MiB unless told.
    ::ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax,
                             ::ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound);
  }

  std::size_t read(std::span<char> out) override {
    while (true) {
      const std::span<const char> in = input_.peek();
      if (in.empty() && !in_frame_) return 0;
      const std::size_t size = decode(in, out);
      if (size > 0) return size;
      if (in.empty() && in_frame_) input_.fail("is cut off");
    }
  }

  std::int64_t bytes_read() const override { return input_.bytes_read(); }

 private:
  std::size_t decode(std::span<const char> in, std::span<char> out) {
    ZSTD_inBuffer source{in.data(), in.size(), 0};
    ZSTD_outBuffer sink{out.data(), out.size(), 0};
    const std::size_t left = ::ZSTD_decompressStream(context_.get(), &sink, &source);
    if (::ZSTD_isError(left) != 0) {
      input_.fail(
          in_frame_ || input_.offset() == 0 ? "is damaged (" : "is followed by other data (",
          ::ZSTD_getErrorName(left), ")");
    }
    input_.consume(source.pos);
    in_frame_ = left != 0;
    return sink.pos;
  }

  DecoderInput input_;
  std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  bool in_frame_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> open_zstd(std::unique_ptr<ByteStream> bytes, std::string name) {
  return std::make_unique<ZstdStream>(std::move(bytes), std::move(name));
}

}  // namespace superpose::corpus
