// tiktoken's rank files as tokenizer.json.
#pragma once

#include <string>
#include <string_view>

namespace superpose::tokenizer {

// Whether a file looks like tiktoken's rank files: lines of a token in base64, a space, its rank.
bool is_rank_file(std::string_view content);

// A tokenizer.json that gives the ids of tiktoken. A rank file holds neither the split expression
// nor the special tokens: these follow from the file's name, as the publishers gave it (gpt2,
// r50k_base, p50k_base, cl100k_base, o200k_base, qwen; tokenizer.model is Llama 3's). `path` opens
// every error. Throws util::Error for another name, a line that is not of this form, a token or
// rank that is listed twice, a byte without a token, and special tokens whose ids are taken.
std::string rank_file_to_json(std::string_view content, const std::string& path);

}  // namespace superpose::tokenizer
