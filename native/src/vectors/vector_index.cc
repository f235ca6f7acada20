#include "vector_index.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace matcoder {
namespace {

constexpr int kMaxDimensions = 4096;

// The first of 4 columns in a row of a panel: see Matrix.
constexpr size_t place_of(int row, int column) { return static_cast<size_t>(column) * kLanes + row * 4; }

bool all_finite(const float* x, size_t n) {
  return std::all_of(x, x + n, [](float value) { return std::isfinite(value); });
}

bool is_better(const Hit& a, const Hit& b) { return a.score != b.score ? a.score > b.score : a.id < b.id; }

// Keeps the best hits of those that it is given.
class Best {
 public:
  explicit Best(size_t count) : count_(count) { hits_.reserve(count); }

  void add(Hit hit) {
    if (hits_.size() == count_) {
      if (count_ == 0 || !is_better(hit, hits_.front())) return;
      std::pop_heap(hits_.begin(), hits_.end(), is_better);
      hits_.pop_back();
    }
    hits_.push_back(hit);
    std::push_heap(hits_.begin(), hits_.end(), is_better);
  }

  std::vector<Hit> in_order() && {
    std::sort_heap(hits_.begin(), hits_.end(), is_better);
    return std::move(hits_);
  }

 private:
  const size_t count_;
  std::vector<Hit> hits_;  // a heap with the worst at its front
};

}  // namespace

VectorIndex::Segment::Segment(int dimensions, size_t prefixes) : inverse(prefixes * kSegmentRows) {
  const size_t bytes = static_cast<size_t>(dimensions) * kSegmentRows;
  memory = std::make_unique<uint8_t[]>(bytes + 63);
  const auto address = reinterpret_cast<uintptr_t>(memory.get());
  data = memory.get() + (64 - address % 64) % 64;
}

VectorIndex::VectorIndex(int dimensions, std::vector<int> prefixes, const Kernels& kernels)
    : dimensions_(dimensions), prefixes_(std::move(prefixes)), kernels_(kernels) {
  if (dimensions < kLanes || dimensions > kMaxDimensions || dimensions % kLanes != 0)
    throw std::invalid_argument("an index has a multiple of 16 dimensions, at most 4096, not " +
                                std::to_string(dimensions));
  int before = 0;
  for (const int prefix : prefixes_) {
    if (prefix <= before || prefix % kLanes != 0)
      throw std::invalid_argument("the prefix " + std::to_string(prefix) +
                                  " is not a multiple of 16 above the one before");
    before = prefix;
  }
  if (before != dimensions)
    throw std::invalid_argument("the last prefix must be all of the " + std::to_string(dimensions) + " dimensions");
}

size_t VectorIndex::size() const {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  return ids_.size();
}

size_t VectorIndex::bytes() const {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  const size_t segment = kSegmentRows * (dimensions_ + prefixes_.size() * sizeof(float));
  // A node of the table has its entry, a pointer and what the allocator adds.
  const size_t node = sizeof(std::pair<const int32_t, size_t>) + 2 * sizeof(void*);
  return segments_.size() * segment + ids_.capacity() * sizeof(int32_t) + slots_.size() * node +
         slots_.bucket_count() * sizeof(void*);
}

void VectorIndex::set(const int32_t* ids, size_t count, const float* values) {
  for (size_t i = 0; i < count; i++)
    if (!all_finite(values + i * dimensions_, dimensions_))
      throw std::invalid_argument("the vector of " + std::to_string(ids[i]) + " holds a value that is not finite");
  std::vector<int8_t> row(dimensions_);
  float scale;
  int32_t sum;
  const Activations a{row.data(), &scale, &sum, static_cast<size_t>(dimensions_), 1};
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  for (size_t i = 0; i < count; i++) {
    kernels_.quantise(values + i * dimensions_, dimensions_, a, 0);
    put(ids[i], row.data());
  }
}

void VectorIndex::import_from(const int32_t* ids, size_t count, const int8_t* values) {
  for (size_t i = 0; i < count * dimensions_; i++)
    if (values[i] == -128) throw std::invalid_argument("the vectors hold -128, which no exported vector does");
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  for (size_t i = 0; i < count; i++) put(ids[i], values + i * dimensions_);
}

void VectorIndex::remove(const int32_t* ids, size_t count) {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  for (size_t i = 0; i < count; i++) erase(ids[i]);
}

