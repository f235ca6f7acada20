// A search finds what comparing all vectors one by one finds, with every instruction set, after any sequence of
// changes, and while other threads change the index.
#include "../src/vectors/vector_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include "../src/cpu.h"
#include "check.h"

using namespace matcoder;

namespace {

constexpr int kDimensions = 96;
const std::vector<int> kPrefixes = {16, 48, kDimensions};

std::mt19937 rng(1);

std::vector<float> random_vector() {
  std::normal_distribution<float> next;
  std::vector<float> values(kDimensions);
  const float length = std::exp(next(rng));
  for (float& value : values) value = length * next(rng);
  return values;
}

using Vectors = std::map<int32_t, std::vector<float>>;

double cosine(const std::vector<float>& a, const std::vector<float>& b, int prefix) {
  double ab = 0, aa = 0, bb = 0;
  for (int i = 0; i < prefix; i++) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

// The error of a score, because vectors are rounded to int8.
constexpr double kRounding = 0.01;

void check_search(const VectorIndex& index, const Vectors& vectors, const std::string& when) {
  check(index.size() == vectors.size(), "the size counts the vectors " + when);
  for (const int prefix : kPrefixes) {
    const std::vector<float> query = random_vector();
    std::vector<double> best;
    for (const auto& [id, vector] : vectors) best.push_back(cosine(query, vector, prefix));
    std::sort(best.rbegin(), best.rend());
    const size_t count = std::min<size_t>(10, vectors.size());
    const auto hits = index.search(query.data(), 10, prefix);
    check(hits.size() == count, "as many are found as there are " + when);
    bool right = true, ordered = true;
    for (size_t i = 0; i < hits.size(); i++) {
      const auto found = vectors.find(hits[i].id);
      right = right && found != vectors.end() &&
              std::abs(hits[i].score - cosine(query, found->second, prefix)) < kRounding &&
              std::abs(hits[i].score - best[i]) < kRounding;
      if (i > 0)
        ordered = ordered && (hits[i - 1].score > hits[i].score ||
                              (hits[i - 1].score == hits[i].score && hits[i - 1].id < hits[i].id));
    }
    check(right, "the best are found with their cosines " + when);
    check(ordered, "the best come first, and of equal ones the lowest ids " + when);
  }
}

void set(VectorIndex& index, Vectors& vectors, int32_t id, const std::vector<float>& values) {
  index.set(&id, 1, values.data());
  vectors[id] = values;
}

void test_changes(const Kernels& kernels) {
  VectorIndex index(kDimensions, kPrefixes, kernels);
  Vectors vectors;
  check_search(index, vectors, "of none");
  // More than two segments, so that some are added and given back.
  for (int32_t id = 0; id < 2100; id++) set(index, vectors, id * 7 - 5000, random_vector());
  check_search(index, vectors, "after adding");
  const size_t full = index.bytes();
  for (int i = 0; i < 300; i++) set(index, vectors, static_cast<int32_t>(rng() % 2100) * 7 - 5000, random_vector());
  check_search(index, vectors, "after replacing");
  check(index.bytes() == full, "replacing takes no memory");
  std::vector<int32_t> ids;
  for (const auto& [id, vector] : vectors) ids.push_back(id);
  std::shuffle(ids.begin(), ids.end(), rng);
  ids.resize(2050);
  ids.push_back(ids.front());
  ids.push_back(1);  // is not there
  index.remove(ids.data(), ids.size());
  for (const int32_t id : ids) vectors.erase(id);
  check_search(index, vectors, "after removing");
  check(index.bytes() < full, "removing gives memory back");
  for (int i = 0; i < 100; i++) set(index, vectors, i, random_vector());
  check_search(index, vectors, "after adding again");

  std::vector<int8_t> values;
  index.export_to(ids, values);
  VectorIndex copy(kDimensions, kPrefixes, kernels);
  copy.import_from(ids.data(), ids.size(), values.data());
  check(std::is_sorted(ids.begin(), ids.end()), "an export is in the order of the ids");
  for (int i = 0; i < 20; i++) {
    const auto query = random_vector();
    const auto a = index.search(query.data(), 50, 48), b = copy.search(query.data(), 50, 48);
    check(a.size() == 50 && std::equal(a.begin(), a.end(), b.begin(),
                                       [](Hit x, Hit y) { return x.id == y.id && x.score == y.score; }),
          "an index from an export finds the same, with the same bits");
  }
}

void test_ties(const Kernels& kernels) {
  VectorIndex index(kDimensions, kPrefixes, kernels);
  Vectors vectors;
  const auto same = random_vector();
  std::vector<int32_t> ids(100);
  for (int i = 0; i < 100; i++) ids[i] = i - 50;
  std::shuffle(ids.begin(), ids.end(), rng);
  for (const int32_t id : ids) set(index, vectors, id, same);
  set(index, vectors, 1000, std::vector<float>(kDimensions));
  const auto hits = index.search(same.data(), 20, kDimensions);
  bool right = hits.size() == 20;
  for (int i = 0; right && i < 20; i++) right = hits[i].id == i - 50 && std::abs(hits[i].score - 1) < kRounding;
  check(right, "of equal vectors those with the lowest ids are found");
  const auto all = index.search(same.data(), SIZE_MAX, kDimensions);
  check(all.size() == 101 && all.back().id == 1000 && all.back().score == 0, "a vector of zeros scores 0");
  const std::vector<float> zeros(kDimensions);
  check(index.search(zeros.data(), 3, 16).front().score == 0, "so does a query of zeros");
  check(index.search(same.data(), 0, 16).empty(), "none are found if none are wanted");
}

void test_same_bits() {
  std::vector<std::vector<Hit>> all;
  for (const Kernels* kernels : supported_kernels()) {
    rng.seed(9);
    VectorIndex index(kDimensions, kPrefixes, *kernels);
    Vectors vectors;
    for (int32_t id = 0; id < 500; id++) set(index, vectors, id, random_vector());
    std::vector<Hit> found;
    for (const int prefix : kPrefixes)
      for (const Hit hit : index.search(random_vector().data(), 100, prefix)) found.push_back(hit);
    all.push_back(found);
  }
  for (const auto& found : all)
    check(std::equal(found.begin(), found.end(), all.front().begin(), all.front().end(),
                     [](Hit x, Hit y) { return x.id == y.id && x.score == y.score; }),
          "every instruction set finds the same, with the same bits");
}

template <typename Body>
void refused(const Body& body, const char* what) {
  try {
    body();
    check(false, what);
  } catch (const std::invalid_argument&) {
    check(true, what);
  }
}

void test_faults() {
  const Kernels& kernels = choose_kernels("");
  refused([&] { VectorIndex(40, {40}, kernels); }, "dimensions that are no multiple of 16");
  refused([&] { VectorIndex(0, {}, kernels); }, "no dimensions");
  refused([&] { VectorIndex(1 << 20, {1 << 20}, kernels); }, "too many dimensions");
  refused([&] { VectorIndex(32, {32, 16}, kernels); }, "prefixes in another order");
  refused([&] { VectorIndex(32, {16}, kernels); }, "prefixes without the whole");
  refused([&] { VectorIndex(32, {8, 32}, kernels); }, "a prefix that is no multiple of 16");
  VectorIndex index(kDimensions, kPrefixes, kernels);
  auto vectors = random_vector();
  const auto more = random_vector();
  vectors.insert(vectors.end(), more.begin(), more.end());
  vectors.back() = std::numeric_limits<float>::infinity();
  const int32_t ids[] = {1, 2};
  refused([&] { index.set(ids, 2, vectors.data()); }, "a vector that is not finite");
  check(index.size() == 0, "a refused call changes nothing");
  refused([&] { index.search(vectors.data(), 1, 32); }, "another prefix");
  vectors[0] = NAN;
  refused([&] { index.search(vectors.data(), 1, 16); }, "a query that is not finite");
  const std::vector<int8_t> values(kDimensions, -128);
  refused([&] { index.import_from(ids, 1, values.data()); }, "-128");
}

void test_threads() {
  VectorIndex index(kDimensions, kPrefixes, choose_kernels(""));
  std::vector<std::vector<float>> vectors;
  for (int i = 0; i < 64; i++) vectors.push_back(random_vector());
  std::thread writer([&] {
    for (int i = 0; i < 4000; i++) {
      const int32_t id = i % 1500, gone = (i * 13) % 1500;
      index.set(&id, 1, vectors[i % 64].data());
      if (i % 3 == 0) index.remove(&gone, 1);
    }
  });
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; t++)
    readers.emplace_back([&, t] {
      for (int i = 0; i < 50; i++) {
        const auto hits = index.search(vectors[(i + t) % 64].data(), 10, kDimensions);
        check(std::is_sorted(hits.begin(), hits.end(), [](Hit a, Hit b) { return a.score > b.score; }),
              "a search during changes is in order");
      }
    });
  writer.join();
  for (std::thread& reader : readers) reader.join();
}

}  // namespace

int main() {
  for (const Kernels* kernels : supported_kernels()) {
    test_changes(*kernels);
    test_ties(*kernels);
  }
  test_same_bits();
  test_faults();
  test_threads();
  return report();
}
