// From the weights of a file to the forms of a checkpoint, some rows at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../kernels.h"
#include "blocks.h"

namespace matcoder {

// The forms of a checkpoint's tensors: WeightForm in src/engine/addon.ts. A group is kGroup columns.
enum class WeightForm {
  kFloat,       // float32 [rows, k]
  kEightBits,   // int8 [rows, k] and float16 scales [rows, k / 32]: scale * q
  kFourBits,    // two columns a byte, the even one low, [rows, k / 2], and scales: scale * (q - 8); from Q4_0 alone
  kFourBitsMin  // the same with float16 minimums [rows, k / 32]: scale * q + minimum
};

// What form takes how many bytes. `scales` is also the size of the minimums, if the form has them.
struct FormBytes {
  size_t values = 0, scales = 0, minimums = 0;
};
FormBytes bytes_of(WeightForm form, size_t rows, size_t k);

struct Conversion {
  const BlockType* type = nullptr;
  WeightForm form = WeightForm::kFloat;
  size_t rows = 0, k = 0;
  // Rows of one head, if the source has the two halves of each head's rows interleaved, as GGUF's llama architecture
  // has them for queries and keys. The result has one half after the other. 0 if the rows stay in their order.
  size_t head_rows = 0;
};

// How far the result is from the source.
struct Loss {
  double squared_error = 0;
  double squared_sum = 0;  // of the source
};

// Throws std::invalid_argument if the shape does not fit the type, the form or the heads.
void check_conversion(const Conversion& conversion);

// Converts rows * k numbers. The outputs have the sizes of bytes_of. Q8_0, Q5_0 and Q4_0 to eight bits, Q4_0 and Q4_1
// to four bits keep the very values, and Q4_K keeps them up to the rounding of its scales to float16. All else is
// quantised from float32. Throws std::runtime_error for values that are not finite, or too large for a float16 scale.
Loss convert_rows(const Conversion& conversion, const uint8_t* source, uint8_t* values, uint8_t* scales,
                  uint8_t* minimums);

}  // namespace matcoder
