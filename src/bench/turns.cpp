#include "bench/turns.h"

#include <istream>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>

#include "bench/process.h"
#include "bench/report.h"
#include "util/error.h"
#include "util/process.h"

namespace superpose::bench {
namespace {

util::Json take_steps(Session& session, std::istringstream& words) {
  std::size_t index = 0;
  std::int64_t steps = 0;
  util::require(
      static_cast<bool>(words >> index >> steps) && index < session.cases().size() && steps >= 1,
      "bench --turns: expected \"step CASE STEPS\" with CASE < ", session.cases().size(),
      " and STEPS >= 1, got \"", words.str(), "\"");
  const TimedBlock block = session.run(index, steps);
  return {{"case", index},
          {"steps", block.steps},
          {"seconds", block.seconds},
          {"losses", block.losses}};
}

}  // namespace

void take_turns(Session& session, std::istream& in, std::ostream& out) {
  const auto answer = [&out](const util::Json& json) { out << json.dump() << std::endl; };
  util::Json ready{{"ready", true}};
  ready.update(settings(session));
  answer(ready);
  std::optional<double> first_step_seconds;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "reset") {
      session.reset();
      answer({{"reset", true}});
    } else if (command == "step") {
      const util::Json block = take_steps(session, words);
      if (!first_step_seconds) first_step_seconds = seconds_since_start();
      answer(block);
    } else if (command == "ceiling") {
      answer({{"ceiling", session.measure_ceiling()}});
    } else if (command == "status") {
      util::Json status{{"peak_memory_bytes", util::peak_memory_bytes()},
                        {"first_step_seconds", nullptr}};
      if (first_step_seconds) status["first_step_seconds"] = *first_step_seconds;
      answer(status);
    } else {
      util::fail("bench --turns: expected reset, step, ceiling or status, got \"", line, "\"");
    }
  }
}

}  // namespace superpose::bench
