// A run's records for TensorBoard.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "metrics/sink.h"

namespace superpose::metrics {

// TensorBoard event file events.out.tfevents.<seconds>.<host>.<pid> in `folder`: TFRecord frames
// with masked CRC32C around hand-encoded Event messages. The x axis is the step; the scalars are
//
//   train/       bag_loss or ntp_loss, learning_rate, gradient_norm, StepRecord::scalars
//   speed/       positions_per_second, raw_tokens_per_second, wait_share
//   data/        raw_tokens, epoch
//   validation/  ntp_loss, bits_per_byte, perplexity
class TensorBoardSink : public Sink {
 public:
  // `resume_step` > 0 adds a session-start mark, at which TensorBoard drops older points beyond
  // that step.
  TensorBoardSink(const std::filesystem::path& folder, std::int64_t resume_step);

  void write(const Record& record) override;
  const std::filesystem::path& path() const { return path_; }

 private:
  void append(const std::string& event);

  std::filesystem::path path_;
  std::ofstream stream_;
};

}  // namespace superpose::metrics
