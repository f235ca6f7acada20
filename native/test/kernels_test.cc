// Every instruction set must give the same bits, and the integer products must be exact.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "../src/cpu.h"
#include "../src/thread_pool.h"

using matcoder::Activations;
using matcoder::Kernels;
using matcoder::kLanes;
using matcoder::Matrix;

namespace {

int passing = 0, failing = 0;

void check(bool holds, const std::string& what) {
  holds ? passing++ : failing++;
  if (!holds) std::printf("failed: %s\n", what.c_str());
}

std::mt19937 rng(1);

std::vector<float> floats(size_t n, float range) {
  std::uniform_real_distribution<float> next(-range, range);
  std::vector<float> values(n);
  for (float& value : values) value = next(rng);
  return values;
}

// An int8 matrix with its packed form, and int8 vectors with their sums.
struct Case {
  int rows, k, block_k, count;
  std::vector<int8_t> weights;  // [rows, k]
  std::vector<uint8_t> packed;
  std::vector<float> scales;
  std::vector<int8_t> values;  // [count, k]
  std::vector<float> value_scales;
  std::vector<int32_t> sums;

  Case(int rows, int k, int block_k, int count, bool extreme)
      : rows(rows), k(k), block_k(block_k), count(count), scales(floats(rows, 1)), value_scales(floats(count, 1)) {
    std::uniform_int_distribution<int> next(-127, 127);
    const auto value = [&] { return static_cast<int8_t>(extreme ? (next(rng) < 0 ? -127 : 127) : next(rng)); };
    for (int i = 0; i < rows * k; i++) weights.push_back(extreme ? 127 : value());
    for (int i = 0; i < count * k; i++) values.push_back(extreme ? -127 : value());
    for (int block = 0; block < k; block += block_k)
      for (int panel = 0; panel < rows; panel += kLanes)
        for (int c = 0; c < block_k; c += 4)
          for (int r = 0; r < kLanes; r++)
            for (int j = 0; j < 4; j++)
              packed.push_back(static_cast<uint8_t>(weights[(panel + r) * k + block + c + j] + 128));
  }

  std::vector<float> product(const Kernels& kernels, int columns) {
    sums.assign(count, 0);
    for (int t = 0; t < count; t++)
      for (int i = 0; i < columns; i++) sums[t] += values[t * k + i];
    const Matrix m{rows, k, block_k, packed.data(), scales.data()};
    const Activations a{values.data(), value_scales.data(), sums.data(), static_cast<size_t>(k)};
    std::vector<float> out(static_cast<size_t>(count) * rows, -1);
    kernels.product(m, columns, 0, rows / kLanes, a, count, out.data(), rows);
    return out;
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
    for (const bool extreme : {false, true}) {
      Case one(48, 256, 256, count, extreme);
      check(one.product(kernels, 256) == one.expected(256), name + "a product is exact");
      Case blocked(32, 256, 32, count, extreme);
      for (const int columns : {32, 64, 160, 256})
        check(blocked.product(kernels, columns) == blocked.expected(columns), name + "a prefix of columns is exact");
    }
  }
}

void test_floats(const Kernels& kernels, const Kernels& scalar) {
  const std::string name = std::string(kernels.name) + ": ";
  const int dim = 64, context = 208;
  const auto x = floats(1024, 4), weight = floats(1024, 2), q = floats(dim, 2);
  const auto keys = floats(static_cast<size_t>(context) * dim, 2),
             values = floats(static_cast<size_t>(context) * dim, 2);
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

  for (const int positions : {1, 15, 16, 17, 200}) {
    std::vector<float> scores(context);
    const auto mixed = both(
        dim,
        [&](const Kernels& k, float* out) {
          k.attention(q.data(), keys.data(), values.data(), positions, dim, scores.data(), out);
        },
        "attention");
    double total = 0, first = 0, top = -1e9;
    std::vector<double> dots(positions);
    for (int i = 0; i < positions; i++) {
      for (int d = 0; d < dim; d++)
        dots[i] +=
            static_cast<double>(q[d]) * keys[(static_cast<size_t>(i / kLanes) * dim + d) * kLanes + i % kLanes] / 8;
      top = std::max(top, dots[i]);
    }
    for (int i = 0; i < positions; i++) {
      total += std::exp(dots[i] - top);
      first += std::exp(dots[i] - top) * values[static_cast<size_t>(i) * dim];
    }
    check(std::abs(mixed[0] - first / total) < 1e-4, name + "attention is right");
  }

  float p = 0, q_scalar = 0;
  const int best = kernels.most_likely(x.data(), 1024, &p);
  check(best == scalar.most_likely(x.data(), 1024, &q_scalar) && p == q_scalar, name + "most_likely has scalar's bits");
  check(best == std::max_element(x.begin(), x.end()) - x.begin(), name + "most_likely finds the largest");

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

void test_pool(int threads) {
  matcoder::ThreadPool pool(threads);
  bool once = true;
  for (int job = 0; job < 3000; job++) {
    const int chunks = 1 + job % 37;
    std::vector<std::atomic<int>> runs(chunks);
    pool.run(chunks, [&](int i) { runs[i]++; });
    for (const auto& count : runs) once = once && count == 1;
    // Long enough now and then for the helpers to fall asleep.
    if (job % 1000 == 999) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  check(once, "a pool of " + std::to_string(threads) + " runs every chunk once");
}

}  // namespace

int main() {
  for (const Kernels* kernels : matcoder::supported_kernels()) {
    test_products(*kernels);
    test_floats(*kernels, matcoder::kScalarKernels);
  }
  for (const int threads : {1, 2, 4}) test_pool(threads);
  std::printf("%d passing, %d failing\n", passing, failing);
  return failing == 0 ? 0 : 1;
}
