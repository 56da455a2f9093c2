#include "bench/export.h"

#include <ATen/ops/from_blob.h>

#include <string>
#include <vector>

#include "bench/report.h"
#include "checkpoint/hugging_face.h"
#include "checkpoint/model_files.h"
#include "checkpoint/model_shape.h"
#include "util/files.h"

namespace superpose::bench {
namespace {

at::Tensor tensor_of(const std::vector<std::int64_t>& values, at::IntArrayRef shape) {
  // from_blob wants a mutable pointer; nothing writes through it.
  return at::from_blob(const_cast<std::int64_t*>(values.data()), shape, at::kLong);
}

std::vector<checkpoint::NamedTensor> batches_of(const Session& session) {
  std::vector<checkpoint::NamedTensor> tensors;
  for (std::size_t index = 0; index < session.cases().size(); ++index) {
    const data::Batch& batch = session.batch(index);
    tensors.push_back({"inputs." + std::to_string(index),
                       tensor_of(batch.inputs, {batch.rows, batch.shape.sequence_length,
                                                batch.shape.bags.bag_size})});
    tensors.push_back({"targets." + std::to_string(index),
                       tensor_of(batch.targets, {batch.rows, batch.shape.sequence_length,
                                                 batch.shape.bags.target_size})});
  }
  return tensors;
}

}  // namespace

void export_session(Session& session, const util::OutputFolder& folder) {
  util::AtomicDirectory directory = folder.stage();
  std::vector<checkpoint::NamedTensor> weights;
  for (const model::Parameter& parameter : session.learner().parameters.list()) {
    weights.push_back({parameter.name, session.learner().parameters.view(parameter.name)});
  }
  checkpoint::write_model(directory.path(), weights);
  checkpoint::write_safetensors(directory.path() / "batches.safetensors", batches_of(session), {});
  util::write_file_atomic(directory.path() / "config.json",
                          checkpoint::to_config_json(checkpoint::to_hugging_face(session.model())));
  util::write_file_atomic(directory.path() / "bench.json", settings(session).dump(2) + "\n");
  folder.commit(directory);
}

}  // namespace superpose::bench
