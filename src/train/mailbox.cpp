#include "train/mailbox.h"

#include <ATen/ops/from_blob.h>

#include <array>

namespace superpose::train {
namespace {

constexpr std::int64_t kLoss = 0;
constexpr std::int64_t kStopVotes = 1;
constexpr std::int64_t kRawTokens = 2;
constexpr std::int64_t kIdsHash = 6;
constexpr std::int64_t kLength = 10;
constexpr int kPieces = 4;
constexpr int kPieceBits = 16;

void put_integer(std::array<float, kLength>& values, std::int64_t slot, std::uint64_t integer) {
  for (int piece = 0; piece < kPieces; ++piece) {
    values[static_cast<std::size_t>(slot + piece)] =
        static_cast<float>((integer >> (piece * kPieceBits)) & 0xffffU);
  }
}

std::uint64_t take_integer(const float* values, std::int64_t slot) {
  std::uint64_t integer = 0;
  for (int piece = 0; piece < kPieces; ++piece) {
    // Parts summed over ranks may have grown beyond 16 bits: adding carries them.
    integer += static_cast<std::uint64_t>(values[slot + piece]) << (piece * kPieceBits);
  }
  return integer;
}

}  // namespace

void put_mail(const at::Tensor& mailbox, const Mail& mail) {
  std::array<float, kLength> values{};
  values[kStopVotes] = static_cast<float>(mail.stop_votes);
  put_integer(values, kRawTokens, mail.raw_tokens);
  put_integer(values, kIdsHash, mail.ids_hash);
  mailbox.narrow(0, kLoss + 1, kLength - 1)
      .copy_(at::from_blob(values.data() + 1, {kLength - 1}, at::kFloat));
}

Mail take_mail(const at::Tensor& mailbox) {
  const at::Tensor host = mailbox.narrow(0, 0, kLength).to(at::kCPU).contiguous();
  const float* values = host.const_data_ptr<float>();
  Mail mail;
  mail.loss = values[kLoss];
  mail.stop_votes = static_cast<std::int64_t>(values[kStopVotes]);
  mail.raw_tokens = take_integer(values, kRawTokens);
  mail.ids_hash = take_integer(values, kIdsHash);
  return mail;
}

}  // namespace superpose::train
