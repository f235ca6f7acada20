#include "permute.h"

#include <cstring>
#include <stdexcept>
#include <string>

#include "../half.h"

namespace matcoder {
namespace {

// A row of a matrix in groups as float32.
void dequantise(WeightForm form, size_t k, const uint8_t* values, const uint8_t* scales, const uint8_t* minimums,
                float* out) {
  for (size_t i = 0; i < k; i++) {
    const size_t group = i / kGroup * 2;
    const float scale = float_of_half(load_half(scales + group));
    const int four = values[i / 2] >> (i % 2 * 4) & 15;
    if (form == WeightForm::kEightBits) out[i] = scale * static_cast<float>(static_cast<int8_t>(values[i]));
    if (form == WeightForm::kFourBits) out[i] = scale * static_cast<float>(four - 8);
    if (form == WeightForm::kFourBitsMin)
      out[i] = scale * static_cast<float>(four) + float_of_half(load_half(minimums + group));
  }
}

template <typename T>
void move_columns(const Permutation& p, const uint8_t* source, uint8_t* out) {
  for (size_t r = 0; r < p.rows; r++)
    for (size_t i = 0; i < p.k; i++)
      std::memcpy(out + (r * p.k + i) * sizeof(T), source + (r * p.k + static_cast<size_t>(p.order[i])) * sizeof(T),
                  sizeof(T));
}

}  // namespace

void check_permutation(const Permutation& p) {
  constexpr size_t kMost = size_t{1} << 31;
  if (p.rows == 0 || p.k == 0 || p.rows > kMost || p.k > kMost || p.rows > kMost / p.k)
    throw std::invalid_argument("rows and k must give 1 to 2^31 numbers");
  if (!p.keeps_values() && p.k % kGroup != 0) throw std::invalid_argument("k must be a multiple of 32");
  if (p.order.size() != p.k)
    throw std::invalid_argument("order has " + std::to_string(p.order.size()) + " columns, but the matrix has " +
                                std::to_string(p.k));
  std::vector<bool> taken(p.k);
  for (const int32_t column : p.order) {
    if (column < 0 || static_cast<size_t>(column) >= p.k)
      throw std::invalid_argument("order holds the column " + std::to_string(column) + ", but the matrix has " +
                                  std::to_string(p.k));
    if (taken[static_cast<size_t>(column)])
      throw std::invalid_argument("order is no permutation: it holds the column " + std::to_string(column) + " twice");
    taken[static_cast<size_t>(column)] = true;
  }
}

Loss permute_columns(const Permutation& p, const uint8_t* source, const uint8_t* source_scales,
                     const uint8_t* source_minimums, uint8_t* values, uint8_t* scales) {
  Loss loss;
  if (p.by_row) {
    move_columns<int8_t>(p, source, values);
    return loss;
  }
  if (p.form == WeightForm::kFloat) {
    move_columns<float>(p, source, values);
    return loss;
  }
  const Conversion to_eight_bits{block_type("F32"), WeightForm::kEightBits, 1, p.k, 0};
  const FormBytes one_row = bytes_of(p.form, 1, p.k), one_result = bytes_of(to_eight_bits.form, 1, p.k);
  std::vector<float> row(p.k), moved(p.k);
  for (size_t r = 0; r < p.rows; r++) {
    dequantise(p.form, p.k, source + r * one_row.values, source_scales + r * one_row.scales,
               source_minimums + r * one_row.minimums, row.data());
    for (size_t i = 0; i < p.k; i++) moved[i] = row[static_cast<size_t>(p.order[i])];
    const Loss of_row = convert_rows(to_eight_bits, reinterpret_cast<const uint8_t*>(moved.data()),
                                     values + r * one_result.values, scales + r * one_result.scales, nullptr);
    loss.squared_error += of_row.squared_error;
    loss.squared_sum += of_row.squared_sum;
  }
  return loss;
}

}  // namespace matcoder
