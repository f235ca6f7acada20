#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "segment.h"

namespace matcoder {

// The document that a request completes: its lines first..last, from 0, are being typed, so nothing is found there.
struct MemoryPlace {
  int32_t document = -1;  // -1: none
  int32_t first_hidden = 0, last_hidden = -1;
};

// The memory as one request sees it: documents that are added later are not in it, and removed ones are no longer
// found.
struct MemoryView {
  std::vector<std::shared_ptr<const Segment>> segments;
  // Positions of the own document in which nothing is found.
  const Segment* own = nullptr;
  uint32_t hidden_begin = 0, hidden_end = 0;

  bool is_hidden(const Segment& segment, uint32_t position) const {
    return &segment == own && position >= hidden_begin && position < hidden_end;
  }
};

}  // namespace matcoder
