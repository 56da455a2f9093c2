// TensorBoard's event files: TFRecords of protocol buffers, of which only scalars are read. The few
// fields needed are taken apart here, by their numbers in tensorflow's event.proto, summary.proto
// and tensor.proto. The files of a folder follow one another by name, which begins with their time;
// a step that a later one repeats counts there.
#include <algorithm>
#include <cstring>
#include <optional>

#include "metrics/crc32c.h"
#include "report/trainers/trainer_log.h"
#include "util/error.h"
#include "util/files.h"

namespace superpose::report {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInName = "tfevents";

bool is_event_file(const fs::path& path) {
  return path.filename().string().find(kInName) != std::string::npos;
}

std::vector<fs::path> event_files(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (entry.is_regular_file() && is_event_file(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

template <class T>
T little_endian(std::string_view bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

// One field of a protocol buffer.
struct Field {
  std::uint64_t number = 0;
  std::uint64_t varint = 0;  // of wire type 0
  std::string_view bytes;    // of the others: 8 bytes, a length's worth, 4 bytes
};

// Takes a message apart. Throws where it ends inside a field.
class Message {
 public:
  Message(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::optional<Field> next() {
    if (bytes_.empty()) return std::nullopt;
    constexpr std::uint64_t kTypeBits = 3;
    const std::uint64_t key = varint();
    Field field;
    field.number = key >> kTypeBits;
    switch (key & 7U) {
      case 0:
        field.varint = varint();
        break;
      case 1:
        field.bytes = take(8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        field.bytes = take(4);
        break;
      default:
        util::require(false, where_, ": must hold events of TensorBoard, got wire type ", key & 7U);
    }
    return field;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    util::require(false, where_, ": must hold events of TensorBoard, got a number of over 64 bits");
    return 0;
  }
  std::string_view take(std::uint64_t count) {
    util::require(count <= bytes_.size(), where_, ": an event ends inside a field");
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  std::string_view bytes_;
  const std::string& where_;
};

// TensorProto: dtype 1, tensor_content 4, float_val 5, double_val 6; a scalar has one value.
std::optional<double> scalar_of_tensor(std::string_view bytes, const std::string& where) {
  constexpr std::uint64_t kFloat = 1;
  constexpr std::uint64_t kDouble = 2;
  std::uint64_t type = 0;
  std::optional<double> value;
  Message message(bytes, where);
  while (const std::optional<Field> field = message.next()) {
    if (field->number == 1) type = field->varint;
    const bool holds_value = field->number >= 4 && field->number <= 6;
    if (!holds_value) continue;
    const bool is_float = field->number == 5 || (field->number == 4 && type == kFloat);
    const bool is_double = field->number == 6 || (field->number == 4 && type == kDouble);
    if (is_float && field->bytes.size() == 4) value = little_endian<float>(field->bytes);
    if (is_double && field->bytes.size() == 8) value = little_endian<double>(field->bytes);
  }
  return value;
}

// Summary.Value: tag 1, simple_value 2, tensor 8.
void take_value(std::string_view bytes, std::int64_t step, const std::string& where,
                TrainerLog& log) {
  std::string_view tag;
  std::optional<double> value;
  Message message(bytes, where);
  while (const std::optional<Field> field = message.next()) {
    if (field->number == 1) tag = field->bytes;
    if (field->number == 2 && field->bytes.size() == 4) value = little_endian<float>(field->bytes);
    if (field->number == 8) value = scalar_of_tensor(field->bytes, where);
  }
  if (value) log.add(tag, step, *value);
}

// Event: step 2, summary 5; Summary: value 1.
void take_event(std::string_view bytes, const std::string& where, TrainerLog& log) {
  std::int64_t step = 0;
  std::string_view summary;
  Message message(bytes, where);
  while (const std::optional<Field> field = message.next()) {
    if (field->number == 2) step = static_cast<std::int64_t>(field->varint);
    if (field->number == 5) summary = field->bytes;
  }
  Message values(summary, where);
  while (const std::optional<Field> field = values.next()) {
    if (field->number == 1) take_value(field->bytes, step, where, log);
  }
}

// A TFRecord: length (8 bytes), its checksum (4), data, its checksum (4). The last one may be cut
// off by a kill, or while the run continues.
void read_file_into(const fs::path& path, TrainerLog& log) {
  constexpr std::size_t kLength = 8;
  constexpr std::size_t kSum = 4;
  const std::string content = util::read_file(path);
  std::string_view rest = content;
  while (rest.size() >= kLength + kSum) {
    const std::string where =
        path.string() + ": byte " + std::to_string(content.size() - rest.size());
    const std::string_view length_bytes = rest.substr(0, kLength);
    util::require(
        little_endian<std::uint32_t>(rest.substr(kLength)) == metrics::masked_crc32c(length_bytes),
        where, ": the checksum of a record's length is wrong");
    const auto length = little_endian<std::uint64_t>(length_bytes);
    if (length > rest.size() || rest.size() - length < kLength + 2 * kSum) return;  // cut off
    const std::string_view data = rest.substr(kLength + kSum, length);
    util::require(little_endian<std::uint32_t>(rest.substr(kLength + kSum + length)) ==
                      metrics::masked_crc32c(data),
                  where, ": the checksum of a record is wrong");
    take_event(data, where, log);
    rest.remove_prefix(kLength + 2 * kSum + length);
  }
}

bool recognizes(const fs::path& path, std::string_view) {
  return fs::is_directory(path) ? !event_files(path).empty() : is_event_file(path);
}

TrainerLog read(const fs::path& path) {
  TrainerLog log;
  for (const fs::path& file : event_files(path)) read_file_into(file, log);
  return log;
}

}  // namespace

const LogReader kTensorBoardReader = {"TensorBoard events",
                                      recognizes,
                                      read,
                                      {{"loss", "validation/ntp_loss"},
                                       {"loss", "eval/loss"},
                                       {"train_loss", "train/ntp_loss"},
                                       {"train_loss", "train/loss"},
                                       {"learning_rate", "train/learning_rate"},
                                       {"gradient_norm", "train/gradient_norm"},
                                       {"gradient_norm", "train/grad_norm"},
                                       {"bits_per_byte", "validation/bits_per_byte"}}};

}  // namespace superpose::report
