#include "doctor/checks.h"

#include <array>

namespace superpose::doctor {
namespace {

// What a wrong model leaves to do: none of it can be put right in a recipe.
constexpr std::string_view kReport =
    "run `superpose selftest` on this machine, and report this with the recipe";

constexpr std::array kChecks = {
    Check{"run folder", Needs::kNothing, check_run_folder, "set run.dir to a folder of your own"},
    Check{"ranks", Needs::kNothing, check_ranks,
          "see that every machine reaches MASTER_ADDR and MASTER_PORT, and set GLOO_SOCKET_IFNAME"},
    Check{"corpus", Needs::kNothing, check_corpus, "correct what the line names"},
    Check{"tokenizer", Needs::kSetup, check_tokenizer,
          "name the tokenizer that made these ids in data.tokenizer"},
    Check{"bags", Needs::kSetup, check_bags, kReport},
    Check{"text", Needs::kSetup, check_text, ""},
    Check{"schedule", Needs::kSetup, check_schedule, ""},
    Check{"machine", Needs::kSetup, check_machine, ""},
    Check{"disk", Needs::kSetup, check_disk, ""},
    Check{"weights", Needs::kSetup, check_weights,
          "name another folder in model.init_from, or mend this one"},
    Check{"first loss", Needs::kModel, check_first_loss, kReport},
    Check{"bags of one", Needs::kModel, check_bags_of_one, kReport},
    Check{"gradient", Needs::kModel, check_gradient, kReport},
    Check{"causality", Needs::kModel, check_causality, kReport},
    Check{"step", Needs::kModel, check_step,
          "lower optim.learning_rate or lengthen optim.warmup_steps"},
    Check{"checkpoint", Needs::kModel, check_checkpoint,
          "make room or set run.dir to another disk"},
};

}  // namespace

std::span<const Check> checks() { return kChecks; }

}  // namespace superpose::doctor
