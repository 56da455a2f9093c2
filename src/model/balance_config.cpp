#include "model/balance_config.h"

#include "util/error.h"
#include "util/f32.h"

namespace superpose::model {

void BalanceConfig::validate() const {
  // Gradients take them as f32.
  const auto check = [](const char* key, double value) {
    util::require(value == 0 || util::is_normal_f32(value), "optim.balance.", key,
                  ": must be 0 (off), or > 0 and a normal number in f32, got ", value);
  };
  check("weight", weight);
  check("z_loss", z_loss);
}

}  // namespace superpose::model
