// From tensors in a file to packed matrices.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "input_file.h"
#include "model.h"

namespace matcoder {

// A matrix before packing: a row after the other.
struct Rows {
  Form form = Form::kRows;
  int rows = 0, k = 0;
  std::vector<uint8_t> values;  // kRows and kGroups8: [rows, k] int8; otherwise [rows, k / 2], the even column low
  std::vector<float> scales;    // kRows: [rows]
  std::vector<uint16_t> group_scales, group_minimums;  // otherwise: [rows, k / 32]

  size_t row_bytes() const { return form == Form::kRows || form == Form::kGroups8 ? k : k / 2; }
};

// Reads tensors by their names. Nothing in `entries` is trusted before it is checked against the file; each fault is a
// std::runtime_error with the file, the tensor and the fault.
class WeightReader {
 public:
  // entries: must outlive the reader
  WeightReader(const std::string& path, const std::unordered_map<std::string, TensorEntry>& entries);

  // A tensor in F32 or F16. All its values are finite.
  std::vector<float> floats(const std::string& name, const std::vector<int64_t>& shape);

  // A matrix in one of the forms of src/matlm/tensors.ts; a float one is quantised by row.
  Rows matrix(const std::string& name, int rows, int k);

 private:
  [[noreturn]] void fail_not_finite(const std::string& tensor) const;
  [[noreturn]] void fail(const std::string& tensor, const std::string& fault) const;
  Rows packed_matrix(const std::string& name, int rows, int k);
  void check_groups(const std::string& name, int k) const;

  // The scales or minimums of groups, [rows, k / 32] in float16.
  std::vector<uint16_t> halves(const std::string& name, int rows, int k);
  const TensorEntry& find(const std::string& name, const std::vector<int64_t>& shape) const;
  std::vector<uint8_t> read(const std::string& name, const TensorEntry& entry);

  std::string path_;
  const std::unordered_map<std::string, TensorEntry>& entries_;
  InputFile file_;
};

// A row for each packed row of a matrix: its parts' rows in turn.
struct SourceRow {
  const Rows* part;  // null: zeros
  int row;
};

// All rows of a matrix, and zeros up to a multiple of 16.
std::vector<SourceRow> all_rows(const Rows& rows);

// After the last matrix was packed: the allocator would keep the memory of a matrix or two that were read.
void release_read_memory();

// Packs rows of parts that have the same form and the same number of columns into memory of the model.
// block_k: of kRows
Matrix pack(Model& model, const std::vector<SourceRow>& source, int block_k);

}  // namespace matcoder
