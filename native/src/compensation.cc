#include "compensation.h"

#include <algorithm>

#include "half.h"

namespace matcoder {
namespace {

// Dot products of 16 rows with a part of a vector, the 32 columns of a group or block; see Matrix for the layout.
// data: bytes of the group; x: [32]
void add_eight_bits(const uint8_t* data, const float* x, float* sums) {
  for (int c = 0; c < kGroup; c++)
    for (int r = 0; r < kLanes; r++)
      sums[r] += static_cast<float>(data[c / 4 * 4 * kLanes + r * 4 + c % 4] - 128) * x[c];
}

// zero: what is taken from each number of four bits
void add_four_bits(const uint8_t* data, const float* x, int zero, float* sums) {
  for (int c = 0; c < kGroup; c++)
    for (int r = 0; r < kLanes; r++) {
      const int both = data[c / 8 * 4 * kLanes + r * 4 + c % 4];
      sums[r] += static_cast<float>((c % 8 < 4 ? both & 15 : both >> 4) - zero) * x[c];
    }
}

// out[r] = w[r, first:] . x[first:] for the 16 rows of a panel. The columns are added up in float a group at a time and
// the groups in double, in their order: every processor gives the same bits.
void rest_of_product(const Matrix& w, int panel, int first, const float* x, float* out) {
  static_assert(kGroup == kWidthStep, "a block of `down` has the columns of a group");
  const size_t panels = w.rows / kLanes, groups = w.k / kGroup;
  double totals[kLanes] = {};
  for (size_t g = first / kGroup; g < groups; g++) {
    const size_t place = w.form == Form::kRows ? g * panels + panel : panel * groups + g;
    const float* part = x + g * kGroup;
    float sums[kLanes] = {};
    if (w.form == Form::kRows || w.form == Form::kGroups8)
      add_eight_bits(w.data + place * kGroup * kLanes, part, sums);
    else
      add_four_bits(w.data + place * group_bytes(w.form), part, w.form == Form::kGroups4 ? 8 : 0, sums);
    float part_sum = 0;
    for (int c = 0; w.group_minimums && c < kGroup; c++) part_sum += part[c];
    for (int r = 0; r < kLanes; r++) {
      double sum = sums[r];
      if (w.form != Form::kRows) sum *= float_of_half(w.group_scales[place * kLanes + r]);
      if (w.group_minimums) sum += static_cast<double>(float_of_half(w.group_minimums[place * kLanes + r])) * part_sum;
      totals[r] += sum;
    }
  }
  for (int r = 0; r < kLanes; r++)
    out[r] = static_cast<float>(w.form == Form::kRows ? totals[r] * w.scales[panel * kLanes + r] : totals[r]);
}

}  // namespace

bool Compensation::prepare(const std::vector<int>& widths, ThreadPool& pool, const std::atomic<bool>& aborted) {
  const Config& c = model_.config;
  if (!c.compensation) return true;
  for (int l = 0; l < c.layers; l++) {
    const int width = widths[l];
    if (width == 0 || width == c.ffn || bias(l, width)) continue;
    if (aborted) return false;
    const Layer& layer = model_.layers[l];
    std::vector<float> sum(layer.down.rows);
    const int panels = layer.down.rows / kLanes, chunks = std::min(panels, 4 * pool.threads());
    pool.run(chunks, [&](int i, int) {
      for (int panel = panels * i / chunks; panel < panels * (i + 1) / chunks; panel++)
        rest_of_product(layer.down, panel, width, layer.mean_active.data(), &sum[static_cast<size_t>(panel) * kLanes]);
    });
    biases_[l].emplace(width, std::move(sum));
  }
  return true;
}

}  // namespace matcoder
