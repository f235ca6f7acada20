// Every instruction set must give the same bits, and the integer products must be exact.
#include <algorithm>
#include <atomic>
#include <cfloat>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../src/cpu.h"
#include "../src/thread_pool.h"
#include "check.h"

using matcoder::Activations;
using matcoder::Form;
using matcoder::group_bytes;
using matcoder::Kernels;
using matcoder::kGroup;
using matcoder::kLanes;
using matcoder::kMaxQueries;
using matcoder::Matrix;
using matcoder::Query;

namespace {

std::mt19937 rng(1);

std::vector<float> floats(size_t n, float range) {
  std::uniform_real_distribution<float> next(-range, range);
  std::vector<float> values(n);
  for (float& value : values) value = next(rng);
  return values;
}

// An int8 matrix with its packed form, and int8 vectors with their sums.
struct Case {
  static constexpr float kUntouched = -12345;

  int rows, k, block_k, count;
  std::vector<int8_t> weights;  // [rows, k]
  std::vector<uint8_t> packed;
  std::vector<float> scales;
  std::vector<int8_t> values;  // [count, k]
  std::vector<float> value_scales;
  std::vector<int32_t> sums;

  enum Fill { kRandom, kExtremes, kAllSame, kAllOpposite };

  // kExtremes: each -127 or 127; kAllSame: 127 throughout; kAllOpposite: weights -127, vectors 127.
  Case(int rows, int k, int block_k, int count, Fill fill)
      : rows(rows), k(k), block_k(block_k), count(count), scales(floats(rows, 1)), value_scales(floats(count, 1)) {
    std::uniform_int_distribution<int> next(-127, 127);
    const auto value = [&](int same) {
      if (fill == kAllSame || fill == kAllOpposite) return static_cast<int8_t>(same);
      return static_cast<int8_t>(fill == kRandom ? next(rng) : (next(rng) < 0 ? -127 : 127));
    };
    for (int i = 0; i < rows * k; i++) weights.push_back(value(fill == kAllOpposite ? -127 : 127));
    for (int i = 0; i < count * k; i++) values.push_back(value(127));
    for (int block = 0; block < k; block += block_k)
      for (int panel = 0; panel < rows; panel += kLanes)
        for (int c = 0; c < block_k; c += 4)
          for (int r = 0; r < kLanes; r++)
            for (int j = 0; j < 4; j++)
              packed.push_back(static_cast<uint8_t>(weights[(panel + r) * k + block + c + j] + 128));
  }

  // Panels that are not asked for stay `kUntouched`.
  std::vector<float> product(const Kernels& kernels, int columns, int first_panel, int last_panel, int terms = 1) {
    sums.assign(count, 0);
    for (int t = 0; t < count; t++)
      for (int i = 0; i < columns; i++) sums[t] += values[t * k + i];
    const Matrix m{rows, k, block_k, packed.data(), scales.data()};
    const Activations a{values.data(), value_scales.data(), sums.data(), static_cast<size_t>(k)};
    std::vector<float> out(static_cast<size_t>(count / terms) * rows, kUntouched);
    kernels.product(m, columns, first_panel, last_panel, a, count, terms, out.data(), rows);
    return out;
  }

  std::vector<float> product(const Kernels& kernels, int columns) {
    return product(kernels, columns, 0, rows / kLanes);
  }

