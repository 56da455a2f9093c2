// A corpus put together from parts that were prepared by themselves, so that another choice of what
// is held out tokenizes nothing again.
#pragma once

#include <filesystem>
#include <optional>

#include "corpus/prepare/prepare_plan.h"

namespace superpose::corpus {

// Whether the plan's corpus is put together: of text, and documents are left out or held out by
// name. Throws util::Error as holds_tokens does.
bool is_assembled(const PreparePlan& plan);

// Fills `folder` with the corpus of such a plan. Its shards are those of the parts (further names
// of the same files, or copies where the file system has none); training documents with the content
// of a held-out one, or one in the options, stay there and are not read.
//
//   training   folder of training_part(plan)
//   held_out   folder of held_out_part(plan); none where what is held out is the training part's
//
// Throws util::Error where no training document is left, or a file cannot be read or written.
void assemble(const PreparePlan& plan, const std::filesystem::path& training,
              const std::optional<std::filesystem::path>& held_out,
              const std::filesystem::path& folder);

}  // namespace superpose::corpus
