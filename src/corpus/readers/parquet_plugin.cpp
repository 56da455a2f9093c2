// The library that reads Parquet: see parquet_documents.h.
#include <parquet/column_reader.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>
#include <parquet/schema.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "corpus/readers/parquet_documents.h"
#include "corpus/readers/parquet_reader.h"
#include "util/error.h"

namespace superpose::corpus {
namespace {

constexpr std::int64_t kBatchRows = 512;

parquet::ReaderProperties reader_properties() {
  parquet::ReaderProperties properties;
  // Without it a whole column of a row group is read at once.
  properties.enable_buffered_stream();
  properties.set_buffer_size(std::int64_t{1} << 20);
  properties.set_page_checksum_verification(true);
  return properties;
}

class ParquetDocuments final : public ParquetReader {
 public:
  explicit ParquetDocuments(const ParquetRequest& request)
      : ParquetReader(request.path),
        on_bad_record_(request.options.on_bad_record),
        is_utf8_(request.is_utf8) {
    file_ = guarded([&] {
      return parquet::ParquetFileReader::OpenFile(name_, /*memory_map=*/false, reader_properties());
    });
    choose_column(request.options.text_field);
  }

  bool next(std::string& text) override {
    while (true) {
      if (batch_row_ == batch_rows_ && !refill()) return false;
      const bool is_null = has_nulls_ && levels_[batch_row_] < full_level_;
      ++batch_row_;
      const std::int64_t row = rows_done_++;
      if (is_null) {
        skip(row, "is null");
        continue;
      }
      const parquet::ByteArray& value = values_[batch_value_++];
      const auto* const bytes = reinterpret_cast<const char*>(value.ptr);
      if (is_text_ && !is_utf8_(bytes, value.len)) {
        skip(row, "is not valid UTF-8");
        continue;
      }
      text.assign(bytes, value.len);
      return true;
    }
  }

  std::int64_t bad_records() const override { return bad_records_; }

 private:
  void choose_column(const std::string& field) {
    const parquet::SchemaDescriptor* schema = file_->metadata()->schema();
    num_rows_ = file_->metadata()->num_rows();
    column_ = schema->ColumnIndex(field);
    util::require(column_ >= 0, name_, ": there is no column \"", field, "\" (of ",
                  schema->num_columns(), ": ", names_of(*schema), ")");
    const parquet::ColumnDescriptor* column = schema->Column(column_);
    util::require(column->physical_type() == parquet::Type::BYTE_ARRAY, name_, ": column \"", field,
                  "\" must hold strings or bytes, got ",
                  parquet::TypeToString(column->physical_type()));
    util::require(column->max_repetition_level() == 0, name_, ": column \"", field,
                  "\" must have one value per row, got lists");
    full_level_ = column->max_definition_level();
    has_nulls_ = full_level_ > 0;
    is_text_ = column->logical_type() != nullptr && column->logical_type()->is_string();
  }

  static std::string names_of(const parquet::SchemaDescriptor& schema) {
    constexpr int kMost = 20;
    std::string names;
    for (int i = 0; i < std::min(schema.num_columns(), kMost); ++i) {
      names += (i == 0 ? "" : ", ") + schema.Column(i)->path()->ToDotString();
    }
    return schema.num_columns() > kMost ? names + ", ..." : names;
  }

  void skip(std::int64_t row, std::string_view what) {
    util::require(on_bad_record_ == BadRecord::kSkip, name_, ": row ", row, ": the text ", what);
    ++bad_records_;
  }

  // The next rows of the row group, or of the next one that has any.
  bool refill() {
    while (true) {
      if (reader_ == nullptr && !next_row_group()) return false;
      std::int64_t num_values = 0;
      batch_row_ = 0;
      batch_value_ = 0;
      batch_rows_ = static_cast<std::size_t>(guarded([&] {
        return reader_->HasNext() ? reader_->ReadBatch(kBatchRows, levels_.data(), nullptr,
                                                       values_.data(), &num_values)
                                  : 0;
      }));
      rows_left_ -= static_cast<std::int64_t>(batch_rows_);
      if (batch_rows_ > 0) return true;
      util::require(rows_left_ == 0, name_, ": row group ", row_group_ - 1, " must have ",
                    rows_left_, " rows more");
      reader_ = nullptr;
    }
  }

  bool next_row_group() {
    if (row_group_ == file_->metadata()->num_row_groups()) return false;
    reader_ = guarded([&] {
      const auto group = file_->RowGroup(row_group_);
      rows_left_ = group->metadata()->num_rows();
      return std::dynamic_pointer_cast<parquet::ByteArrayReader>(group->Column(column_));
    });
    util::require(reader_ != nullptr, name_, ": row group ", row_group_,
                  ": the column must hold byte arrays");
    ++row_group_;
    return true;
  }

  BadRecord on_bad_record_;
  bool (*is_utf8_)(const char* bytes, std::size_t size);
  std::unique_ptr<parquet::ParquetFileReader> file_;
  int column_ = -1;
  std::int16_t full_level_ = 0;  // definition level of a value that is there
  bool has_nulls_ = false;
  bool is_text_ = false;

  int row_group_ = 0;           // the next one
  std::int64_t rows_left_ = 0;  // of the current one, behind the batch
  std::shared_ptr<parquet::ByteArrayReader> reader_;
  std::array<std::int16_t, kBatchRows> levels_{};
  std::array<parquet::ByteArray, kBatchRows> values_;  // those that are there; point into a page
  std::size_t batch_rows_ = 0;
  std::size_t batch_row_ = 0;
  std::size_t batch_value_ = 0;
  std::int64_t bad_records_ = 0;
};

}  // namespace
}  // namespace superpose::corpus

extern "C" [[gnu::visibility("default")]] superpose::corpus::DocumentReader* superpose_open_parquet(
    const superpose::corpus::ParquetRequest& request) {
  return new superpose::corpus::ParquetDocuments(request);
}
