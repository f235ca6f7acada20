#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "token_text.h"

namespace matcoder {

// Tokens of a match that are looked at.
constexpr int kLongestMatch = 32;

// Positions in the index from `begin` on, before `end`.
struct Interval {
  uint32_t begin = 0, end = 0;
  uint32_t size() const { return end - begin; }
};

// Some documents as one text, and an index of it: the positions of all tokens, sorted by the tokens before them, the
// nearest first. The positions that follow a context are therefore one interval (a suffix array of the reversed text,
// compared to kLongestMatch tokens). It takes six bytes a token, or eight if the vocabulary is large. Nothing changes
// after construction, except that documents die.
class Segment {
 public:
  struct Document {
    int32_t id;
    uint64_t version;     // of all documents that were ever added, no two have the same
    uint32_t begin, end;  // its tokens; a separator follows
    // Shared with the segments that were merged from this one, so that a document that dies is dead in all of them:
    // requests that began before a merge still look at its sources.
    std::shared_ptr<std::atomic<bool>> is_alive;
    uint32_t size() const { return end + 1 - begin; }
  };

  // One document. The tokens fit in the width.
  Segment(int32_t id, uint64_t version, const std::vector<int32_t>& tokens, bool is_wide);

  // The live documents of one or two segments of the same width; `second` may be null.
  Segment(const Segment& first, const Segment* second);

  const std::vector<Document>& documents() const { return documents_; }
  bool is_alive(size_t document) const { return documents_[document].is_alive->load(std::memory_order_relaxed); }
  void kill(size_t document) { documents_[document].is_alive->store(false, std::memory_order_relaxed); }

  // The document that a position belongs to.
  size_t document_at(uint32_t position) const;

  int32_t token(uint32_t position) const { return tokens_[position]; }
  uint32_t position(uint32_t rank) const { return order_[rank]; }

  // The interval of the positions that follow the last n tokens of a context, for n from 1 up to the returned length;
  // no position follows more. context: [length]; intervals: [kLongestMatch]
  int find(const int32_t* context, int length, Interval* intervals) const;

  size_t tokens() const { return tokens_.size() - kLongestMatch; }  // separators included
  size_t bytes() const;

 private:
  // Appends the live documents of `other` and returns how far each of its documents moves.
  std::vector<int64_t> take(const Segment& other);

  TokenText tokens_;  // kLongestMatch separators first, so that every position has enough tokens before it
  std::vector<uint32_t> order_;
  std::vector<Document> documents_;
};

}  // namespace matcoder
