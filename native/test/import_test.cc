// Conversions of weights: every float16, arbitrary bytes in every type and form, and the same bits on every processor.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "../src/half.h"
#include "../src/import/convert.h"
#include "../src/import/permute.h"
#include "check.h"

using namespace matcoder;

namespace {

std::mt19937 rng(5);

const char* const kNames[] = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"};
constexpr WeightForm kForms[] = {WeightForm::kFloat, WeightForm::kEightBits, WeightForm::kFourBits,
                                 WeightForm::kFourBitsMin};

double exact_half(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const double value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction | 1024, exponent - 25);
  return half & 0x8000 ? -value : value;
}

void every_float16_becomes_its_number_and_back() {
  bool same = true, back = true;
  for (uint32_t half = 0; half < 65536; half++) {
    const auto bits = static_cast<uint16_t>(half);
    const float value = float_of_half(bits);
    if ((bits & 0x7c00) == 0x7c00) {
      same &= (bits & 0x3ff) != 0 ? std::isnan(value) : std::isinf(value);
      continue;
    }
    same &= static_cast<double>(value) == exact_half(bits);
    back &= half_of_float(value) == bits;
  }
  check(same, "every float16 is its number");
  check(back, "every finite float16 comes back");
}

void floats_are_rounded_to_the_nearest_float16() {
  bool nearest = true, even = true;
  for (uint16_t half = 0; half < 0x7bff; half++) {
    const double low = exact_half(half), high = exact_half(static_cast<uint16_t>(half + 1));
    const auto middle = static_cast<float>((low + high) / 2);  // exact: one bit more than a float16 has
    even &= half_of_float(middle) == (half % 2 == 0 ? half : half + 1);
    nearest &= half_of_float(std::nextafter(middle, -1.0f)) == half;
    nearest &= half_of_float(std::nextafter(middle, 1e9f)) == half + 1;
    nearest &= half_of_float(-middle) == (half_of_float(middle) | 0x8000);
  }
  check(nearest, "the nearest float16");
  check(even, "ties go to the even one");
  check(half_of_float(65519.0f) == 0x7bff && half_of_float(65520.0f) == 0x7c00, "the largest float16");
  check(std::isnan(float_of_half(half_of_float(NAN))), "NaN stays NaN");
}

struct Result {
  std::vector<uint8_t> values, scales, minimums;
  Loss loss;
};

Result convert(const Conversion& conversion, const std::vector<uint8_t>& source) {
  check_conversion(conversion);
  const FormBytes bytes = bytes_of(conversion.form, conversion.rows, conversion.k);
  Result out{
      std::vector<uint8_t>(bytes.values), std::vector<uint8_t>(bytes.scales), std::vector<uint8_t>(bytes.minimums), {}};
  out.loss = convert_rows(conversion, source.data(), out.values.data(), out.scales.data(), out.minimums.data());
  return out;
}

std::vector<uint8_t> random_source(const Conversion& c) {
  std::vector<uint8_t> source(c.rows * c.k / static_cast<size_t>(c.type->values) * static_cast<size_t>(c.type->bytes));
  for (uint8_t& byte : source) byte = static_cast<uint8_t>(rng());
  return source;
}

// The sanitizers watch. Blocks with scales that are not finite, or weights that are too large, are refused.
void arbitrary_bytes_are_converted_or_refused() {
  int converted = 0, refused = 0;
  for (const char* name : kNames)
    for (const WeightForm form : kForms)
      for (int round = 0; round < 200; round++) {
        Conversion c{block_type(name), form, 4, 256, round % 2 == 0 ? size_t{0} : size_t{2}};
        if (form == WeightForm::kFourBits && std::string(name) != "Q4_0") continue;
        try {
          const Result result = convert(c, random_source(c));
          check(std::isfinite(result.loss.squared_error) || result.loss.squared_sum > 1e30, "the loss is a number");
          converted++;
        } catch (const std::runtime_error&) {
          refused++;
        }
      }
  check(converted > 500 && refused > 500, "some are converted, and some refused");
}

std::vector<uint8_t> weights(size_t count) {
  std::mt19937 source(11);
  std::vector<uint8_t> bytes(4 * count);
  for (size_t i = 0; i < count; i++) {
    // A sum of whole numbers, because the distributions of the library differ between systems.
    int sum = 0;
    for (int j = 0; j < 6; j++) sum += static_cast<int>(source() >> 20) - 2048;
    const float value = static_cast<float>(sum) * 0x1p-15f;
    std::memcpy(bytes.data() + 4 * i, &value, 4);
  }
  return bytes;
}

uint64_t digest(const Result& result) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const auto* bytes : {&result.values, &result.scales, &result.minimums})
    for (const uint8_t byte : *bytes) hash = (hash ^ byte) * 1099511628211u;
  return hash;
}

