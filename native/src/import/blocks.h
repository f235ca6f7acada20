// The forms in which files store weights, under GGML's names: numbers in blocks of a fixed number of bytes.
// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and the layouts that the Python package gguf reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace matcoder {

struct BlockType {
  const char* name;
  int values;  // numbers in a block
  int bytes;   // of a block
  // Writes blocks * values numbers, with the float32 operations of the Python package gguf, so that the bits are the
  // same.
  void (*dequantise)(const uint8_t* source, size_t blocks, float* out);
};

// F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K; null for any other.
const BlockType* block_type(const std::string& name);

// Q4_K's scale and minimum of each of its eight groups, without the factors of the block.
void q4_k_scales(const uint8_t* packed, uint8_t scales[8], uint8_t minimums[8]);

}  // namespace matcoder
