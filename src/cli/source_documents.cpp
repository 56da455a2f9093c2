#include "cli/source_documents.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "corpus/sources/source_checks.h"
#include "util/utf8.h"

namespace superpose::cli {
std::vector<corpus::SourceFile> list_text_files(const std::vector<std::string>& sources,
                                                std::ostream& out) {
  corpus::DataConfig config;
  config.sources = sources;
  config.sources_key.clear();
  std::vector<corpus::SourceFile> files = corpus::list_sources(config);
  corpus::leave_out_binaries(files, config, "");
  const std::string left_out = corpus::describe_left_out(files);
  if (!left_out.empty()) out << "left out: " << left_out << '\n';
  std::erase_if(files, [](const corpus::SourceFile& file) { return !file.left_out_as.empty(); });
  return files;
}

SourceDocuments::SourceDocuments(std::vector<corpus::SourceFile> files, corpus::ReadOptions options,
                                 std::int64_t max_bytes)
    : files_(std::move(files)), options_(std::move(options)), max_bytes_(max_bytes) {
  for (const corpus::SourceFile& file : files_) file_bytes_ += file.bytes;
}

bool SourceDocuments::next(std::string& text) {
  const std::int64_t room = max_bytes_ - text_bytes_;
  if (max_bytes_ > 0 && room <= 0) return false;
  while (!reader_ || !reader_->next(text)) {
    if (reader_) finish_file();
    if (next_file_ == files_.size()) return false;
    reader_ = corpus::open_documents(files_[next_file_++].path, options_);
  }
  ++file_documents_;
  if (max_bytes_ > 0 && std::ssize(text) > room) {
    text.resize(util::character_begin(text, static_cast<std::size_t>(room)));
    text_bytes_ = max_bytes_;
    return true;
  }
  text_bytes_ += std::ssize(text);
  return true;
}

void SourceDocuments::finish_file() {
  const corpus::SourceFile& file = files_[next_file_ - 1];
  file_bytes_done_ += file.bytes;
  bad_records_ += reader_->bad_records();
  const bool is_undivided = !options_.document_separator.empty() && file_documents_ == 1 &&
                            file.bytes >= corpus::kLargeFile && corpus::has_separators(file.path);
  if (is_undivided) undivided_.push_back(file.name);
  file_documents_ = 0;
  reader_.reset();
}

double SourceDocuments::share_done() const {
  const std::int64_t read = file_bytes_done_ + (reader_ ? reader_->bytes_read() : 0);
  const auto share = [](std::int64_t part, std::int64_t whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 1.0;
  };
  double done = share(read, file_bytes_);
  if (max_bytes_ > 0) done = std::max(done, share(text_bytes_, max_bytes_));
  return std::clamp(done, 0.0, 1.0);
}

std::int64_t SourceDocuments::bad_records() const {
  return bad_records_ + (reader_ ? reader_->bad_records() : 0);
}

}  // namespace superpose::cli
