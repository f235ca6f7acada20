#pragma once

#include <cstdint>
#include <vector>

#include "kernels.h"

namespace matcoder {

// The head for drafts: of a large vocabulary only some rows, because a draft may be wrong and the target, which has all
// rows, verifies it. With 152,000 tokens the whole head is half of what a narrow submodel reads for a token.
//
// The rows are those of the tokens that were used last. At first they are the lowest ids: byte pair encoding numbers
// its tokens in the order in which they were learned, the most frequent first.
class DraftHead {
 public:
  // head: of the model, lives longer than this; rows: a multiple of 16, fewer than the head has
  DraftHead(const Matrix& head, int rows);
  DraftHead(const DraftHead&) = delete;
  DraftHead& operator=(const DraftHead&) = delete;

  // A token of the text: from now on it can be drafted.
  void use(int32_t token);

  // [rows, k] in the form of the whole head
  const Matrix& matrix() const { return matrix_; }
  int32_t token(int row) const { return tokens_[row]; }

 private:
  void copy_row(int from, int to);

  const Matrix& head_;
  Matrix matrix_;
  std::vector<uint8_t> data_;  // what the matrix points into
  std::vector<float> scales_;
  std::vector<uint16_t> group_scales_, group_minimums_;
  std::vector<int32_t> tokens_;  // [rows]
  std::vector<int32_t> row_of_;  // [rows of the whole head] -1: none
  // The clock algorithm (Corbató 1968): the hand takes a row's place unless it was used since the hand came by.
  std::vector<bool> was_used_;
  int hand_;
};

}  // namespace matcoder
