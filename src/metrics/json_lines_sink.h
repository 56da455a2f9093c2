// A run's records in metrics.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>

#include "metrics/sink.h"

namespace superpose::metrics {

// One JSON object per line, flushed line by line, appended to `path` (docs/formats/metrics.md).
class JsonLinesSink : public Sink {
 public:
  // Keeps what the file already holds up to and including step `keep_until_step` (the step of the
  // checkpoint that the run continues from; 0 for a new run keeps headers alone) and drops the
  // rest, a half-written last line too. The kept part is rewritten atomically. A summary is always
  // dropped: the run continues. keep_until_step < 0 starts an empty file. Throws util::Error for a
  // file that cannot be read or written.
  JsonLinesSink(std::filesystem::path path, std::int64_t keep_until_step);

  void write(const Record& record) override;

 private:
  std::filesystem::path path_;
  std::ofstream stream_;
};

}  // namespace superpose::metrics