void every_processor_quantises_to_the_same_bits() {
  const std::vector<uint8_t> source = weights(64 * 256);
  const auto of = [&](WeightForm form) { return digest(convert({block_type("F32"), form, 64, 256, 0}, source)); };
  const uint64_t eight = of(WeightForm::kEightBits), four = of(WeightForm::kFourBitsMin);
  check(eight == 16527362433127739458u, "eight bits: " + std::to_string(eight));
  check(four == 2825169758496752832u, "four bits: " + std::to_string(four));
}

void shapes_that_do_not_fit_are_refused() {
  const auto refuses = [](Conversion c) {
    try {
      check_conversion(c);
      return false;
    } catch (const std::invalid_argument&) {
      return true;
    }
  };
  const BlockType *floats = block_type("F32"), *blocks = block_type("Q4_K");
  check(refuses({floats, WeightForm::kFloat, 0, 32, 0}), "no rows");
  check(refuses({floats, WeightForm::kFloat, size_t{1} << 40, size_t{1} << 40, 0}), "more numbers than a size counts");
  check(refuses({blocks, WeightForm::kEightBits, 1, 128, 0}), "half a block");
  check(refuses({floats, WeightForm::kEightBits, 1, 48, 0}), "half a group");
  check(refuses({floats, WeightForm::kFloat, 9, 32, 6}), "half a head");
  check(refuses({floats, WeightForm::kFloat, 9, 32, 3}), "a head of three rows");
  check(refuses({floats, WeightForm::kFourBits, 1, 32, 0}), "four bits without a minimum from floats");
  check(!refuses({floats, WeightForm::kFloat, 12, 32, 6}), "whole heads");
  check(block_type("Q3_K") == nullptr && block_type("") == nullptr, "types that are not read");
}

std::vector<int32_t> random_order(size_t k) {
  std::vector<int32_t> order(k);
  for (size_t i = 0; i < k; i++) order[i] = static_cast<int32_t>(i);
  for (size_t i = k; i > 1; i--) std::swap(order[i - 1], order[rng() % i]);
  return order;
}

// Rows in groups as float32.
std::vector<float> numbers(WeightForm form, size_t rows, size_t k, const Result& of) {
  std::vector<float> out(rows * k);
  for (size_t i = 0; i < out.size(); i++) {
    const size_t group = i / kGroup * 2;
    const float scale = float_of_half(load_half(of.scales.data() + group));
    const int four = of.values[form == WeightForm::kEightBits ? i : i / 2] >> (i % 2 * 4) & 15;
    if (form == WeightForm::kEightBits) out[i] = scale * static_cast<float>(static_cast<int8_t>(of.values[i]));
    if (form == WeightForm::kFourBits) out[i] = scale * static_cast<float>(four - 8);
    if (form == WeightForm::kFourBitsMin)
      out[i] = scale * static_cast<float>(four) + float_of_half(load_half(of.minimums.data() + group));
  }
  return out;
}

Result permuted(const Permutation& p, const Result& source) {
  check_permutation(p);
  check(source.values.size() == p.source_bytes().values, "the source is as long as its form says");
  Result out{std::vector<uint8_t>(p.result_bytes().values), std::vector<uint8_t>(p.result_bytes().scales), {}, {}};
  out.loss = permute_columns(p, source.values.data(), source.scales.data(), source.minimums.data(), out.values.data(),
                             out.scales.data());
  return out;
}

void moved_columns_keep_every_value() {
  constexpr size_t kRows = 5, kColumns = 77;  // no multiple of anything
  for (const bool by_row : {true, false}) {
    const size_t size = by_row ? 1 : 4;
    const std::vector<int32_t> order = random_order(kColumns);
    Result source{std::vector<uint8_t>(kRows * kColumns * size), {}, {}, {}};
    for (uint8_t& byte : source.values) byte = static_cast<uint8_t>(rng());
    const Result out = permuted({by_row, WeightForm::kFloat, kRows, kColumns, order}, source);
    bool same = true;
    for (size_t r = 0; r < kRows; r++)
      for (size_t i = 0; i < kColumns; i++)
        same &= std::memcmp(&out.values[(r * kColumns + i) * size],
                            &source.values[(r * kColumns + static_cast<size_t>(order[i])) * size], size) == 0;
    check(same && out.scales.empty(), by_row ? "int8 columns are moved" : "float columns are moved");
    check(out.loss.squared_error == 0 && out.loss.squared_sum == 0, "moving columns loses nothing");
  }
}

