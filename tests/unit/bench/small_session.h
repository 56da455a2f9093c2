// A session of a few thousand parameters.
#pragma once

#include <memory>
#include <vector>

#include "bench/session.h"

namespace superpose::test {

inline train::RunConfig small_config() {
  train::RunConfig config;
  config.model.hidden_size = 16;
  config.model.num_layers = 2;
  config.model.num_heads = 4;
  config.model.num_kv_heads = 2;
  config.model.ffn_size = 24;
  config.train.batch_positions = 32;
  config.train.sequence_length = 8;
  config.train.threads = 1;
  config.optim.learning_rate = 0.001;
  return config;
}

inline std::unique_ptr<bench::Session> small_session(const std::vector<std::int64_t>& bags,
                                                     train::RunConfig config = small_config()) {
  return std::make_unique<bench::Session>(config, bags, train::Machine{});
}

}  // namespace superpose::test
