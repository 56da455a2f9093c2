// The order of a single corpus, held to numbers written down before mixtures existed: whoever
// resumes an older checkpoint reads the rows that it would have read.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "stream_support.h"
#include "util/hash.h"

namespace superpose::data {
namespace {

using test::make_phase;
using test::NumberedStream;

struct KnownOrder {
  bool document_aware;
  std::uint64_t ids_hash;    // sum over all steps
  std::uint64_t batch_hash;  // of inputs and targets, step after step
};

KnownOrder read_all(bool document_aware) {
  const NumberedStream numbered(
      {{5, 1, 17, 30, 2, 2, 64, 3, 9, 40, 1, 1, 25, 7, 93}, 23, 9, document_aware});
  const BatchSource source(
      numbered.stream,
      {.phases = {make_phase(0, 7, 3, 3), make_phase(7, 5, 4, 2), make_phase(12, 14, 1, 1)},
       .sequence_length = 5,
       .rows_per_step = 6});
  KnownOrder found{document_aware, 0, 0};
  util::Hasher hasher;
  for (std::int64_t step = 0; step < source.total_steps(); ++step) {
    const Batch batch = source.load(step);
    found.ids_hash += batch.ids_hash;
    for (const auto* ids : {&batch.inputs, &batch.targets}) {
      for (const std::int64_t id : *ids) hasher.update(static_cast<std::uint64_t>(id));
    }
  }
  found.batch_hash = hasher.digest64();
  return found;
}

TEST(Order, OfOneCorpusIsWhatItWas) {
  for (const KnownOrder& known : {KnownOrder{false, 0xd50f6be12641f17d, 0xe6118629aad72171},
                                  KnownOrder{true, 0x2c5ca2549a0ec7c2, 0xb53f6d1c044e455f}}) {
    const KnownOrder found = read_all(known.document_aware);
    EXPECT_EQ(util::hex64(found.ids_hash), util::hex64(known.ids_hash));
    EXPECT_EQ(util::hex64(found.batch_hash), util::hex64(known.batch_hash));
  }
}

}  // namespace
}  // namespace superpose::data
