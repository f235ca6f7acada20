#pragma once

#include <cstdint>
#include <cstring>

namespace matcoder {

// Functions that give the same bits on every processor and with every C library, unlike those of <cmath>.

// e^x, with a relative error below 2e-7; 0 below -87, and for NaN. x: at most 88
inline float exp_of(float x) {
  if (!(x > -87.0f)) return 0;
  const float rounded = x * 1.44269504f + 12582912.0f;  // adding 1.5 * 2^23 rounds to a whole number
  const float n = rounded - 12582912.0f;
  const float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;  // ln 2 in two parts
  float e = 1.0f / 720;
  e = e * r + 1.0f / 120;
  e = e * r + 1.0f / 24;
  e = e * r + 1.0f / 6;
  e = e * r + 0.5f;
  e = e * r + 1.0f;
  e = e * r + 1.0f;
  uint32_t bits;
  std::memcpy(&bits, &e, sizeof bits);
  bits += static_cast<uint32_t>(static_cast<int32_t>(n)) << 23;
  std::memcpy(&e, &bits, sizeof e);
  return e;
}

// ln x for a normal, positive x, with an absolute error below 1e-6.
inline float log_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  // x = 2^n * m, m in [0.7, 1.4); ln m by its series in (m - 1) / (m + 1)
  const int32_t n = static_cast<int32_t>(bits - 0x3f333333) >> 23;
  bits -= static_cast<uint32_t>(n) << 23;
  float m;
  std::memcpy(&m, &bits, sizeof m);
  const float s = (m - 1.0f) / (m + 1.0f), q = s * s;
  const float series = 1.0f + q * (1.0f / 3 + q * (1.0f / 5 + q * (1.0f / 7 + q * (1.0f / 9))));
  return static_cast<float>(n) * 0.693147181f + 2.0f * s * series;
}

}  // namespace matcoder
