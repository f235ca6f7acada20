#include "segment.h"

#include <algorithm>
#include <cstring>

namespace matcoder {
namespace {

// An allocation of its own: counts of references, the flag, and what the allocator adds.
constexpr size_t kBytesOfFlag = 32;

// Tokens that are compared at a time.
template <typename Token>
constexpr int kTogether = sizeof(uint64_t) / sizeof(Token);
static_assert(kLongestMatch % kTogether<uint16_t> == 0, "contexts are compared four or two tokens at a time");

// The tokens before a position as a number in which the nearest counts most: little-endian, as all platforms of the
// engine are.
template <typename Token>
uint64_t before(const Token* position) {
  uint64_t tokens;
  std::memcpy(&tokens, position - kTogether<Token>, sizeof tokens);
  return tokens;
}

// Whether the context before `a` sorts before that of `b`. Contexts go on beyond the separator in front of their
// document, which no look-up notices, because a context that is looked up has none.
template <typename Token>
bool precedes(const Token* a, const Token* b) {
  for (int n = 0; n < kLongestMatch; n += kTogether<Token>) {
    const uint64_t x = before(a - n), y = before(b - n);
    if (x != y) return x < y;
  }
  return false;
}

}  // namespace

Segment::Segment(int32_t id, uint64_t version, const std::vector<int32_t>& tokens, bool is_wide)
    : tokens_(is_wide, kLongestMatch) {
  tokens_.reserve(kLongestMatch + tokens.size() + 1);
  tokens_.append(tokens);
  const auto end = static_cast<uint32_t>(tokens_.size());
  tokens_.push_separator();
  documents_.push_back({id, version, kLongestMatch, end, std::make_shared<std::atomic<bool>>(true)});
  if (tokens.empty()) return;
  order_.reserve(tokens.size() - 1);
  for (uint32_t position = kLongestMatch + 1; position < end; position++) order_.push_back(position);
  tokens_.with_array([this](const auto* text) {
    std::sort(order_.begin(), order_.end(), [text](uint32_t a, uint32_t b) {
      return precedes(text + a, text + b) || (a < b && !precedes(text + b, text + a));
    });
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
    tokens_.append(other.tokens_, document.begin, document.end + 1);
    documents_.push_back(
        {document.id, document.version, begin, begin + document.end - document.begin, document.is_alive});
  }
  return moves;
}

Segment::Segment(const Segment& first, const Segment* second) : tokens_(first.tokens_.is_wide(), kLongestMatch) {
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
  tokens_.with_array([&](const auto* text) {
    while (a != 0 || b != 0) {
      const bool takes_first = b == 0 || (a != 0 && !precedes(text + b, text + a));
      order_.push_back(takes_first ? a : b);
      if (takes_first)
        a = advance(first, first_moves, i);
      else
        b = advance(*second, second_moves, j);
    }
  });
  order_.shrink_to_fit();
}

size_t Segment::document_at(uint32_t position) const {
  if (documents_.size() == 1) return 0;
  const auto after = std::upper_bound(documents_.begin(), documents_.end(), position,
                                      [](uint32_t at, const Document& document) { return at < document.begin; });
  return static_cast<size_t>(after - documents_.begin()) - 1;
}

int Segment::find(const int32_t* context, int length, Interval* intervals) const {
  return tokens_.with_array([&](const auto* text) {
    Interval within{0, static_cast<uint32_t>(order_.size())};
    const int most = std::min(length, kLongestMatch);
    for (int n = 0; n < most; n++) {
      const auto token = static_cast<uint32_t>(context[length - 1 - n]);
      const auto first = order_.begin() + within.begin, last = order_.begin() + within.end;
      const auto token_of = [text, n](uint32_t p) -> uint32_t { return text[p - 1 - static_cast<uint32_t>(n)]; };
      const auto begin = std::partition_point(first, last, [&](uint32_t p) { return token_of(p) < token; });
      const auto end = std::partition_point(begin, last, [&](uint32_t p) { return token_of(p) == token; });
      if (begin == end) return n;
      within = {static_cast<uint32_t>(begin - order_.begin()), static_cast<uint32_t>(end - order_.begin())};
      intervals[n] = within;
    }
    return most;
  });
}

size_t Segment::bytes() const {
  return tokens_.bytes() + order_.capacity() * sizeof order_[0] +
         documents_.capacity() * (sizeof documents_[0] + kBytesOfFlag);
}

}  // namespace matcoder
