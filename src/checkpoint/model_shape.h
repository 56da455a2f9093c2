// What a config.json says of a model, as the shape of a decoder, and back.
#pragma once

#include "checkpoint/hugging_face.h"
#include "model/model_config.h"

namespace superpose::checkpoint {

// What config.json says of a resolved shape. Throws util::Error for one that no architecture has.
HuggingFaceModel to_hugging_face(const model::ModelConfig& model);

// The shape that a config.json describes, resolved. Throws util::Error for one that cannot be
// built.
model::ModelConfig from_hugging_face(const HuggingFaceModel& read);

}  // namespace superpose::checkpoint
