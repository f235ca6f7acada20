#pragma once

#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "../kernels.h"

namespace matcoder {

// A vector that a search found.
struct Hit {
  int32_t id;
  float score;  // cosine of the angle between it and the query
};

// Vectors by their ids, for searches that compare the query with each of them.
//
// A vector is stored as int8, 127 times as long as its largest value is. Only its direction counts, so there is no
// scale but the inverse of the length of each prefix of the integers. The vectors are the rows of matrices that the
// engine's kernels multiply with the query, in segments of a fixed size, so that nothing moves when the index grows.
//
// Every instruction set finds the same vectors with the same scores, whatever the order they came in. All functions may
// be called from any thread at any time.
class VectorIndex {
 public:
  // dimensions: of a vector, a multiple of 16
  // prefixes: lengths by which a search can compare, multiples of 16 in ascending order up to `dimensions`, the last
  // Throws std::invalid_argument if they are not.
  VectorIndex(int dimensions, std::vector<int> prefixes, const Kernels& kernels);

  int dimensions() const { return dimensions_; }
  size_t size() const;
  size_t bytes() const;

  // Adds a vector for each id, or replaces it. values: [count, dimensions], of any length; one of zeros scores 0
  // Throws std::invalid_argument, and changes nothing, if a value is not finite; std::bad_alloc.
  void set(const int32_t* ids, size_t count, const float* values);

  // Ids that are not there are left out. The time for each does not depend on the size.
  void remove(const int32_t* ids, size_t count);

  // The `count` vectors with the highest scores, the best first; of equal scores, those with the lowest ids.
  // query: [dimensions]; prefix: one of the prefixes. Throws std::invalid_argument if it is not, or if the query is not
  // finite.
  std::vector<Hit> search(const float* query, size_t count, int prefix) const;

  // All vectors, in the order of their ids. values: [size, dimensions]
  void export_to(std::vector<int32_t>& ids, std::vector<int8_t>& values) const;

  // As set(), with the integers that were exported: -127 to 127, or std::invalid_argument.
  void import_from(const int32_t* ids, size_t count, const int8_t* values);

 private:
  // Vectors that are stored together.
  static constexpr int kSegmentRows = 1024;
  struct Segment {
    Segment(int dimensions, size_t prefixes);
    std::unique_ptr<uint8_t[]> memory;
    uint8_t* data;               // [kSegmentRows, dimensions] as the rows of a Matrix, aligned to 64 bytes
    std::vector<float> inverse;  // [prefixes, kSegmentRows] of the length of the integers; 0 for one of zeros
  };

  size_t prefix_index(int prefix) const;
  void put(int32_t id, const int8_t* values);
  void erase(int32_t id);
  void store(size_t slot, const int8_t* values);
  void load(size_t slot, int8_t* values) const;

  const int dimensions_;
  const std::vector<int> prefixes_;
  const Kernels& kernels_;
  mutable std::shared_mutex mutex_;
  std::vector<std::unique_ptr<Segment>> segments_;
  std::vector<int32_t> ids_;                   // [size] by slot
  std::unordered_map<int32_t, size_t> slots_;  // by id
};

}  // namespace matcoder
