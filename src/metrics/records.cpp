#include "metrics/records.h"

#include <array>
#include <chrono>
#include <ctime>
#include <type_traits>

#include "metrics/sink.h"

namespace superpose::metrics {

void set_rates(StepRecord& now, const StepRecord& before) {
  const double elapsed = now.seconds - before.seconds;
  now.positions_per_second = 0;
  now.raw_tokens_per_second = 0;
  now.wait_share = 0;
  if (elapsed <= 0) return;
  now.positions_per_second = static_cast<double>(now.positions - before.positions) / elapsed;
  now.raw_tokens_per_second = static_cast<double>(now.raw_tokens - before.raw_tokens) / elapsed;
  now.wait_share = (now.wait_seconds - before.wait_seconds) / elapsed;
}

std::int64_t step_of(const Record& record) {
  return std::visit(
      [](const auto& held) -> std::int64_t {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, RunHeader>) {
          return 0;
        } else {
          return held.step;
        }
      },
      record);
}

std::string utc_now() {
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

void SinkList::write(const Record& record) {
  for (const std::unique_ptr<Sink>& sink : sinks_) sink->write(record);
}

}  // namespace superpose::metrics
