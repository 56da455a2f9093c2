#include "distributed/rank_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace superpose::distributed {
namespace {

// A reader of ours that went away does not end the ranks: what cannot be written is dropped.
void write_all(int target, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(target, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

RankStream::RankStream(util::FileDescriptor pipe, int target, std::string prefix)
    : pipe_(std::move(pipe)), target_(target), prefix_(std::move(prefix)) {
  ::fcntl(pipe_.get(), F_SETFL, ::fcntl(pipe_.get(), F_GETFL) | O_NONBLOCK);
}

void RankStream::forward() {
  std::array<char, 16384> buffer;
  while (pipe_.is_open()) {
    const ssize_t count = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      pipe_.close();
      return;
    }
    std::string_view text(buffer.data(), static_cast<std::size_t>(count));
    for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos;) {
      line_.append(text.substr(0, end + 1));
      write_all(target_, prefix_ + line_);
      line_.clear();
      text.remove_prefix(end + 1);
    }
    line_.append(text);
  }
}

void RankStream::finish() {
  forward();
  if (!line_.empty()) write_all(target_, prefix_ + line_ + "\n");
  line_.clear();
  pipe_.close();
}

}  // namespace superpose::distributed