  std::vector<float> expected(int columns) const {
    std::vector<float> out;
    for (int t = 0; t < count; t++)
      for (int r = 0; r < rows; r++) {
        int64_t sum = 0;
        for (int i = 0; i < columns; i++) sum += weights[r * k + i] * values[t * k + i];
        out.push_back(static_cast<float>(sum) * (scales[r] * value_scales[t]));
      }
    return out;
  }
};

void test_products(const Kernels& kernels) {
  const std::string name = std::string(kernels.name) + ": ";
  for (const int count : {1, 2, 3, 4, 7, 8, 13}) {
    for (const auto fill : {Case::kRandom, Case::kExtremes, Case::kAllSame, Case::kAllOpposite}) {
      for (const int k : {16, 80, 256}) {
        Case one(112, k, k, count, fill);
        const auto expected = one.expected(k);
        check(one.product(kernels, k) == expected, name + "a product is exact");
        if (count % 2 > 0) continue;
        std::vector<float> pairs;
        for (int i = 0; i < count / 2 * 112; i++) {
          const int first = i / 112 * 2 * 112 + i % 112;
          pairs.push_back(expected[first] + expected[first + 112]);
        }
        check(one.product(kernels, k, 0, 7, 2) == pairs, name + "pairs of vectors add up");
      }
      Case blocked(32, 256, 32, count, fill);
      for (const int columns : {32, 64, 160, 256})
        check(blocked.product(kernels, columns) == blocked.expected(columns), name + "a prefix of columns is exact");
    }
    Case shared(64, 64, 32, count, Case::kRandom);
    auto expected = shared.expected(64);
    for (size_t i = 0; i < expected.size(); i++)
      if (i % 64 < 16 || i % 64 >= 48) expected[i] = Case::kUntouched;
    check(shared.product(kernels, 64, 1, 3) == expected, name + "a run of panels is computed and no other");
  }
}

void test_floats(const Kernels& kernels, const Kernels& scalar) {
  const std::string name = std::string(kernels.name) + ": ";
  const auto x = floats(1024, 4), weight = floats(1024, 2);
  const auto both = [&](size_t n, auto run, const char* what) {
    std::vector<float> a(n), b(n);
    run(kernels, a.data());
    run(scalar, b.data());
    check(std::memcmp(a.data(), b.data(), n * sizeof(float)) == 0, name + what + " has scalar's bits");
    return a;
  };
  const auto normed = both(
      1024, [&](const Kernels& k, float* out) { k.rms_norm(x.data(), weight.data(), 1024, 1e-6f, out); }, "rms_norm");
  double squares = 0;
  for (const float v : x) squares += static_cast<double>(v) * v;
  check(std::abs(normed[7] - x[7] * weight[7] / std::sqrt(squares / 1024 + 1e-6)) < 1e-5, name + "rms_norm is right");

  const auto silu = both(
      512, [&](const Kernels& k, float* out) { k.silu_product(x.data(), 512, out); }, "silu_product");
  check(std::abs(silu[20] - x[36] / (1 + std::exp(-x[36])) * x[52]) < 1e-5, name + "silu_product is right");

  // Gates of a size that overflows exp unless it is clamped: 16 gates, then 16 times up = 1.
  std::vector<float> gates(32, 1);
  for (int i = 0; i < kLanes; i++) gates[i] = i % 2 ? 500.0f : -500.0f;
  float bounded[kLanes];
  kernels.silu_product(gates.data(), kLanes, bounded);
  check(std::abs(bounded[0]) < 1e-6 && bounded[1] == 500, name + "silu_product takes large gates");

  float p = 0, p_scalar = 0;
  const int best = kernels.most_likely(x.data(), 1024, &p);
  check(best == scalar.most_likely(x.data(), 1024, &p_scalar) && p == p_scalar, name + "most_likely has scalar's bits");
  check(best == std::max_element(x.begin(), x.end()) - x.begin(), name + "most_likely finds the largest");
  double total = 0;
  for (const float v : x) total += std::exp(static_cast<double>(v) - x[best]);
  check(std::abs(p - 1 / total) < 1e-6, name + "most_likely gives the softmax");
  // As many as the largest vocabularies have, with the largest value in several lanes.
  auto many = floats(152'064, 30);
  for (float& logit : many) logit = std::round(logit);
  const auto largest = std::max_element(many.begin(), many.end()) - many.begin();
  check(kernels.most_likely(many.data(), static_cast<int>(many.size()), &p) == largest &&
            scalar.most_likely(many.data(), static_cast<int>(many.size()), &p_scalar) == largest && p == p_scalar,
        name + "the first of many equals is most likely");
  const std::vector<float> equal(64, 3);
  check(kernels.most_likely(equal.data(), 64, &p) == 0 && p == 1.0f / 64, name + "the first of equals is most likely");

  std::vector<int8_t> a(1024), b(1024);
  float scales[2];
  int32_t sums[2];
  kernels.quantise(x.data(), 1024, {a.data(), scales, sums, 1024}, 0);
  scalar.quantise(x.data(), 1024, {b.data(), scales + 1, sums + 1, 1024}, 0);
  check(a == b && scales[0] == scales[1] && sums[0] == sums[1], name + "quantise has scalar's bits");
  bool close = true;
  int32_t sum = 0;
  for (int i = 0; i < 1024; i++) {
    close = close && std::abs(a[i] * scales[0] - x[i]) <= scales[0] * 0.501f;
    sum += a[i];
  }
  check(close && sum == sums[0], name + "quantise is right to half a step");
  const std::vector<float> zeros(64);
  kernels.quantise(zeros.data(), 64, {a.data(), scales, sums, 1024}, 0);
  check(scales[0] == 0 && sums[0] == 0 && a[5] == 0, name + "quantise takes zeros");
}

// Values that no conversion to an integer is defined for: each kernel has to keep the fault visible.
void test_extremes(const Kernels& kernels) {
  const std::string name = std::string(kernels.name) + ": ";
  constexpr int kN = 64;
  std::vector<int8_t> values(kN);
  float scale = 0;
  int32_t sum = 0;
  const auto quantise = [&](const std::vector<float>& x) {
    std::fill(values.begin(), values.end(), int8_t{55});
    scale = 55;
    sum = 55;
    kernels.quantise(x.data(), kN, {values.data(), &scale, &sum, kN}, 0);
  };
  const auto all_zero = [&] {
    return sum == 0 && std::all_of(values.begin(), values.end(), [](int8_t v) { return v == 0; });
  };
  for (const float fault : {NAN, -NAN, INFINITY, -INFINITY})
    for (const int place : {0, 7, 16, kN - 1})
      for (const float others : {0.0f, 1.0f, 3e38f}) {
        std::vector<float> x(kN, others);
        x[place] = fault;
        quantise(x);
        check(std::isnan(scale) && all_zero(), name + "quantise marks what is not finite");
      }
  for (const float tiny : {1e-45f, 1e-40f, 1e-37f, 9e-31f}) {
    std::vector<float> x(kN, tiny);
    x[3] = -tiny;
    quantise(x);
    check(std::isfinite(scale) && all_zero(), name + "quantise takes what is almost zero for zero");
  }
  std::vector<float> x(kN, 0);
  x[3] = -FLT_MAX;
  x[9] = FLT_MAX;
  quantise(x);
  check(values[3] == -127 && values[9] == 127 && sum == 0 && std::isfinite(scale), name + "quantise takes the largest");
  x.assign(kN, 0);
  x[5] = 1e-29f;
  quantise(x);
  check(values[5] == 127 && sum == 127, name + "quantise is exact above the least magnitude");

  const std::vector<float> ones(kN, 1), large(kN, 1e25f);
  std::vector<float> out(kN);
  kernels.rms_norm(large.data(), ones.data(), kN, 1e-6f, out.data());
  check(std::isnan(out[0]) && std::isnan(out[kN - 1]), name + "rms_norm does not turn an overflow into zeros");

  std::vector<float> gate_up(2 * kLanes, 1);
  gate_up[0] = NAN;
  gate_up[1] = INFINITY;
  gate_up[kLanes + 2] = NAN;
  kernels.silu_product(gate_up.data(), kLanes, out.data());
  check(std::isnan(out[0]) && std::isinf(out[1]) && std::isnan(out[2]) && std::isfinite(out[3]),
        name + "silu_product hides nothing that is not finite");

  for (const float fault : {NAN, INFINITY})
    for (const int place : {0, 5, 40}) {
      std::vector<float> logits(kN, 1);
      logits[place] = fault;
      float p = 0;
      const int best = kernels.most_likely(logits.data(), kN, &p);
      check(!std::isfinite(p) && best >= 0 && best < kN, name + "most_likely has no finite probability then");
    }

  // One key that overflows with its query.
  const int dim = 16;
  std::vector<uint16_t> keys(dim * kLanes, 0x7bff), ordinary(dim * kLanes, 0x3c00);
  std::vector<float> q(dim, 1e35f), scores(kLanes);
  Query query{q.data(), out.data(), 9};
  kernels.attention(&query, 1, keys.data(), ordinary.data(), dim, 0.25f, scores.data(), kLanes);
  check(std::isnan(out[0]), name + "attention does not hide an overflow");
}

std::vector<uint16_t> halves(const Kernels& kernels, const std::vector<float>& x) {
  std::vector<uint16_t> out(x.size());
  kernels.to_half(x.data(), static_cast<int>(x.size()), out.data());
  return out;
}

double from_half(uint16_t half) {
  const int exponent = half >> 10 & 31, mantissa = half & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

void test_halves(const Kernels& kernels) {
  const std::string name = std::string(kernels.name) + ": float16 ";
  // Every finite float16, the points half-way to the next, and the floats next to those.
  bool exact = true, nearest = true;
  for (int start = 0; start < 0x7c00; start += 16) {
    std::vector<float> x(64);
    for (int i = 0; i < 16; i++) {
      const double here = from_half(start + i), next = start + i == 0x7bff ? 65536 : from_half(start + i + 1);
      const float half_way = static_cast<float>((here + next) / 2);
      x[i] = static_cast<float>(i % 2 ? -here : here);
      x[16 + i] = half_way;
      x[32 + i] = std::nextafter(half_way, 0.0f);
      x[48 + i] = std::nextafter(half_way, 1e6f);
    }
    const auto found = halves(kernels, x);
    for (int i = 0; i < 16; i++) {
      const int h = start + i, up = std::min(h + 1, 0x7bff);
      exact = exact && found[i] == (i % 2 ? h | 0x8000 : h);
      nearest = nearest && found[16 + i] == (h % 2 ? up : h) && found[32 + i] == h && found[48 + i] == up;
    }
  }
  check(exact, name + "keeps what it can hold");
  check(nearest, name + "rounds to the nearest, half-way to even");
  const auto edge = halves(kernels, {70000, -1e30f, 65520, 1e-9f, -0.0f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  check(edge[0] == 0x7bff && edge[1] == 0xfbff && edge[2] == 0x7bff && edge[3] == 0, name + "is never infinite");
}

// A matrix in groups of 32 columns with its packed form, and vectors quantised in the same groups.
struct GroupCase {
  Form form;
  int rows, k, count;
  std::vector<int> weights;  // [rows, k] -127..127; 4 bits: 0..15
  std::vector<uint8_t> packed;
  std::vector<uint16_t> scales, minimums;  // [rows / 16, k / 32, 16]
  std::vector<int8_t> values;              // [count, k]
  std::vector<float> value_scales;         // [count, k / 32]
  std::vector<int32_t> sums;               // likewise

  GroupCase(Form form, int rows, int k, int count, bool extremes)
      : form(form), rows(rows), k(k), count(count), value_scales(floats(count * k / kGroup, 1)) {
    const bool is8 = form == Form::kGroups8;
    std::uniform_int_distribution<int> next(-127, 127), nibble(0, 15);
    const auto random = [&] { return extremes ? (next(rng) < 0 ? -127 : 127) : next(rng); };
    for (int i = 0; i < rows * k; i++) weights.push_back(is8 ? random() : extremes ? 15 : nibble(rng));
    for (int i = 0; i < count * k; i++) values.push_back(static_cast<int8_t>(extremes ? 127 : random()));
    scales = halves(matcoder::kScalarKernels, floats(rows * k / kGroup, 0.1f));
    minimums = halves(matcoder::kScalarKernels, floats(rows * k / kGroup, 1));
    for (int panel = 0; panel < rows; panel += kLanes)
      for (int run = 0; run < k; run += is8 ? 4 : 8)
        for (int r = 0; r < kLanes; r++)
          for (int j = 0; j < 4; j++) {
            const int* w = &weights[(panel + r) * k + run + j];
            packed.push_back(static_cast<uint8_t>(is8 ? w[0] + 128 : w[0] | w[4] << 4));
          }
    for (int g = 0; g < count * k / kGroup; g++) {
      sums.push_back(0);
      for (int i = 0; i < kGroup; i++) sums.back() += values[g * kGroup + i];
    }
  }

  std::vector<float> product(const Kernels& kernels, int columns, int first_panel, int last_panel) {
    Matrix m{rows, k, 0, packed.data(), nullptr, form, scales.data(), minimums.data()};
    const Activations a{values.data(), value_scales.data(), sums.data(), static_cast<size_t>(k),
                        static_cast<size_t>(k / kGroup)};
    std::vector<float> out(static_cast<size_t>(count) * rows, Case::kUntouched);
    kernels.product(m, columns, first_panel, last_panel, a, count, 1, out.data(), rows);
    return out;
  }

  // By the definition, in double precision.
  double expected(int t, int r, int columns) const {
    double total = 0;
    for (int i = 0; i < columns; i++) {
      const size_t g = ((r / kLanes) * (k / kGroup) + i / kGroup) * kLanes + r % kLanes;
      const double scale = from_half(scales[g]);
      const int q = weights[r * k + i];
      const double w = form == Form::kGroups8   ? q * scale
                       : form == Form::kGroups4 ? (q - 8) * scale
                                                : q * scale + from_half(minimums[g]);
      total += w * values[t * k + i] * value_scales[(t * k + i) / kGroup];
    }
    return total;
  }
};

void test_groups(const Kernels& kernels, const Kernels& scalar) {
  for (const Form form : {Form::kGroups8, Form::kGroups4, Form::kGroups4Min}) {
    const std::string name = std::string(kernels.name) + ": groups of " + std::to_string(static_cast<int>(form)) + ", ";
    for (const int count : {1, 2, 3, 4, 5, 8, 13})
      for (const bool extremes : {false, true}) {
        GroupCase one(form, 112, 160, count, extremes);
        for (const int columns : {32, 96, 160}) {
          const auto found = one.product(kernels, columns, 0, 7), same = one.product(scalar, columns, 0, 7);
          check(std::memcmp(found.data(), same.data(), found.size() * sizeof(float)) == 0, name + "has scalar's bits");
          double worst = 0, spread = 0;
          for (int t = 0; t < count; t++)
            for (int r = 0; r < 112; r++) {
              const double expected = one.expected(t, r, columns);
              worst = std::max(worst, std::abs(found[t * 112 + r] - expected));
              spread = std::max(spread, std::abs(expected));
            }
          check(worst < 1e-5 * spread, name + "is right");
        }
        const auto some = one.product(kernels, 160, 1, 6), all = one.product(kernels, 160, 0, 7);
        bool only = true;
        for (size_t i = 0; i < some.size(); i++)
          only = only && some[i] == (i % 112 < 16 || i % 112 >= 96 ? Case::kUntouched : all[i]);
        check(only, name + "a run of panels is computed and no other");
      }
  }
  const auto x = floats(256, 3);
  std::vector<int8_t> a(256), b(256);
  float scales[2][8];
  int32_t sums[2][8];
  kernels.quantise_groups(x.data(), 256, {a.data(), scales[0], sums[0], 256, 8}, 0);
  for (int g = 0; g < 8; g++)
    scalar.quantise(&x[g * kGroup], kGroup, {&b[g * kGroup], &scales[1][g], &sums[1][g], kGroup}, 0);
  check(a == b && std::memcmp(scales[0], scales[1], sizeof scales[0]) == 0 &&
            std::memcmp(sums[0], sums[1], sizeof sums[0]) == 0,
        std::string(kernels.name) + ": quantise_groups quantises each group as quantise does");
}

// Up to four queries of different lengths against the softmax of the definition; what lies behind the last position
// must not count, and company must not change a bit.
void test_attention(const Kernels& kernels, const Kernels& scalar, int dim, int positions) {
  const std::string name = std::string(kernels.name) + ": attention over " + std::to_string(positions) + " ";
  const int context = (positions + kLanes - 1) / kLanes * kLanes;
  const auto q = floats(kMaxQueries * dim, 2);
  const auto keys = halves(scalar, floats(static_cast<size_t>(context) * dim, 2));
  const auto values = halves(scalar, floats(static_cast<size_t>(context) * dim, 2));
  std::vector<float> scores(kMaxQueries * context), found(kMaxQueries * dim), same(dim);
  for (int count = 1; count <= kMaxQueries; count++) {
    Query queries[kMaxQueries];
    for (int r = 0; r < count; r++) queries[r] = {&q[r * dim], &found[r * dim], std::max(1, positions - 2 * r)};
    kernels.attention(queries, count, keys.data(), values.data(), dim, 1 / std::sqrt(static_cast<float>(dim)),
                      scores.data(), context);
    bool bits = true;
    double worst = 0;
    for (int r = 0; r < count; r++) {
      Query alone = queries[r];
      alone.out = same.data();
      scalar.attention(&alone, 1, keys.data(), values.data(), dim, 1 / std::sqrt(static_cast<float>(dim)),
                       scores.data(), context);
      bits = bits && std::memcmp(&found[r * dim], same.data(), dim * sizeof(float)) == 0;

      const int own = alone.positions;
      std::vector<double> dots(own), expected(dim);
      for (int i = 0; i < own; i++) {
        for (int d = 0; d < dim; d++) {
          const uint16_t key = keys[(static_cast<size_t>(i / kLanes) * dim + d) * kLanes + i % kLanes];
          dots[i] += static_cast<double>(alone.q[d]) * from_half(key);
        }
        dots[i] /= std::sqrt(static_cast<double>(dim));
      }
      const double top = *std::max_element(dots.begin(), dots.end());
      double total = 0;
      for (const double dot : dots) total += std::exp(dot - top);
      for (int i = 0; i < own; i++)
        for (int d = 0; d < dim; d++)
          expected[d] += std::exp(dots[i] - top) / total * from_half(values[static_cast<size_t>(i) * dim + d]);
      for (int d = 0; d < dim; d++) worst = std::max(worst, std::abs(found[r * dim + d] - expected[d]));
    }
    check(bits, name + "of " + std::to_string(count) + " has scalar's bits, each alone");
    check(worst < 1e-5, name + "of " + std::to_string(count) + " is right");
  }
}

void test_pool(int threads) {
  matcoder::ThreadPool pool(threads);
  bool once = true;
  std::atomic<bool> apart{true};
  std::vector<std::atomic<bool>> busy(threads);
  for (int job = 0; job < 3000; job++) {
    const int chunks = 1 + job % 37;
    std::vector<std::atomic<int>> runs(chunks);
    pool.run(chunks, [&](int i, int thread) {
      if (thread < 0 || thread >= threads || busy[thread].exchange(true)) apart = false;
      // Slow now and then, so that a pool that returns before the last chunk has ended is found out.
      if (job % 100 == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
      runs[i]++;
      busy[thread] = false;
    });
    for (const auto& count : runs) once = once && count == 1;
    // Long enough now and then for the helpers to fall asleep.
    if (job % 1000 == 999) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  check(apart, "a pool of " + std::to_string(threads) + " gives each call a thread's number of its own");
  check(once, "a pool of " + std::to_string(threads) + " runs every chunk once");
}

// The kernels that this machine runs. If it has AVX-512 with VNNI, also those for AVX-VNNI, which run.mjs then compiles
// to AVX-512's encoding of the same instruction.
std::vector<const Kernels*> kernels_to_test() {
  auto kernels = matcoder::supported_kernels();
#ifdef MATCODER_X86_KERNELS
  const auto has = [&](const Kernels& k) { return std::find(kernels.begin(), kernels.end(), &k) != kernels.end(); };
  if (has(matcoder::kAvx512VnniKernels) && !has(matcoder::kAvxVnniKernels))
    kernels.push_back(&matcoder::kAvxVnniKernels);
#endif
  return kernels;
}

}  // namespace

int main() {
  for (const Kernels* kernels : kernels_to_test()) {
    std::printf("%s\n", kernels->name);
    test_products(*kernels);
    test_groups(*kernels, matcoder::kScalarKernels);
    test_floats(*kernels, matcoder::kScalarKernels);
    test_extremes(*kernels);
    test_halves(*kernels);
    for (const int dim : {16, 64, 80})
      for (const int positions : {1, 15, 16, 17, 200})
        test_attention(*kernels, matcoder::kScalarKernels, dim, positions);
  }
  for (const int threads : {1, 2, 4}) test_pool(threads);
  return report();
}
