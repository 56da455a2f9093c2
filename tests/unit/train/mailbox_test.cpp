#include "train/mailbox.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace superpose::train {
namespace {

at::Tensor mailbox_with(const Mail& mail) {
  at::Tensor mailbox = at::zeros({64}, at::kFloat);
  put_mail(mailbox, mail);
  mailbox[0] += mail.loss;
  return mailbox;
}

TEST(Mailbox, RoundTrip) {
  const Mail mail = take_mail(mailbox_with({.loss = 1.5F,
                                            .stop_votes = 1,
                                            .raw_tokens = 123'456'789'012,
                                            .ids_hash = 0xfedcba9876543210}));
  EXPECT_EQ(mail.loss, 1.5F);
  EXPECT_EQ(mail.stop_votes, 1);
  EXPECT_EQ(mail.raw_tokens, 123'456'789'012U);
  EXPECT_EQ(mail.ids_hash, 0xfedcba9876543210U);
}

TEST(Mailbox, SumsOfManyRanksAreExact) {
  constexpr int kRanks = 256;
  at::Tensor sum = at::zeros({64}, at::kFloat);
  std::uint64_t tokens = 0;
  std::uint64_t hash = 0;
  for (std::uint64_t rank = 0; rank < kRanks; ++rank) {
    const std::uint64_t token_count = 0xffff'ffff - rank;
    const std::uint64_t ids_hash = 0xffff'ffff'ffff'ffff - rank * 0x1234'5678'9abc;
    sum += mailbox_with(
        {.stop_votes = rank == 7 ? 1 : 0, .raw_tokens = token_count, .ids_hash = ids_hash});
    tokens += token_count;
    hash += ids_hash;  // wraps, as it should
  }
  const Mail mail = take_mail(sum);
  EXPECT_EQ(mail.stop_votes, 1);
  EXPECT_EQ(mail.raw_tokens, tokens);
  EXPECT_EQ(mail.ids_hash, hash);
}

TEST(Mailbox, LeavesTheLossAlone) {
  at::Tensor mailbox = at::zeros({64}, at::kFloat);
  mailbox[0] = 3;
  put_mail(mailbox, {.loss = 100, .stop_votes = 0, .raw_tokens = 1, .ids_hash = 1});
  EXPECT_EQ(take_mail(mailbox).loss, 3);
}

}  // namespace
}  // namespace superpose::train
