#include "weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "half.h"
#include "thread_pool.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace matcoder {
namespace {

// 64-byte aligned memory that lives as long as the model.
template <typename T>
T* allocate(Model& model, size_t count) {
  const size_t bytes = count * sizeof(T);
  model.storage_.push_back(std::make_unique<char[]>(bytes + 64));
  model.weight_bytes_ += bytes;
  const auto address = reinterpret_cast<uintptr_t>(model.storage_.back().get());
  return reinterpret_cast<T*>((address + 63) & ~static_cast<uintptr_t>(63));
}

// The bits of two bytes of a row, the weights of four columns, a byte each.
uint32_t spread(const uint8_t* two) {
  uint32_t x = two[0] | static_cast<uint32_t>(two[1]) << 8;
  x = (x | x << 8) & 0x00ff00ff;
  return (x | x << 4) & 0x0f0f0f0f;
}

// More than one, so that a thread that the system does not schedule delays little.
constexpr int kRangesPerThread = 4;

// Runs body(i) for each i below n, in ranges on a few threads: packing is bound by the processor, not by the disk.
template <typename Body>
void in_parallel(int n, const Body& body) {
  ThreadPool pool(std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 4));
  const int ranges = kRangesPerThread * pool.threads();
  pool.run(ranges, [&](int range, int) {
    for (int i = n * range / ranges; i < n * (range + 1) / ranges; i++) body(i);
  });
}

}  // namespace

WeightReader::WeightReader(const std::string& path, const std::unordered_map<std::string, TensorEntry>& entries)
    : path_(path), entries_(entries), file_(path) {
  // The header was read before. Making a model elastic replaces the file by a larger one whose tensors lie elsewhere.
  uint64_t end = 0;
  for (const auto& [name, entry] : entries) end = std::max<uint64_t>(end, entry.end);
  if (file_.size() > end)
    throw std::runtime_error(path + ": it has " + std::to_string(file_.size()) + " bytes, but its tensors end after " +
                             std::to_string(end) + ". If it was replaced just now, open it again");
}

std::vector<float> WeightReader::floats(const std::string& name, const std::vector<int64_t>& shape) {
  std::vector<float> values;
  const TensorEntry& entry = find(name, shape);
  const std::vector<uint8_t> raw = read(name, entry);
  if (entry.dtype == "F32") {
    values.resize(raw.size() / 4);
    std::memcpy(values.data(), raw.data(), raw.size());
  } else if (entry.dtype == "F16") {
    values.resize(raw.size() / 2);
    for (size_t i = 0; i < values.size(); i++) {
      uint16_t half;
      std::memcpy(&half, raw.data() + 2 * i, 2);
      values[i] = float_of_half(half);
    }
  } else {
    fail(name, "is " + entry.dtype + ", but must be F32 or F16");
  }
  for (const float value : values)
    if (!std::isfinite(value)) fail_not_finite(name);
  return values;
}

Rows WeightReader::matrix(const std::string& name, int rows, int k) {
  if (entries_.count(name + "_packed") > 0) return packed_matrix(name, rows, k);
  Rows out{Form::kRows, rows, k, {}, {}, {}, {}};
  const std::vector<int64_t> shape = {rows, k};
  const TensorEntry& entry = find(name, shape);
  if (entry.dtype == "I8") {
    out.values = read(name, entry);
    for (uint8_t& value : out.values)
      if (value == 0x80) value = 0x81;  // the kernels rely on a symmetric range
    const auto scale = entries_.find(name + "_scale");
    if (scale != entries_.end() && k > kGroup && k % kGroup == 0 &&
        scale->second.shape == std::vector<int64_t>{rows, k / kGroup}) {
      out.form = Form::kGroups8;
      out.group_scales = halves(name + "_scale", rows, k);
    } else {
      out.scales = floats(name + "_scale", {rows, 1});
    }
    return out;
  }
  const std::vector<float> values = floats(name, shape);
  out.values.resize(values.size());
  out.scales.resize(rows);
  for (int r = 0; r < rows; r++) {
    const float* row = values.data() + static_cast<size_t>(r) * k;
    float largest = 0;
    for (int i = 0; i < k; i++) largest = std::fmax(largest, std::fabs(row[i]));
    out.scales[r] = largest / 127;
    const float inverse = largest >= kLeastQuantised ? 127 / largest : 0;
    for (int i = 0; i < k; i++)
      out.values[static_cast<size_t>(r) * k + i] =
          static_cast<uint8_t>(static_cast<int8_t>(std::lrint(row[i] * inverse)));  // -127..127
  }
  return out;
}

void WeightReader::fail_not_finite(const std::string& tensor) const {
  throw std::runtime_error(path_ + ": the checkpoint's weights appear corrupt: tensor " + tensor +
                           " holds a value that is not finite");
}

void WeightReader::fail(const std::string& tensor, const std::string& fault) const {
  throw std::runtime_error(path_ + ": tensor " + tensor + " " + fault);
}

Rows WeightReader::packed_matrix(const std::string& name, int rows, int k) {
  check_groups(name, k);
  Rows out{Form::kGroups4, rows, k, {}, {}, {}, {}};
  const TensorEntry& entry = find(name + "_packed", {rows, k / 2});
  if (entry.dtype != "U8") fail(name + "_packed", "is " + entry.dtype + ", but must be U8");
  out.values = read(name + "_packed", entry);
  out.group_scales = halves(name + "_scale", rows, k);
  if (entries_.count(name + "_min") > 0) {
    out.form = Form::kGroups4Min;
    out.group_minimums = halves(name + "_min", rows, k);
  }
  return out;
}

void WeightReader::check_groups(const std::string& name, int k) const {
  if (k % kGroup != 0) fail(name, "has " + std::to_string(k) + " columns, which is not a multiple of 32");
}

