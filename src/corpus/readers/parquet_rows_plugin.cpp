// Rows of Parquet files as JSON, in the library that reads Parquet: see parquet_documents.h.
#include <arrow/array.h>
#include <arrow/io/file.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "corpus/readers/parquet_documents.h"
#include "corpus/readers/parquet_reader.h"
#include "util/json.h"

namespace superpose::corpus {
namespace {

using util::Json;

// What Arrow returns, or an exception: ValueOrDie would end the process.
template <class T>
T value_of(arrow::Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.status().message());
  return std::move(result).ValueUnsafe();
}

template <class Array>
Json number_at(const arrow::Array& array, std::int64_t index) {
  return static_cast<const Array&>(array).Value(index);
}

template <class Array>
Json text_at(const arrow::Array& array, std::int64_t index) {
  return std::string(static_cast<const Array&>(array).GetView(index));
}

std::optional<Json> value_at(const arrow::Array& array, std::int64_t index);

template <class Array>
std::optional<Json> list_at(const arrow::Array& array, std::int64_t index) {
  const auto& lists = static_cast<const Array&>(array);
  Json list = Json::array();
  for (std::int64_t i = 0; i < lists.value_length(index); ++i) {
    std::optional<Json> item = value_at(*lists.values(), lists.value_offset(index) + i);
    if (!item) return std::nullopt;
    list.push_back(std::move(*item));
  }
  return list;
}

Json struct_at(const arrow::Array& array, std::int64_t index) {
  const auto& structs = static_cast<const arrow::StructArray&>(array);
  Json object = Json::object();
  for (int i = 0; i < structs.num_fields(); ++i) {
    std::optional<Json> item = value_at(*structs.field(i), index);
    if (item) object[structs.struct_type()->field(i)->name()] = std::move(*item);
  }
  return object;
}

// Nothing for a type that JSON has no value of.
std::optional<Json> value_at(const arrow::Array& array, std::int64_t index) {
  using arrow::Type;
  if (array.IsNull(index)) return Json(nullptr);
  switch (array.type_id()) {
    case Type::BOOL:
      return number_at<arrow::BooleanArray>(array, index);
    case Type::INT8:
      return number_at<arrow::Int8Array>(array, index);
    case Type::INT16:
      return number_at<arrow::Int16Array>(array, index);
    case Type::INT32:
      return number_at<arrow::Int32Array>(array, index);
    case Type::INT64:
      return number_at<arrow::Int64Array>(array, index);
    case Type::UINT8:
      return number_at<arrow::UInt8Array>(array, index);
    case Type::UINT16:
      return number_at<arrow::UInt16Array>(array, index);
    case Type::UINT32:
      return number_at<arrow::UInt32Array>(array, index);
    case Type::UINT64:
      return number_at<arrow::UInt64Array>(array, index);
    case Type::FLOAT:
      return number_at<arrow::FloatArray>(array, index);
    case Type::DOUBLE:
      return number_at<arrow::DoubleArray>(array, index);
    case Type::STRING:
      return text_at<arrow::StringArray>(array, index);
    case Type::LARGE_STRING:
      return text_at<arrow::LargeStringArray>(array, index);
    case Type::LIST:
      return list_at<arrow::ListArray>(array, index);
    case Type::LARGE_LIST:
      return list_at<arrow::LargeListArray>(array, index);
    case Type::STRUCT:
      return struct_at(array, index);
    case Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
      return value_at(*dictionary.dictionary(), dictionary.GetValueIndex(index));
    }
    default:
      return std::nullopt;
  }
}

class ParquetRows final : public ParquetReader {
 public:
  explicit ParquetRows(const std::filesystem::path& path) : ParquetReader(path) {
    guarded([&] {
      reader_ = value_of(parquet::arrow::OpenFile(value_of(arrow::io::ReadableFile::Open(name_)),
                                                  arrow::default_memory_pool()));
      num_rows_ = reader_->parquet_reader()->metadata()->num_rows();
      batches_ = value_of(reader_->GetRecordBatchReader());
    });
  }

  bool next(std::string& text) override {
    return guarded([&] {
      while (batch_ == nullptr || batch_row_ == batch_->num_rows()) {
        batch_row_ = 0;
        const arrow::Status status = batches_->ReadNext(&batch_);
        if (!status.ok()) throw std::runtime_error(status.message());
        if (batch_ == nullptr) return false;
      }
      Json row = Json::object();
      for (int i = 0; i < batch_->num_columns(); ++i) {
        std::optional<Json> value = value_at(*batch_->column(i), batch_row_);
        if (value) row[batch_->column_name(i)] = std::move(*value);
      }
      text = row.dump();
      ++batch_row_;
      ++rows_done_;
      return true;
    });
  }

  std::int64_t bad_records() const override { return 0; }

 private:
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::int64_t batch_row_ = 0;
};

}  // namespace
}  // namespace superpose::corpus

extern "C" [[gnu::visibility("default")]] superpose::corpus::DocumentReader*
superpose_open_parquet_rows(const std::filesystem::path& path) {
  return new superpose::corpus::ParquetRows(path);
}
