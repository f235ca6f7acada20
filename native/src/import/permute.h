// The columns of a checkpoint's matrix in another order, some rows at a time: the hidden units of a feed-forward block
// are columns of `down`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "convert.h"

namespace matcoder {

// A group of 32 columns shares a scale, which its columns cannot take along: such a matrix becomes one of 8-bit groups.
// Every value of the others stays as it is: int8 with a scale for each row, and float32.
struct Permutation {
  bool by_row = false;  // int8 with a scale for each row; `form` counts if not
  WeightForm form = WeightForm::kFloat;
  size_t rows = 0, k = 0;
  std::vector<int32_t> order;  // [k] for each column of the result, its column in the source

  bool keeps_values() const { return by_row || form == WeightForm::kFloat; }
  // Scales by row are neither read nor written.
  FormBytes source_bytes() const { return by_row ? FormBytes{rows * k, 0, 0} : bytes_of(form, rows, k); }
  FormBytes result_bytes() const { return keeps_values() ? source_bytes() : bytes_of(WeightForm::kEightBits, rows, k); }
};

// Throws std::invalid_argument if the order is no permutation of the columns, or the shape does not fit the form.
void check_permutation(const Permutation& permutation);

// Permutes rows * k numbers. The arrays of the source are not those of the result. Returns the loss of quantising
// groups again, and none if values are kept. Throws std::runtime_error for a weight of a group that is not finite, or
// too large for a float16 scale.
Loss permute_columns(const Permutation& permutation, const uint8_t* source, const uint8_t* source_scales,
                     const uint8_t* source_minimums, uint8_t* values, uint8_t* scales);

}  // namespace matcoder