void groups_become_groups_of_eight_bits_in_the_new_order() {
  constexpr size_t kRows = 64, kColumns = 256;
  for (const WeightForm form : {WeightForm::kEightBits, WeightForm::kFourBits, WeightForm::kFourBitsMin}) {
    const std::string name = "form " + std::to_string(static_cast<int>(form)) + ": ";
    // Four bits without a minimum come from Q4_0 alone, which has scales that could be anything: they are made small.
    Result source;
    if (form == WeightForm::kFourBits) {
      source = {std::vector<uint8_t>(kRows * kColumns / 2), std::vector<uint8_t>(kRows * kColumns / 16), {}, {}};
      for (uint8_t& byte : source.values) byte = static_cast<uint8_t>(rng());
      for (size_t i = 0; i < source.scales.size(); i += 2)
        store_half(&source.scales[i], half_of_float(0.01f + 0.001f * static_cast<float>(rng() % 16)));
    } else {
      source = convert({block_type("F32"), form, kRows, kColumns, 0}, weights(kRows * kColumns));
    }
    const std::vector<int32_t> order = random_order(kColumns);
    const Result out = permuted({false, form, kRows, kColumns, order}, source);
    const std::vector<float> before = numbers(form, kRows, kColumns, source),
                             after = numbers(WeightForm::kEightBits, kRows, kColumns, out);
    double error = 0, sum = 0;
    bool within = true;
    for (size_t i = 0; i < after.size(); i++) {
      const size_t row = i / kColumns * kColumns;
      const float was = before[row + static_cast<size_t>(order[i % kColumns])];
      const float scale = float_of_half(load_half(&out.scales[i / kGroup * 2]));
      within &= std::fabs(after[i] - was) <= 0.6f * scale;  // the largest is cut by the rounding of the scale
      error += std::pow(after[i] - was, 2);
      sum += std::pow(was, 2);
    }
    check(within, name + "each weight is the nearest of eight bits");
    check(error > 0 && error < 1e-4 * sum, name + "little is lost");
    check(
        std::fabs(out.loss.squared_error - error) < 1e-3 * error && std::fabs(out.loss.squared_sum - sum) < 1e-3 * sum,
        name + "the loss is what was lost");
  }
}

void orders_that_are_no_permutation_are_refused() {
  const auto refusal = [](const Permutation& p) {
    try {
      check_permutation(p);
      return std::string("none");
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
  };
  const auto has = [&](const Permutation& p, const char* part) {
    check(refusal(p).find(part) != std::string::npos, std::string(part) + ", not " + refusal(p));
  };
  std::vector<int32_t> order = random_order(64);
  const auto of = [&](WeightForm form = WeightForm::kEightBits) { return Permutation{false, form, 2, 64, order}; };
  has(of(), "none");
  order[3] = order[7];
  has(of(), "twice");
  order[3] = 64;
  has(of(), "the column 64, but the matrix has 64");
  order[3] = -1;
  has(of(), "the column -1");
  order.resize(63);
  has(of(), "63 columns, but the matrix has 64");
  has({false, WeightForm::kEightBits, 2, 48, random_order(48)}, "multiple of 32");
  has({true, WeightForm::kFloat, 2, 48, random_order(48)}, "none");
  has({true, WeightForm::kFloat, 0, 32, random_order(32)}, "1 to 2^31");
}

// The sanitizers watch.
void arbitrary_groups_are_permuted_or_refused() {
  int done = 0, refused = 0;
  for (const WeightForm form : {WeightForm::kEightBits, WeightForm::kFourBits, WeightForm::kFourBitsMin})
    for (int round = 0; round < 100; round++) {
      const Permutation p{false, form, 1, 64, random_order(64)};
      const FormBytes bytes = p.source_bytes();
      Result source{std::vector<uint8_t>(bytes.values),
                    std::vector<uint8_t>(bytes.scales),
                    std::vector<uint8_t>(bytes.minimums),
                    {}};
      for (auto* all : {&source.values, &source.scales, &source.minimums})
        for (uint8_t& byte : *all) byte = static_cast<uint8_t>(rng());
      if (round % 4 == 0) store_half(source.scales.data(), 0x7e00);  // not a number
      try {
        permuted(p, source);
        done++;
      } catch (const std::runtime_error&) {
        refused++;
      }
    }
  check(done > 50 && refused > 50, "some are permuted, and some refused");
}

}  // namespace

int main() {
  every_float16_becomes_its_number_and_back();
  floats_are_rounded_to_the_nearest_float16();
  arbitrary_bytes_are_converted_or_refused();
  every_processor_quantises_to_the_same_bits();
  shapes_that_do_not_fit_are_refused();
  moved_columns_keep_every_value();
  groups_become_groups_of_eight_bits_in_the_new_order();
  orders_that_are_no_permutation_are_refused();
  arbitrary_groups_are_permuted_or_refused();
  return report();
}
