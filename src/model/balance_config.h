// What keeps the experts of a mixture in use, as a recipe says it. Formulas: router.h.
#pragma once

#include <array>
#include <string_view>

namespace superpose::model {

// Over what the use of an expert is counted. kSequence: a row. kStep: the whole step before, all
// micro-batches and ranks.
enum class BalanceScope { kSequence, kStep };
inline constexpr std::array<std::string_view, 2> kBalanceScopeNames = {"sequence", "step"};

struct BalanceConfig {
  double weight = 0;
  BalanceScope scope = BalanceScope::kSequence;
  double z_loss = 0;

  bool operator==(const BalanceConfig&) const = default;
  bool is_on() const { return weight > 0 || z_loss > 0; }

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v.field("weight", self.weight, "of each router's load-balancing loss; 0 = none");
    v.choice("scope", self.scope, kBalanceScopeNames,
             "what the use of experts is counted over: each row, or the whole step before");
    v.field("z_loss", self.z_loss,
            "weight of the squared log of each router's denominator; 0 = none");
  }
  // Throws util::Error naming the key.
  void validate() const;
};

}  // namespace superpose::model