std::vector<uint16_t> WeightReader::halves(const std::string& name, int rows, int k) {
  const TensorEntry& entry = find(name, {rows, k / kGroup});
  if (entry.dtype != "F16") fail(name, "is " + entry.dtype + ", but must be F16");
  const std::vector<uint8_t> raw = read(name, entry);
  std::vector<uint16_t> values(raw.size() / 2);
  std::memcpy(values.data(), raw.data(), raw.size());
  for (const uint16_t value : values)
    if ((value & 0x7c00) == 0x7c00) fail_not_finite(name);
  return values;
}

const TensorEntry& WeightReader::find(const std::string& name, const std::vector<int64_t>& shape) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail(name, "is missing");
  const TensorEntry& entry = found->second;
  if (entry.shape != shape) {
    std::string expected, given;
    for (const int64_t n : shape) expected += (expected.empty() ? "" : ", ") + std::to_string(n);
    for (const int64_t n : entry.shape) given += (given.empty() ? "" : ", ") + std::to_string(n);
    fail(name, "has the shape [" + given + "], but config.json implies [" + expected + "]");
  }
  uint64_t bytes = entry.dtype == "I8" || entry.dtype == "U8" ? 1
                   : entry.dtype == "F16"                     ? 2
                   : entry.dtype == "F32"                     ? 4
                                                              : 0;
  if (bytes == 0) fail(name, "is " + entry.dtype + ", a type that this engine does not read");
  for (const int64_t n : shape) bytes *= static_cast<uint64_t>(n);
  if (entry.begin > entry.end || entry.end > file_.size())
    fail(name, "lies beyond the end of the file: the file is truncated");
  if (entry.end - entry.begin != bytes)
    fail(name,
         "has " + std::to_string(entry.end - entry.begin) + " bytes, but its shape needs " + std::to_string(bytes));
  return entry;
}

std::vector<uint8_t> WeightReader::read(const std::string& name, const TensorEntry& entry) {
  std::vector<uint8_t> raw(entry.end - entry.begin);
  if (!file_.read(entry.begin, reinterpret_cast<char*>(raw.data()), raw.size())) fail(name, "cannot be read");
  return raw;
}

void release_read_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

Matrix pack(Model& model, const std::vector<SourceRow>& source, int block_k) {
  const Rows& first = *source.front().part;
  Matrix m;
  m.form = first.form;
  m.rows = static_cast<int>(source.size());
  m.k = first.k;
  m.block_k = block_k;
  const size_t groups = first.k / kGroup, panels = m.rows / kLanes;
  const std::vector<uint8_t> zeros(first.row_bytes());
  if (m.form == Form::kRows) {
    m.data = allocate<uint8_t>(model, static_cast<size_t>(m.rows) * m.k);
    m.scales = allocate<float>(model, m.rows);
    for (int r = 0; r < m.rows; r++) m.scales[r] = source[r].part ? source[r].part->scales[source[r].row] : 0;
  } else {
    m.data = allocate<uint8_t>(model, panels * groups * group_bytes(m.form));
    m.group_scales = allocate<uint16_t>(model, m.rows * groups);
    if (m.form == Form::kGroups4Min) m.group_minimums = allocate<uint16_t>(model, m.rows * groups);
  }
  in_parallel(static_cast<int>(panels), [&](int panel) {
    const uint8_t* rows[kLanes];
    for (int r = 0; r < kLanes; r++) {
      const auto [part, row] = source[static_cast<size_t>(panel) * kLanes + r];
      rows[r] = part ? part->values.data() + row * part->row_bytes() : zeros.data();
      for (size_t g = 0; m.form != Form::kRows && g < groups; g++) {
        const size_t place = (panel * groups + g) * kLanes + r;
        m.group_scales[place] = part ? part->group_scales[row * groups + g] : 0;
        if (m.group_minimums) m.group_minimums[place] = part ? part->group_minimums[row * groups + g] : 0;
      }
    }
    // 16 rows x 4 columns of int8
    const auto pack_run = [&](int column, uint8_t* out) {
      for (int r = 0; r < kLanes; r++) {
        uint32_t four;
        std::memcpy(&four, rows[r] + column, 4);
        four ^= 0x80808080;
        std::memcpy(out + 4 * r, &four, 4);
      }
    };
    switch (m.form) {
      case Form::kRows:
        for (int block = 0; block < m.k; block += block_k) {
          uint8_t* out = m.data + (static_cast<size_t>(block / block_k) * panels + panel) * block_k * kLanes;
          for (int c = 0; c < block_k; c += 4) pack_run(block + c, out + static_cast<size_t>(c) * kLanes);
        }
        break;
      case Form::kGroups8:
        for (int c = 0; c < m.k; c += 4)
          pack_run(c, m.data + panel * groups * group_bytes(m.form) + static_cast<size_t>(c) * kLanes);
        break;
      case Form::kGroups4:
      case Form::kGroups4Min: {
        uint8_t* out = m.data + panel * groups * group_bytes(m.form);
        for (int c = 0; c < m.k; c += 8)
          for (int r = 0; r < kLanes; r++, out += 4) {
            const uint32_t eight = spread(rows[r] + c / 2) | spread(rows[r] + c / 2 + 2) << 4;
            std::memcpy(out, &eight, 4);
          }
      }
    }
  });
  return m;
}

std::vector<SourceRow> all_rows(const Rows& rows) {
  std::vector<SourceRow> source;
  for (int r = 0; r < rows.rows; r++) source.push_back({&rows, r});
  source.resize(round_up(rows.rows, kLanes), {nullptr, 0});
  return source;
}

}  // namespace matcoder
