#include "segment.h"

#include <algorithm>
#include <cstring>

namespace matcoder {
namespace {

// An allocation of its own: counts of references, the flag, and what the allocator adds.
constexpr size_t kBytesOfFlag = 32;

static_assert(kLongestMatch % 4 == 0, "contexts are compared four tokens at a time");

// Four tokens before a position as a number in which the nearest token counts most: little-endian, as all platforms of
// the engine are.
uint64_t four_before(const uint16_t* position) {
  uint64_t four;
  std::memcpy(&four, position - 4, sizeof four);
  return four;
}

// Whether the context before `a` sorts before that of `b`. Contexts go on beyond the separator in front of their
// document, which no look-up notices, because a context that is looked up has none.
bool precedes(const uint16_t* a, const uint16_t* b) {
  for (int n = 0; n < kLongestMatch; n += 4) {
    const uint64_t x = four_before(a - n), y = four_before(b - n);
    if (x != y) return x < y;
  }
  return false;
}

}  // namespace

Segment::Segment(int32_t id, uint64_t version, const std::vector<uint16_t>& tokens)
    : tokens_(kLongestMatch, kSeparator) {
  tokens_.reserve(kLongestMatch + tokens.size() + 1);
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  const auto end = static_cast<uint32_t>(tokens_.size());
  tokens_.push_back(kSeparator);
  documents_.push_back({id, version, kLongestMatch, end, std::make_shared<std::atomic<bool>>(true)});
  if (tokens.empty()) return;
  order_.reserve(tokens.size() - 1);
  for (uint32_t position = kLongestMatch + 1; position < end; position++) order_.push_back(position);
  const uint16_t* text = tokens_.data();
  std::sort(order_.begin(), order_.end(), [text](uint32_t a, uint32_t b) {
    return precedes(text + a, text + b) || (a < b && !precedes(text + b, text + a));
  });
}

std::vector<int64_t> Segment::take(const Segment& other) {
  std::vector<int64_t> moves;
  for (size_t d = 0; d < other.documents_.size(); d++) {
    const Document& document = other.documents_[d];
    const auto begin = static_cast<uint32_t>(tokens_.size());
    moves.push_back(static_cast<int64_t>(begin) - document.begin);
    if (!other.is_alive(d)) {
      moves.back() = -static_cast<int64_t>(other.tokens_.size());  // before the first position: dropped
      continue;
    }
    const auto from = other.tokens_.begin() + document.begin;
    tokens_.insert(tokens_.end(), from, other.tokens_.begin() + document.end + 1);
    documents_.push_back(
        {document.id, document.version, begin, begin + document.end - document.begin, document.is_alive});
  }
  return moves;
}

Segment::Segment(const Segment& first, const Segment* second) : tokens_(kLongestMatch, kSeparator) {
  tokens_.reserve(kLongestMatch + first.tokens() + (second != nullptr ? second->tokens() : 0));
  const std::vector<int64_t> first_moves = take(first);
  const std::vector<int64_t> second_moves = second != nullptr ? take(*second) : std::vector<int64_t>();
  tokens_.shrink_to_fit();
  order_.reserve(tokens_.size());
  // The next live position of a segment, in this one's text; 0 after the last.
  const auto advance = [](const Segment& from, const std::vector<int64_t>& moves, uint32_t& rank) -> uint32_t {
    while (rank < from.order_.size()) {
      const uint32_t position = from.order_[rank++];
      const int64_t moved = position + moves[from.document_at(position)];
      if (moved >= 0) return static_cast<uint32_t>(moved);
    }
    return 0;
  };
  uint32_t i = 0, j = 0;
  uint32_t a = advance(first, first_moves, i), b = second != nullptr ? advance(*second, second_moves, j) : 0;
  while (a != 0 || b != 0) {
    const bool takes_first = b == 0 || (a != 0 && !precedes(tokens_.data() + b, tokens_.data() + a));
    order_.push_back(takes_first ? a : b);
    if (takes_first)
      a = advance(first, first_moves, i);
    else
      b = advance(*second, second_moves, j);
  }
  order_.shrink_to_fit();
}

size_t Segment::document_at(uint32_t position) const {
  if (documents_.size() == 1) return 0;
  const auto after = std::upper_bound(documents_.begin(), documents_.end(), position,
                                      [](uint32_t at, const Document& document) { return at < document.begin; });
  return static_cast<size_t>(after - documents_.begin()) - 1;
}

int Segment::find(const uint16_t* context, int length, Interval* intervals) const {
  const uint16_t* text = tokens_.data();
  Interval within{0, static_cast<uint32_t>(order_.size())};
  const int most = std::min(length, kLongestMatch);
  for (int n = 0; n < most; n++) {
    const uint16_t token = context[length - 1 - n];
    const auto first = order_.begin() + within.begin, last = order_.begin() + within.end;
    const auto token_of = [text, n](uint32_t position) { return text[position - 1 - static_cast<uint32_t>(n)]; };
    const auto begin = std::partition_point(first, last, [&](uint32_t p) { return token_of(p) < token; });
    const auto end = std::partition_point(begin, last, [&](uint32_t p) { return token_of(p) == token; });
    if (begin == end) return n;
    within = {static_cast<uint32_t>(begin - order_.begin()), static_cast<uint32_t>(end - order_.begin())};
    intervals[n] = within;
  }
  return most;
}

size_t Segment::bytes() const {
  return tokens_.capacity() * sizeof tokens_[0] + order_.capacity() * sizeof order_[0] +
         documents_.capacity() * (sizeof documents_[0] + kBytesOfFlag);
}

}  // namespace matcoder
