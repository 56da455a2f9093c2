// Whether two tokenizers give the same ids.
#pragma once

#include <string>

namespace superpose::train {

// `known` and `now` are texts of a tokenizer.json, `file` is where `known` lies. Throws util::Error
// that begins with `who` and names the parts that decide ids and differ.
void check_same_ids(const std::string& known, const std::string& now, const std::string& who,
                    const std::string& file);

}  // namespace superpose::train
