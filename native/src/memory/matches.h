#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "memory_view.h"

namespace matcoder {

// A token that followed a match, and its share of all tokens that did.
struct Continuation {
  int32_t token = 0;
  float share = 0;
};

// The tokens that followed earlier occurrences of the end of a text.
struct Component {
  int length = 0;                           // of the match, in tokens; 0: there is none
  int count = 0;                            // occurrences
  std::vector<Continuation> continuations;  // the most frequent first; of equally frequent ones, the smallest token
};

// Where matches are looked for, and of which length: the longest, and the longest that occurs kSupported times or more.
enum ComponentKind { kMemoryLongest, kMemorySupported, kWindowLongest, kWindowSupported, kComponents };
constexpr int kSupported = 8;

using Components = std::array<Component, kComponents>;

// Looks up the end of a growing text in the memory and in the text itself, its window. For one request, on one thread.
class Matcher {
 public:
  explicit Matcher(MemoryView view) : view_(std::move(view)) {}

  // text: without special tokens, because no match would cross one
  const Components& look_up(const std::vector<int32_t>& text);

  // The component with the longest match; its length is 0 if there is none.
  const Component& longest() const;

 private:
  void look_up_memory(const std::vector<int32_t>& text);
  void look_up_window(const std::vector<int32_t>& text);
  void gather_from_memory(int length, uint32_t occurrences);
  void gather_from_window(const std::vector<int32_t>& text, int length, uint32_t occurrences);
  void fill(Component& component, int length, uint32_t occurrences, uint32_t seen);

  MemoryView view_;
  Components found_;
  // Scratch
  std::vector<std::array<Interval, kLongestMatch>> intervals_;  // [segments]
  std::vector<int> lengths_;                                    // [segments] or [text]
  std::vector<int32_t> next_tokens_;                            // after the occurrences that were looked at
};

}  // namespace matcoder
