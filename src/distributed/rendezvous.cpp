#include "distributed/rendezvous.h"

#include <charconv>
#include <cstdlib>

#include "util/error.h"

namespace superpose::distributed {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::string needed(const char* name) {
  const auto value = variable(name);
  util::require(value.has_value(), "distributed: ", name,
                " is not set, but RANK or WORLD_SIZE is; start with superpose launch or torchrun");
  return *value;
}

int to_number(const char* name, const std::string& text, int low, int high) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, status] = std::from_chars(text.data(), end, value);
  util::require(status == std::errc() && parsed == end && low <= value && value <= high,
                "distributed: ", name, ": expected a number from ", low, " to ", high, ", got ",
                text);
  return value;
}

int number_or(const char* name, int otherwise, int low, int high) {
  const auto text = variable(name);
  return text.has_value() ? to_number(name, *text, low, high) : otherwise;
}

constexpr int kMaxRanks = 1 << 20;

}  // namespace

std::optional<Rendezvous> rendezvous_from_environment() {
  if (!variable("RANK").has_value() && !variable("WORLD_SIZE").has_value()) return std::nullopt;
  Rendezvous result;
  result.world_size = to_number("WORLD_SIZE", needed("WORLD_SIZE"), 1, kMaxRanks);
  result.rank = to_number("RANK", needed("RANK"), 0, result.world_size - 1);
  result.master_addr = needed("MASTER_ADDR");
  result.master_port = to_number("MASTER_PORT", needed("MASTER_PORT"), 1, 65535);
  result.local_world_size = number_or("LOCAL_WORLD_SIZE", result.world_size, 1, result.world_size);
  result.local_rank = number_or("LOCAL_RANK", result.rank % result.local_world_size, 0,
                                result.local_world_size - 1);
  result.store_is_hosted = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  if (result.store_is_hosted) {
    result.store_prefix = "attempt_" + variable("TORCHELASTIC_RESTART_COUNT").value_or("0");
  }
  result.interface = variable("GLOO_SOCKET_IFNAME").value_or("");
  return result;
}

}  // namespace superpose::distributed
