// The peak of this machine: `peak MEGABYTES THREADS` prints, as JSON, the bytes a second at which that much
// memory is read again and again, and the int8 multiply-adds a second of the instructions that the kernels are built on.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;
typedef int64_t Words __attribute__((vector_size(64)));

constexpr int kRounds = 12;

// Best of several rounds in which every thread runs body(thread).
template <typename Body>
double seconds(int threads, Body body) {
  double best = 1e9;
  for (int round = 0; round < kRounds; round++) {
    const auto start = Clock::now();
    std::vector<std::thread> others;
    for (int t = 1; t < threads; t++) others.emplace_back([&, t] { body(t); });
    body(0);
    for (auto& other : others) other.join();
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    best = took < best ? took : best;
  }
  return best;
}

double bytes_per_second(size_t bytes, int threads) {
  const size_t words = bytes / sizeof(Words) / threads * threads, repeats = 1 + (size_t{256} << 20) / bytes;
  auto* memory = static_cast<Words*>(std::aligned_alloc(64, words * sizeof(Words)));
  std::memset(memory, 1, words * sizeof(Words));
  const double took = seconds(threads, [&](int t) {
    const size_t share = words / threads;
    const Words* mine = memory + share * t;
    Words sums[8] = {};
    for (size_t r = 0; r < repeats; r++)
      for (size_t i = 0; i + 8 <= share; i += 8)
        for (size_t j = 0; j < 8; j++) {
          sums[j] += mine[i + j];
          __builtin_prefetch(mine + i + j + 512, 0, 1);
        }
    for (auto& sum : sums) asm volatile("" ::"m"(sum));
  });
  std::free(memory);
  return static_cast<double>(words * sizeof(Words) * repeats) / took;
}

double multiply_adds_per_second(int threads) {
#if defined(__AVX512VNNI__)
  constexpr int kSums = 16, kSteps = 2'000'000;
  const double took = seconds(threads, [&](int) {
    __m512i sums[kSums], weights = _mm512_set1_epi32(0x01020304);
    for (auto& sum : sums) sum = _mm512_setzero_si512();
    for (int step = 0; step < kSteps; step++) {
      asm volatile("" : "+v"(weights));  // or the loop would be computed beforehand
      for (auto& sum : sums) sum = _mm512_dpbusd_epi32(sum, weights, weights);
    }
    for (auto& sum : sums) asm volatile("" ::"m"(sum));
  });
  return 64.0 * kSums * kSteps * threads / took;
#elif defined(__AVX2__)
  // Without VNNI: a sign, two multiplications and an addition for 32 products.
  constexpr int kSums = 8, kSteps = 2'000'000;
  const double took = seconds(threads, [&](int) {
    __m256i sums[kSums], weights = _mm256_set1_epi32(0x01020304), vector = _mm256_set1_epi32(0x01ff0304);
    const __m256i ones = _mm256_set1_epi16(1);
    for (auto& sum : sums) sum = _mm256_setzero_si256();
    for (int step = 0; step < kSteps; step++)
      for (auto& sum : sums) {
        asm volatile("" : "+x"(weights), "+x"(vector));  // or the loop would be computed beforehand
        const __m256i pairs = _mm256_maddubs_epi16(weights, _mm256_sign_epi8(vector, weights));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
      }
    for (auto& sum : sums) asm volatile("" ::"m"(sum));
  });
  return 32.0 * kSums * kSteps * threads / took;
#else
  (void)threads;
  return 0;  // not measured on this instruction set
#endif
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return std::fprintf(stderr, "peak MEGABYTES THREADS\n"), 1;
  const size_t bytes = std::strtoull(arguments[1], nullptr, 10) << 20;
  const int threads = std::atoi(arguments[2]);
  std::printf("{\"bytesPerSecond\": %.4g, \"multiplyAddsPerSecond\": %.4g}\n", bytes_per_second(bytes, threads),
              multiply_adds_per_second(threads));
}
