#include "draft_head.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace matcoder {
namespace {

// A row has four bytes in each run of this many; see Matrix.
constexpr size_t kRun = 4 * kLanes;

constexpr size_t kAlignment = 64;

size_t panel_bytes(const Matrix& m) {
  return m.form == Form::kRows ? static_cast<size_t>(m.k) * kLanes : m.k / kGroup * group_bytes(m.form);
}

}  // namespace

DraftHead::DraftHead(const Matrix& head, int rows)
    : head_(head), matrix_(head), tokens_(rows), row_of_(head.rows, -1), was_used_(rows), hand_(rows - 1) {
  const size_t panels = rows / kLanes, scales = panels * kLanes * (head.k / kGroup);
  data_.resize(panels * panel_bytes(head) + kAlignment);
  const auto address = reinterpret_cast<uintptr_t>(data_.data());
  matrix_.data = data_.data() + (kAlignment - address % kAlignment) % kAlignment;
  std::copy_n(head.data, panels * panel_bytes(head), matrix_.data);
  if (head.form == Form::kRows) scales_.assign(head.scales, head.scales + rows);
  if (head.group_scales) group_scales_.assign(head.group_scales, head.group_scales + scales);
  if (head.group_minimums) group_minimums_.assign(head.group_minimums, head.group_minimums + scales);
  matrix_.rows = rows;
  matrix_.scales = scales_.data();
  matrix_.group_scales = group_scales_.data();
  matrix_.group_minimums = group_minimums_.data();
  std::iota(tokens_.begin(), tokens_.end(), 0);
  std::iota(row_of_.begin(), row_of_.begin() + rows, 0);
}

void DraftHead::use(int32_t token) {
  int32_t row = row_of_[token];
  if (row < 0) {
    while (was_used_[hand_]) {
      was_used_[hand_] = false;
      hand_ = hand_ == 0 ? matrix_.rows - 1 : hand_ - 1;
    }
    row = hand_;
    hand_ = hand_ == 0 ? matrix_.rows - 1 : hand_ - 1;
    row_of_[tokens_[row]] = -1;
    row_of_[token] = row;
    tokens_[row] = token;
    copy_row(token, row);
  }
  was_used_[row] = true;
}

void DraftHead::copy_row(int from, int to) {
  const size_t bytes = panel_bytes(head_);
  const uint8_t* source = head_.data + from / kLanes * bytes + from % kLanes * 4;
  uint8_t* target = matrix_.data + to / kLanes * bytes + to % kLanes * 4;
  for (size_t run = 0; run < bytes; run += kRun) std::memcpy(target + run, source + run, 4);
  if (!scales_.empty()) scales_[to] = head_.scales[from];
  const size_t groups = head_.k / kGroup;
  for (size_t g = 0; g < groups && head_.group_scales; g++) {
    const size_t source_place = (from / kLanes * groups + g) * kLanes + from % kLanes;
    const size_t target_place = (to / kLanes * groups + g) * kLanes + to % kLanes;
    group_scales_[target_place] = head_.group_scales[source_place];
    if (head_.group_minimums) group_minimums_[target_place] = head_.group_minimums[source_place];
  }
}

}  // namespace matcoder
