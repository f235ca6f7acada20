// float16 and float32, bit by bit: the same on every processor, and NaN stays NaN.
#pragma once

#include <cstdint>
#include <cstring>

namespace matcoder {

inline float float_of_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline uint32_t bits_of_float(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

inline float float_of_half(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t rest = half & 0x7fff;
  if (rest >= 0x7c00) return float_of_bits(sign | 0x7f800000 | (rest & 0x3ff) << 13);  // infinite or NaN
  if (rest >= 0x400) return float_of_bits(sign | ((rest + (112 << 10)) << 13));        // 127 - 15 = 112
  const float small = static_cast<float>(rest) * 0x1p-24f;
  return sign ? -small : small;
}

// Rounds to nearest, ties to even; values from 65,520 on become infinite.
inline uint16_t half_of_float(float value) {
  const uint32_t bits = bits_of_float(value);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  const uint32_t rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  if (rest >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);
  if (rest < 0x38800000) {  // below 2^-14: the last place of 0.5 is float16's smallest step
    const uint32_t steps = bits_of_float(float_of_bits(rest) + 0.5f) - bits_of_float(0.5f);
    return static_cast<uint16_t>(sign | steps);
  }
  const uint32_t rounded = rest + 0xfff + (rest >> 13 & 1);
  return static_cast<uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

// A float16 at any address, little-endian.
inline uint16_t load_half(const uint8_t* bytes) { return static_cast<uint16_t>(bytes[0] | bytes[1] << 8); }

inline void store_half(uint8_t* bytes, uint16_t half) {
  bytes[0] = static_cast<uint8_t>(half);
  bytes[1] = static_cast<uint8_t>(half >> 8);
}

}  // namespace matcoder