std::vector<Hit> VectorIndex::search(const float* query, size_t count, int prefix) const {
  const size_t index = prefix_index(prefix);
  if (!all_finite(query, prefix)) throw std::invalid_argument("the query holds a value that is not finite");
  // Two int8 vectors, as for the inputs of a model that matter: the second holds the remainder of the first.
  std::vector<int8_t> values(2 * static_cast<size_t>(prefix));
  std::vector<float> remainder(query, query + prefix);
  float scales[2];
  int32_t sums[2];
  const Activations a{values.data(), scales, sums, static_cast<size_t>(prefix), 1};
  kernels_.quantise(query, prefix, a, 0);
  double squares = 0;
  for (int i = 0; i < prefix; i++) {
    squares += static_cast<double>(query[i]) * query[i];
    remainder[i] -= static_cast<float>(values[i]) * scales[0];
  }
  kernels_.quantise(remainder.data(), prefix, a, 1);
  for (float& scale : scales) scale = squares > 0 ? static_cast<float>(scale / std::sqrt(squares)) : 0;

  const std::shared_lock<std::shared_mutex> lock(mutex_);
  Best best(std::min(count, ids_.size()));
  std::vector<float> scores(kSegmentRows);
  for (size_t first = 0; first < ids_.size(); first += kSegmentRows) {
    Segment& segment = *segments_[first / kSegmentRows];
    const int rows = static_cast<int>(std::min<size_t>(kSegmentRows, ids_.size() - first));
    Matrix m;
    m.rows = kSegmentRows;
    m.k = m.block_k = dimensions_;
    m.data = segment.data;
    m.scales = &segment.inverse[index * kSegmentRows];
    kernels_.product(m, prefix, 0, (rows + kLanes - 1) / kLanes, a, 2, 2, scores.data(), kSegmentRows);
    for (int r = 0; r < rows; r++) best.add({ids_[first + r], scores[r]});
  }
  return std::move(best).in_order();
}

void VectorIndex::export_to(std::vector<int32_t>& ids, std::vector<int8_t>& values) const {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  ids = ids_;
  std::sort(ids.begin(), ids.end());
  values.resize(ids.size() * dimensions_);
  for (size_t i = 0; i < ids.size(); i++) load(slots_.at(ids[i]), &values[i * dimensions_]);
}

size_t VectorIndex::prefix_index(int prefix) const {
  const auto found = std::find(prefixes_.begin(), prefixes_.end(), prefix);
  if (found != prefixes_.end()) return found - prefixes_.begin();
  std::string all;
  for (const int other : prefixes_) all += (all.empty() ? "" : ", ") + std::to_string(other);
  throw std::invalid_argument("the prefix " + std::to_string(prefix) + " is none of this index, which has " + all);
}

void VectorIndex::put(int32_t id, const int8_t* values) {
  const auto found = slots_.find(id);
  if (found != slots_.end()) return store(found->second, values);
  const size_t slot = ids_.size();
  if (slot == segments_.size() * kSegmentRows) {
    segments_.push_back(std::make_unique<Segment>(dimensions_, prefixes_.size()));
    ids_.reserve(segments_.size() * kSegmentRows);
  }
  slots_.emplace(id, slot);
  ids_.push_back(id);
  store(slot, values);
}

// The last vector takes the place of the one that goes.
void VectorIndex::erase(int32_t id) {
  const auto found = slots_.find(id);
  if (found == slots_.end()) return;
  const size_t slot = found->second, last = ids_.size() - 1;
  if (slot != last) {
    std::vector<int8_t> moved(dimensions_);
    load(last, moved.data());
    store(slot, moved.data());
    ids_[slot] = ids_[last];
    slots_[ids_[last]] = slot;
  }
  slots_.erase(found);
  ids_.pop_back();
  // A segment stays in reserve, so that an index at the limit of one does not allocate it again and again.
  if (segments_.size() * kSegmentRows >= ids_.size() + 2 * kSegmentRows) segments_.pop_back();
}

void VectorIndex::store(size_t slot, const int8_t* values) {
  Segment& segment = *segments_[slot / kSegmentRows];
  const int row = static_cast<int>(slot % kSegmentRows);
  uint8_t* panel = segment.data + static_cast<size_t>(row / kLanes) * kLanes * dimensions_;
  int32_t squares = 0;
  for (int column = 0, prefix = 0; column < dimensions_; column += 4) {
    uint8_t* four = panel + place_of(row % kLanes, column);
    for (int i = 0; i < 4; i++) {
      const int value = values[column + i];
      squares += value * value;
      four[i] = static_cast<uint8_t>(value + 128);
    }
    if (column + 4 == prefixes_[prefix])
      segment.inverse[static_cast<size_t>(prefix++) * kSegmentRows + row] =
          squares > 0 ? static_cast<float>(1 / std::sqrt(static_cast<double>(squares))) : 0;
  }
}

void VectorIndex::load(size_t slot, int8_t* values) const {
  const int row = static_cast<int>(slot % kSegmentRows);
  const uint8_t* panel =
      segments_[slot / kSegmentRows]->data + static_cast<size_t>(row / kLanes) * kLanes * dimensions_;
  for (int column = 0; column < dimensions_; column += 4) {
    const uint8_t* four = panel + place_of(row % kLanes, column);
    for (int i = 0; i < 4; i++) values[column + i] = static_cast<int8_t>(four[i] - 128);
  }
}

}  // namespace matcoder
