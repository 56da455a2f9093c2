// Which series of another trainer's record is what, and what the record does not say, as the user
// says it on the command line: `superpose report --map KEY=VALUE`.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "metrics/reader.h"
#include "report/trainers/trainer_log.h"

namespace superpose::report {

// Keys whose value names a series of the record:
//   loss            next-token loss on held-out text, nats per token
//   bits_per_byte   the same text's
//   train_loss, learning_rate, gradient_norm
//   positions, raw_tokens, seconds   the clocks of docs/formats/metrics.md, each since step 0
// Keys whose value is a number:
//   seed                 one, or of an arm with several runs one for each: 1,2,3
//   flops_per_position   forward and backward
//   positions_per_step   where no series counts the positions
//   bag_size             1 for training without superposition
//   switch_step          the last step of superposition, where bag_size > 1
//   total_steps, train_tokens
// Keys whose value is any text that is equal exactly when the thing is equal: validation, data.
class Mapping {
 public:
  // Each "KEY=VALUE", for all runs, or "ARM:KEY=VALUE", for those of one arm. Throws util::Error
  // naming an unknown key or a value that does not fit.
  explicit Mapping(const std::vector<std::string>& texts = {});

  // The value for this run of an arm; "" where none was given. `index`: of the run in its arm.
  std::string find(const std::string& arm, const std::string& key, std::size_t index) const;
  bool empty() const { return values_.empty(); }

 private:
  std::map<std::pair<std::string, std::string>, std::string> values_;  // by arm ("": all), key
};

struct MappedRun {
  metrics::RunRecords records;
  std::string used;                  // in words: which series were taken for what
  std::vector<std::string> missing;  // keys of the mapping that a comparison needs
};

// What the record and the mapping say, and no more: a number that neither gives is 0 (in `steps`
// NaN), a phase list without bag_size empty. Series that nothing maps become scalars of the steps.
// Throws util::Error naming a series that is not there, with those that are.
MappedRun map_run(const TrainerLog& log, const LogReader& reader, const Mapping& mapping,
                  const std::string& arm, std::size_t index, const std::filesystem::path& path);

}  // namespace superpose::report
