#include "convert.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "../half.h"

namespace matcoder {
namespace {

// One group of the result.
struct Group {
  uint16_t scale = 0, minimum = 0;  // float16
  int8_t q[kGroup];                 // 0..15 with four bits
};

uint16_t finite_half(float value) {
  const uint16_t half = half_of_float(value);
  if ((half & 0x7c00) == 0x7c00) throw std::runtime_error("holds values that are too large for a float16 scale");
  return half;
}

// Groups of a source that fit the form exactly, or up to the rounding of a scale. Returns false if there are none.
bool take_groups(const BlockType& type, WeightForm form, const uint8_t* block, int group_in_block, Group& out) {
  const std::string name = type.name;
  const bool eight = form == WeightForm::kEightBits, with_minimum = form == WeightForm::kFourBitsMin;
  if (name == "Q8_0" && eight) {
    out.scale = load_half(block);
    std::memcpy(out.q, block + 2, kGroup);
    return true;
  }
  if (name == "Q5_0" && eight) {
    out.scale = load_half(block);
    for (int i = 0; i < kGroup; i++) {
      const int low = i < 16 ? block[6 + i] & 15 : block[6 + i - 16] >> 4;
      out.q[i] = static_cast<int8_t>((low | (block[2 + i / 8] >> (i % 8) & 1) << 4) - 16);
    }
    return true;
  }
  if (name == "Q4_0") {
    out.scale = load_half(block);
    if (with_minimum) out.minimum = finite_half(-8 * float_of_half(out.scale));
    for (int i = 0; i < 16; i++) {
      out.q[i] = static_cast<int8_t>((block[2 + i] & 15) - (eight ? 8 : 0));
      out.q[16 + i] = static_cast<int8_t>((block[2 + i] >> 4) - (eight ? 8 : 0));
    }
    return true;
  }
  if (name == "Q4_1" && with_minimum) {
    out.scale = load_half(block);
    out.minimum = load_half(block + 2);
    for (int i = 0; i < 16; i++) {
      out.q[i] = static_cast<int8_t>(block[4 + i] & 15);
      out.q[16 + i] = static_cast<int8_t>(block[4 + i] >> 4);
    }
    return true;
  }
  if (name == "Q4_K" && with_minimum) {
    uint8_t scales[8], minimums[8];
    q4_k_scales(block + 4, scales, minimums);
    out.scale = finite_half(float_of_half(load_half(block)) * scales[group_in_block]);
    out.minimum = finite_half(-(float_of_half(load_half(block + 2)) * minimums[group_in_block]));
    const uint8_t* qs = block + 16 + group_in_block / 2 * 32;
    for (int i = 0; i < kGroup; i++) out.q[i] = static_cast<int8_t>(qs[i] >> (group_in_block % 2 * 4) & 15);
    return true;
  }
  return false;
}

void quantise_eight(const float* x, Group& out) {
  float largest = 0;
  for (int i = 0; i < kGroup; i++) largest = std::fmax(largest, std::fabs(x[i]));
  out.scale = finite_half(largest / 127);
  const float scale = float_of_half(out.scale);
  const float inverse = scale > 0 ? 1 / scale : 0;
  for (int i = 0; i < kGroup; i++)
    out.q[i] = static_cast<int8_t>(std::fmin(127.0f, std::fmax(-127.0f, std::nearbyint(x[i] * inverse))));
}

// The whole numbers nearest to (x - minimum) / scale, and the squared error of the group with them.
float assign(const float* x, float scale, float minimum, float q[kGroup]) {
  const float inverse = scale > 0 ? 1 / scale : 0;
  float error = 0;
  for (int i = 0; i < kGroup; i++) {
    const float level = std::fmin(15.0f, std::fmax(0.0f, (x[i] - minimum) * inverse));
    q[i] = static_cast<float>(static_cast<int>(level + 0.5f));
  }
  for (int i = 0; i < kGroup; i++) {
    const float difference = scale * q[i] + minimum - x[i];
    error += difference * difference;
  }
  return error;
}

// The scale and minimum with the least squared error for given levels.
void fit(const float* x, const float q[kGroup], float& scale, float& minimum) {
  float sum_q = 0, sum_x = 0, sum_qq = 0, sum_qx = 0;
  for (int i = 0; i < kGroup; i++) {
    sum_q += q[i];
    sum_x += x[i];
    sum_qq += q[i] * q[i];
    sum_qx += q[i] * x[i];
  }
  const float determinant = kGroup * sum_qq - sum_q * sum_q;
  if (determinant <= 0) return;
  scale = (kGroup * sum_qx - sum_q * sum_x) / determinant;
  minimum = (sum_x - scale * sum_q) / kGroup;
}

// Four bits with a minimum. The range of the levels is tried at several widths around that of the values, because
// cutting the ends a little gives the many values between finer steps. Each is followed by a least-squares fit. The
// best wins, the first of equals, so that the result is the same on every machine.
void quantise_four_min(const float* x, Group& out) {
  constexpr int kTries = 8;
  float low = x[0], high = x[0];
  for (int i = 1; i < kGroup; i++) {
    low = std::fmin(low, x[i]);
    high = std::fmax(high, x[i]);
  }
  float q[kGroup], best_error = INFINITY;
  const auto consider = [&](float scale, float minimum) {
    const uint16_t scale_half = finite_half(scale), minimum_half = finite_half(minimum);
    const float error = assign(x, float_of_half(scale_half), float_of_half(minimum_half), q);
    if (!(error < best_error)) return;
    best_error = error;
    out.scale = scale_half;
    out.minimum = minimum_half;
    for (int i = 0; i < kGroup; i++) out.q[i] = static_cast<int8_t>(q[i]);
  };
  consider((high - low) / 15, low);
  if (high == low) return;
  for (int t = 0; t < kTries; t++) {
    const float cut = 0.04f * static_cast<float>(t);  // of the range, both ends together
    float scale = (high - low) * (1 - cut) / 15, minimum = low + (high - low) * cut / 2;
    for (int round = 0; round < 2; round++) {
      assign(x, scale, minimum, q);
      fit(x, q, scale, minimum);
    }
    if (scale > 0) consider(scale, minimum);
  }
}

void pack_four(const Group& group, uint8_t* out) {
  for (int j = 0; j < kGroup / 2; j++) out[j] = static_cast<uint8_t>(group.q[2 * j] | group.q[2 * j + 1] << 4);
}

float value_of(WeightForm form, const Group& group, int i) {
  const float scale = float_of_half(group.scale);
  if (form == WeightForm::kFourBits) return scale * static_cast<float>(group.q[i] - 8);
  if (form == WeightForm::kFourBitsMin) return scale * static_cast<float>(group.q[i]) + float_of_half(group.minimum);
  return scale * static_cast<float>(group.q[i]);
}

// The row of the source that holds a row of the result.
size_t source_row(size_t row, size_t head_rows) {
  if (head_rows == 0) return row;
  const size_t head = row / head_rows, in_head = row % head_rows, half = head_rows / 2;
  return head * head_rows + in_head % half * 2 + in_head / half;
}

}  // namespace

FormBytes bytes_of(WeightForm form, size_t rows, size_t k) {
  const size_t scales = rows * (k / kGroup) * 2;
  switch (form) {
    case WeightForm::kFloat:
      return {rows * k * 4, 0, 0};
    case WeightForm::kEightBits:
      return {rows * k, scales, 0};
    case WeightForm::kFourBits:
      return {rows * k / 2, scales, 0};
    case WeightForm::kFourBitsMin:
      return {rows * k / 2, scales, scales};
  }
  return {};
}

void check_conversion(const Conversion& c) {
  constexpr size_t kMost = size_t{1} << 31;
  if (c.rows == 0 || c.k == 0 || c.rows > kMost || c.k > kMost || c.rows > kMost / c.k)
    throw std::invalid_argument("rows and k must give 1 to 2^31 numbers");
  if (c.k % static_cast<size_t>(c.type->values) != 0)
    throw std::invalid_argument("k must be a multiple of the numbers in a block");
  if (c.form != WeightForm::kFloat && c.k % kGroup != 0) throw std::invalid_argument("k must be a multiple of 32");
  if (c.form == WeightForm::kFourBits && std::string(c.type->name) != "Q4_0")
    throw std::invalid_argument("only Q4_0 has four bits without a minimum");
  if (c.head_rows != 0 && (c.head_rows % 2 != 0 || c.rows % c.head_rows != 0))
    throw std::invalid_argument("the rows must be whole heads of an even number of rows");
}

Loss convert_rows(const Conversion& c, const uint8_t* source, uint8_t* values, uint8_t* scales, uint8_t* minimums) {
  const size_t blocks = c.k / static_cast<size_t>(c.type->values);
  const size_t row_bytes = blocks * static_cast<size_t>(c.type->bytes);
  const FormBytes one_row = bytes_of(c.form, 1, c.k);
  std::vector<float> row(c.k);
  Loss loss;
  for (size_t r = 0; r < c.rows; r++) {
    const uint8_t* in = source + source_row(r, c.head_rows) * row_bytes;
    c.type->dequantise(in, blocks, row.data());
    for (const float value : row)
      if (!std::isfinite(value)) throw std::runtime_error("holds a value that is not finite");
    uint8_t* out = values + r * one_row.values;
    double error = 0, sum = 0;
    if (c.form == WeightForm::kFloat) {
      std::memcpy(out, row.data(), one_row.values);
      for (const float value : row) sum += static_cast<double>(value) * value;
    } else {
      for (size_t g = 0; g < c.k / kGroup; g++) {
        const float* x = row.data() + g * kGroup;
        const size_t first = g * kGroup, block = first / static_cast<size_t>(c.type->values);
        const int in_block = static_cast<int>(first % static_cast<size_t>(c.type->values)) / kGroup;
        Group group;
        if (!take_groups(*c.type, c.form, in + block * static_cast<size_t>(c.type->bytes), in_block, group)) {
          if (c.form == WeightForm::kEightBits) quantise_eight(x, group);
          if (c.form == WeightForm::kFourBitsMin) quantise_four_min(x, group);
        }
        if (c.form == WeightForm::kEightBits) {
          std::memcpy(out + first, group.q, kGroup);
        } else {
          pack_four(group, out + first / 2);
        }
        store_half(scales + (r * (c.k / kGroup) + g) * 2, group.scale);
        if (c.form == WeightForm::kFourBitsMin) store_half(minimums + (r * (c.k / kGroup) + g) * 2, group.minimum);
        float group_error = 0, group_sum = 0;
        for (int i = 0; i < kGroup; i++) {
          const float difference = value_of(c.form, group, i) - x[i];
          group_error += difference * difference;
          group_sum += x[i] * x[i];
        }
        error += group_error;
        sum += group_sum;
      }
    }
    loss.squared_error += error;
    loss.squared_sum += sum;
  }
  return loss;
}

}  // namespace matcoder
