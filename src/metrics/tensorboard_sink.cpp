#include "metrics/tensorboard_sink.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <string_view>
#include <system_error>

#include "metrics/crc32c.h"
#include "util/error.h"

// Wire format: protobuf fields are varint(field << 3 | type) followed by the value; TensorFlow's
// event.proto and summary.proto give the field numbers below.
namespace superpose::metrics {
namespace {

enum class Wire : std::uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>((value & 0x7F) | 0x80));
    value >>= 7U;
  }
  out.push_back(static_cast<char>(value));
}

template <class Unsigned>
void put_little_endian(std::string& out, Unsigned value) {
  for (std::size_t byte = 0; byte < sizeof(Unsigned); ++byte) {
    out.push_back(static_cast<char>((value >> (8U * byte)) & 0xFFU));
  }
}

void put_key(std::string& out, std::uint64_t field, Wire wire) {
  put_varint(out, (field << 3U) | static_cast<std::uint64_t>(wire));
}

void put_bytes(std::string& out, std::uint64_t field, std::string_view bytes) {
  put_key(out, field, Wire::kBytes);
  put_varint(out, bytes.size());
  out.append(bytes);
}

// The two fields that every Event starts with: wall_time = 1, step = 2.
std::string event_head(std::int64_t step) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::string event;
  put_key(event, 1, Wire::kFixed64);
  put_little_endian(event,
                    std::bit_cast<std::uint64_t>(std::chrono::duration<double>(now).count()));
  put_key(event, 2, Wire::kVarint);
  put_varint(event, static_cast<std::uint64_t>(step));
  return event;
}

// Event.summary = 5 { repeated value = 1 { tag = 1, simple_value = 2 } }
class Scalars {
 public:
  void add(std::string_view tag, double value) {
    std::string message;
    put_bytes(message, 1, tag);
    put_key(message, 2, Wire::kFixed32);
    put_little_endian(message, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
    put_bytes(summary_, 1, message);
  }
  std::string event(std::int64_t step) const {
    std::string event = event_head(step);
    put_bytes(event, 5, summary_);
    return event;
  }

 private:
  std::string summary_;
};

std::string step_event(const StepRecord& record) {
  Scalars scalars;
  scalars.add(record.is_bag_loss ? "train/bag_loss" : "train/ntp_loss", record.loss);
  scalars.add("train/learning_rate", record.learning_rate);
  scalars.add("train/gradient_norm", record.gradient_norm);
  for (const auto& [name, value] : record.scalars) scalars.add("train/" + name, value);
  scalars.add("speed/positions_per_second", record.positions_per_second);
  scalars.add("speed/raw_tokens_per_second", record.raw_tokens_per_second);
  scalars.add("speed/wait_share", record.wait_share);
  scalars.add("data/raw_tokens", static_cast<double>(record.raw_tokens));
  scalars.add("data/epoch", record.epoch);
  for (const auto& [name, epochs] : record.source_epochs) {
    scalars.add("data/epoch/" + name, epochs);
  }
  return scalars.event(record.step);
}

std::string validation_event(const ValidationRecord& record) {
  Scalars scalars;
  scalars.add("validation/ntp_loss", record.loss);
  scalars.add("validation/perplexity", record.perplexity);
  if (record.bits_per_byte) scalars.add("validation/bits_per_byte", *record.bits_per_byte);
  if (record.copying) scalars.add("validation/copying", *record.copying);
  if (record.sets.size() < 2) return scalars.event(record.step);
  for (const SetScore& set : record.sets) {
    const std::string prefix = "validation/" + set.name;
    scalars.add(prefix + "/ntp_loss", set.loss);
    scalars.add(prefix + "/perplexity", set.perplexity);
    if (set.bits_per_byte) scalars.add(prefix + "/bits_per_byte", *set.bits_per_byte);
  }
  return scalars.event(record.step);
}

std::string task_event(const TaskRecord& record) {
  Scalars scalars;
  for (const auto& [name, value] : record.scores) {
    scalars.add("task/" + record.name + "/" + name, value);
  }
  for (const auto& [name, value] : record.chance) {
    scalars.add("task/" + record.name + "/" + name + "_by_chance", value);
  }
  return scalars.event(record.step);
}

std::string final_event(const FinalRecord& record) {
  Scalars scalars;
  for (const FinalScore& set : record.sets) {
    scalars.add("final/" + set.name + "/ntp_loss", set.loss);
    if (set.capped_loss) scalars.add("final/" + set.name + "/capped_ntp_loss", *set.capped_loss);
  }
  return scalars.event(record.step);
}

std::filesystem::path event_file(const std::filesystem::path& folder) {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  const std::string host_name = host[0] != '\0' ? host.data() : "localhost";
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  const std::string stem = "events.out.tfevents." + std::to_string(seconds) + "." + host_name +
                           "." + std::to_string(getpid());
  // Two starts within one second by one process (tests) must not share a file.
  std::filesystem::path path = folder / stem;
  for (int serial = 1; std::filesystem::exists(std::filesystem::symlink_status(path)); ++serial) {
    path = folder / (stem + "." + std::to_string(serial));
  }
  return path;
}

}  // namespace

TensorBoardSink::TensorBoardSink(const std::filesystem::path& folder, std::int64_t resume_step) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  util::require(!error, folder.string(), ": cannot be created: ", error.message());
  path_ = event_file(folder);
  stream_.open(path_, std::ios::binary);
  util::require(stream_.is_open(), path_.string(), ": cannot be opened for writing");
  std::string version = event_head(0);
  put_bytes(version, 3, "brain.Event:2");  // file_version = 3
  append(version);
  if (resume_step > 0) {
    std::string session;
    put_key(session, 1, Wire::kVarint);  // SessionLog.status = 1, START = 1
    put_varint(session, 1);
    std::string event = event_head(resume_step + 1);
    put_bytes(event, 7, session);  // Event.session_log = 7
    append(event);
  }
}

void TensorBoardSink::write(const Record& record) {
  if (const auto* step = std::get_if<StepRecord>(&record)) append(step_event(*step));
  if (const auto* validation = std::get_if<ValidationRecord>(&record)) {
    append(validation_event(*validation));
  }
  if (const auto* task = std::get_if<TaskRecord>(&record)) append(task_event(*task));
  if (const auto* final_scores = std::get_if<FinalRecord>(&record)) {
    append(final_event(*final_scores));
  }
}

void TensorBoardSink::append(const std::string& event) {
  std::string length;
  put_little_endian(length, static_cast<std::uint64_t>(event.size()));
  std::string frame = length;
  put_little_endian(frame, masked_crc32c(length));
  frame += event;
  put_little_endian(frame, masked_crc32c(event));
  stream_.write(frame.data(), static_cast<std::streamsize>(frame.size()));
  stream_.flush();
  util::require(stream_.good(), path_.string(), ": cannot be written (disk full?)");
}

}  // namespace superpose::metrics
