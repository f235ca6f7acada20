#include "blocks.h"

#include <cstring>

#include "../half.h"

namespace matcoder {
namespace {

// In the layouts, d is the block's scale, m or dmin its minimum, qs the low bits and qh the high bits.

void dequantise_f32(const uint8_t* in, size_t blocks, float* out) { std::memcpy(out, in, 4 * blocks); }

void dequantise_f16(const uint8_t* in, size_t blocks, float* out) {
  for (size_t i = 0; i < blocks; i++) out[i] = float_of_half(load_half(in + 2 * i));
}

void dequantise_bf16(const uint8_t* in, size_t blocks, float* out) {
  for (size_t i = 0; i < blocks; i++) out[i] = float_of_bits(static_cast<uint32_t>(load_half(in + 2 * i)) << 16);
}

// d[2] qs[32]
void dequantise_q8_0(const uint8_t* in, size_t blocks, float* out) {
  for (; blocks > 0; blocks--, in += 34, out += 32) {
    const float d = float_of_half(load_half(in));
    for (int i = 0; i < 32; i++) out[i] = static_cast<float>(static_cast<int8_t>(in[2 + i])) * d;
  }
}

// d[2] qs[16]: number i is in the low half of byte i, number 16 + i in the high one
void dequantise_q4_0(const uint8_t* in, size_t blocks, float* out) {
  for (; blocks > 0; blocks--, in += 18, out += 32) {
    const float d = float_of_half(load_half(in));
    for (int i = 0; i < 16; i++) {
      out[i] = d * static_cast<float>((in[2 + i] & 15) - 8);
      out[16 + i] = d * static_cast<float>((in[2 + i] >> 4) - 8);
    }
  }
}

// d[2] m[2] qs[16]
void dequantise_q4_1(const uint8_t* in, size_t blocks, float* out) {
  for (; blocks > 0; blocks--, in += 20, out += 32) {
    const float d = float_of_half(load_half(in)), m = float_of_half(load_half(in + 2));
    for (int i = 0; i < 16; i++) {
      out[i] = d * static_cast<float>(in[4 + i] & 15) + m;
      out[16 + i] = d * static_cast<float>(in[4 + i] >> 4) + m;
    }
  }
}

// Number i of 32 in five bits, 0..31.
int five_bits(const uint8_t* qh, const uint8_t* qs, int i) {
  const int low = i < 16 ? qs[i] & 15 : qs[i - 16] >> 4;
  return low | (qh[i / 8] >> (i % 8) & 1) << 4;
}

// d[2] qh[4] qs[16]
void dequantise_q5_0(const uint8_t* in, size_t blocks, float* out) {
  for (; blocks > 0; blocks--, in += 22, out += 32) {
    const float d = float_of_half(load_half(in));
    for (int i = 0; i < 32; i++) out[i] = d * static_cast<float>(five_bits(in + 2, in + 6, i) - 16);
  }
}

// d[2] m[2] qh[4] qs[16]
void dequantise_q5_1(const uint8_t* in, size_t blocks, float* out) {
  for (; blocks > 0; blocks--, in += 24, out += 32) {
    const float d = float_of_half(load_half(in)), m = float_of_half(load_half(in + 2));
    for (int i = 0; i < 32; i++) out[i] = d * static_cast<float>(five_bits(in + 4, in + 8, i)) + m;
  }
}

// d[2] dmin[2] scales[12] qs[128]: 32 bytes hold the group 2 g in their low halves and 2 g + 1 in the high ones
void dequantise_q4_k(const uint8_t* in, size_t blocks, float* out) {
  for (; blocks > 0; blocks--, in += 144) {
    const float d = float_of_half(load_half(in)), dmin = float_of_half(load_half(in + 2));
    uint8_t scales[8], minimums[8];
    q4_k_scales(in + 4, scales, minimums);
    for (int group = 0; group < 8; group++, out += 32) {
      const float scale = d * scales[group], minimum = dmin * minimums[group];
      const uint8_t* qs = in + 16 + group / 2 * 32;
      const int shift = group % 2 * 4;
      for (int i = 0; i < 32; i++) out[i] = scale * static_cast<float>(qs[i] >> shift & 15) - minimum;
    }
  }
}

// d[2] dmin[2] scales[12] qh[32] qs[128]: as Q4_K, and bit g of byte i of qh belongs to number i of group g
void dequantise_q5_k(const uint8_t* in, size_t blocks, float* out) {
  for (; blocks > 0; blocks--, in += 176) {
    const float d = float_of_half(load_half(in)), dmin = float_of_half(load_half(in + 2));
    uint8_t scales[8], minimums[8];
    q4_k_scales(in + 4, scales, minimums);
    for (int group = 0; group < 8; group++, out += 32) {
      const float scale = d * scales[group], minimum = dmin * minimums[group];
      const uint8_t *qh = in + 16, *qs = in + 48 + group / 2 * 32;
      const int shift = group % 2 * 4;
      for (int i = 0; i < 32; i++) {
        const int q = (qs[i] >> shift & 15) | (qh[i] >> group & 1) << 4;
        out[i] = scale * static_cast<float>(q) - minimum;
      }
    }
  }
}

// ql[128] qh[64] scales[16] d[2]: a scale for 16 numbers
void dequantise_q6_k(const uint8_t* in, size_t blocks, float* out) {
  for (; blocks > 0; blocks--, in += 210) {
    const float d = float_of_half(load_half(in + 208));
    const auto* scales = reinterpret_cast<const int8_t*>(in + 192);
    for (int group = 0; group < 8; group++, out += 32) {
      const uint8_t* ql = in + group / 4 * 64 + group % 2 * 32;
      const uint8_t* qh = in + 128 + group / 4 * 32;
      const int low_shift = group % 4 / 2 * 4, high_shift = group % 4 * 2;
      for (int i = 0; i < 32; i++) {
        const int q = (ql[i] >> low_shift & 15) | (qh[i] >> high_shift & 3) << 4;
        out[i] = (d * static_cast<float>(scales[2 * group + i / 16])) * static_cast<float>(q - 32);
      }
    }
  }
}

constexpr BlockType kTypes[] = {
    {"F32", 1, 4, dequantise_f32},       {"F16", 1, 2, dequantise_f16},       {"BF16", 1, 2, dequantise_bf16},
    {"Q8_0", 32, 34, dequantise_q8_0},   {"Q4_0", 32, 18, dequantise_q4_0},   {"Q4_1", 32, 20, dequantise_q4_1},
    {"Q5_0", 32, 22, dequantise_q5_0},   {"Q5_1", 32, 24, dequantise_q5_1},   {"Q4_K", 256, 144, dequantise_q4_k},
    {"Q5_K", 256, 176, dequantise_q5_k}, {"Q6_K", 256, 210, dequantise_q6_k},
};

}  // namespace

void q4_k_scales(const uint8_t* packed, uint8_t scales[8], uint8_t minimums[8]) {
  for (int i = 0; i < 4; i++) {
    const uint8_t first = packed[i], second = packed[4 + i], halves = packed[8 + i];
    scales[i] = first & 63;
    minimums[i] = second & 63;
    scales[4 + i] = static_cast<uint8_t>((halves & 15) | (first >> 2 & 0x30));
    minimums[4 + i] = static_cast<uint8_t>(halves >> 4 | (second >> 2 & 0x30));
  }
}

const BlockType* block_type(const std::string& name) {
  for (const BlockType& type : kTypes)
    if (name == type.name) return &type;
  return nullptr;
}

}  // namespace matcoder
