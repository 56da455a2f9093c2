// Errors in tests.
#pragma once

#include <string>

#include "util/error.h"

namespace superpose::test {

// The message of the util::Error that an action throws; "" where it throws none.
template <class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const util::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace superpose::test
