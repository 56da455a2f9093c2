// The error that a user can put right, and how it is thrown.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace superpose::util {

// Bad input, recipe or file: something that the user of the program can put right. what() is one
// line of the form "who: rule, got value" and is shown as it is.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

// Throws Error with the parts streamed together.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(message.str());
}

// fail(parts...) unless ok.
template <class... Parts>
void require(bool ok, const Parts&... parts) {
  if (!ok) fail(parts...);
}

}  // namespace superpose::util
