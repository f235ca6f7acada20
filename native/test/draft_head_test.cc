// Some rows of a matrix give the bits that they give in the whole, in every form, whichever tokens were used.
#include "../src/draft_head.h"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "../src/cpu.h"
#include "check.h"

using namespace matcoder;

namespace {

std::mt19937 rng(4);

constexpr int kRows = 320, kColumns = 96, kGroups = kColumns / kGroup, kDrafted = 64;

// A matrix of random weights, in any order: the test compares rows with themselves.
struct Whole {
  std::vector<uint8_t> data;
  std::vector<float> scales;
  std::vector<uint16_t> group_scales, group_minimums;
  Matrix matrix;

  explicit Whole(Form form) : data(kRows * kColumns), scales(kRows), group_scales(kRows * kGroups) {
    for (uint8_t& byte : data) byte = static_cast<uint8_t>(1 + rng() % 255);
    for (float& scale : scales) scale = static_cast<float>(1 + rng() % 1000) / 1000;
    for (uint16_t& scale : group_scales) scale = static_cast<uint16_t>(0x2c00 + rng() % 0x400);
    group_minimums = group_scales;
    std::shuffle(group_minimums.begin(), group_minimums.end(), rng);
    matrix.rows = kRows;
    matrix.k = matrix.block_k = kColumns;
    matrix.form = form;
    matrix.data = data.data();
    if (form == Form::kRows) matrix.scales = scales.data();
    if (form != Form::kRows) matrix.group_scales = group_scales.data();
    if (form == Form::kGroups4Min) matrix.group_minimums = group_minimums.data();
  }
};

std::vector<float> product(const Kernels& kernels, const Matrix& m) {
  std::vector<int8_t> values(kColumns);
  std::vector<int32_t> sums(kGroups);
  std::vector<float> scales(kGroups, 0.5f);
  for (int i = 0; i < kColumns; i++) values[i] = static_cast<int8_t>(i * 37 % 255 - 127);
  for (int i = 0; i < kColumns; i++) sums[m.form == Form::kRows ? 0 : i / kGroup] += values[i];
  const Activations a{values.data(), scales.data(), sums.data(), kColumns,
                      m.form == Form::kRows ? size_t{1} : size_t{kGroups}};
  std::vector<float> out(m.rows);
  kernels.product(m, kColumns, 0, m.rows / kLanes, a, 1, 1, out.data(), m.rows);
  return out;
}

void has_the_rows_of_the_tokens_that_were_used() {
  for (const Form form : {Form::kRows, Form::kGroups8, Form::kGroups4, Form::kGroups4Min}) {
    const std::string name = "form " + std::to_string(static_cast<int>(form)) + ": ";
    const Whole whole(form);
    DraftHead head(whole.matrix, kDrafted);
    for (int i = 0; i < kDrafted; i++) check(head.token(i) == i, name + "the lowest ids come first");
    for (int step = 0; step < 40; step++) {
      std::set<int32_t> used;
      for (int i = 0; i < kDrafted / 3; i++) used.insert(static_cast<int32_t>(rng() % (step % 2 ? kRows : kRows / 4)));
      for (const int32_t token : used) head.use(token);
      std::set<int32_t> drafted;
      for (int i = 0; i < kDrafted; i++) drafted.insert(head.token(i));
      check(drafted.size() == kDrafted, name + "no token is there twice");
      check(std::includes(drafted.begin(), drafted.end(), used.begin(), used.end()), name + "what was used is there");
      for (const Kernels* kernels : supported_kernels()) {
        const auto all = product(*kernels, whole.matrix), some = product(*kernels, head.matrix());
        bool equal = true;
        for (int i = 0; i < kDrafted; i++) equal = equal && some[i] == all[head.token(i)];
        check(equal, name + kernels->name + ": rows have the bits of the whole");
      }
    }
  }
}

// What is used again and again stays, however many others come and go.
void keeps_what_is_used() {
  const Whole whole(Form::kRows);
  DraftHead head(whole.matrix, kDrafted);
  for (int i = 0; i < 2000; i++) {
    if (i % 10 == 0) head.use(300);
    head.use(static_cast<int32_t>(rng() % 290));
  }
  bool is_there = false;
  for (int i = 0; i < kDrafted; i++) is_there = is_there || head.token(i) == 300;
  check(is_there, "a frequent token stays");
}

}  // namespace

int main() {
  has_the_rows_of_the_tokens_that_were_used();
  keeps_what_is_used();
  return report();
}
