#include "matches.h"

#include <algorithm>

namespace matcoder {
namespace {

// Occurrences of a match that are looked at. Of more, this many are taken at equal distances.
constexpr uint32_t kMostOccurrences = 256;

}  // namespace

const Components& Matcher::look_up(const std::vector<int32_t>& text) {
  for (Component& component : found_) component.length = 0;
  look_up_memory(text);
  look_up_window(text);
  return found_;
}

const Component& Matcher::longest() const {
  const Component &memory = found_[kMemoryLongest], &window = found_[kWindowLongest];
  return memory.length > window.length ? memory : window;
}

void Matcher::look_up_memory(const std::vector<int32_t>& text) {
  const int length = static_cast<int>(std::min<size_t>(text.size(), kLongestMatch));
  const int32_t* context = text.data() + text.size() - length;
  intervals_.resize(view_.segments.size());
  lengths_.resize(view_.segments.size());
  int longest = 0;
  for (size_t s = 0; s < view_.segments.size(); s++) {
    lengths_[s] = view_.segments[s]->find(context, length, intervals_[s].data());
    longest = std::max(longest, lengths_[s]);
  }
  Component &first = found_[kMemoryLongest], &supported = found_[kMemorySupported];
  uint32_t before = 0;  // occurrences of the match that is one token longer
  for (int n = longest; n > 0 && supported.length == 0; n--) {
    uint32_t occurrences = 0;
    for (size_t s = 0; s < lengths_.size(); s++)
      if (lengths_[s] >= n) occurrences += intervals_[s][n - 1].size();
    const bool is_same = occurrences == before;
    before = occurrences;
    if (is_same || (first.length > 0 && occurrences < kSupported)) continue;
    gather_from_memory(n, occurrences);
    const auto alive = static_cast<uint32_t>(next_tokens_.size());
    if (alive == 0) continue;
    const uint32_t seen = std::min(occurrences, kMostOccurrences);
    if (first.length == 0) fill(first, n, occurrences, seen);
    if (alive >= kSupported) fill(supported, n, occurrences, seen);
  }
}

// The tokens after at most kMostOccurrences of a match, without dead and hidden ones.
void Matcher::gather_from_memory(int length, uint32_t occurrences) {
  const uint32_t seen = std::min(occurrences, kMostOccurrences);
  next_tokens_.clear();
  size_t s = 0;
  uint32_t skipped = 0;  // occurrences in the segments before this one
  for (uint32_t k = 0; k < seen; k++) {
    const auto wanted = static_cast<uint32_t>(static_cast<uint64_t>(k) * occurrences / seen);
    while (lengths_[s] < length || wanted - skipped >= intervals_[s][length - 1].size()) {
      if (lengths_[s] >= length) skipped += intervals_[s][length - 1].size();
      s++;
    }
    const Segment& segment = *view_.segments[s];
    const uint32_t position = segment.position(intervals_[s][length - 1].begin + wanted - skipped);
    const bool is_alive = segment.is_alive(segment.document_at(position));
    if (is_alive && !view_.is_hidden(segment, position)) next_tokens_.push_back(segment.token(position));
  }
}

void Matcher::look_up_window(const std::vector<int32_t>& text) {
  const int size = static_cast<int>(text.size());
  std::array<uint32_t, kLongestMatch + 1> counts{};
  lengths_.resize(text.size());
  int longest = 0, length = 0;
  for (int next = 1; next < size; next++) {
    length = 0;
    while (length < kLongestMatch && length < next && text[next - 1 - length] == text[size - 1 - length]) length++;
    lengths_[next] = length;
    counts[length]++;
    longest = std::max(longest, length);
  }
  uint32_t occurrences = 0;
  for (length = longest; length > 0 && found_[kWindowSupported].length == 0; length--) {
    occurrences += counts[length];
    for (const ComponentKind kind : {kWindowLongest, kWindowSupported}) {
      if (found_[kind].length > 0 || occurrences < (kind == kWindowLongest ? 1 : kSupported)) continue;
      gather_from_window(text, length, occurrences);
      fill(found_[kind], length, occurrences, std::min(occurrences, kMostOccurrences));
    }
  }
}

void Matcher::gather_from_window(const std::vector<int32_t>& text, int length, uint32_t occurrences) {
  const uint64_t seen = std::min(occurrences, kMostOccurrences);
  next_tokens_.clear();
  uint64_t rank = 0;
  for (size_t next = 1; next_tokens_.size() < seen; next++) {
    if (lengths_[next] < length) continue;
    if (rank++ == next_tokens_.size() * occurrences / seen) next_tokens_.push_back(text[next]);
  }
}

// A component from the tokens that followed `next_tokens_.size()` of the `seen` occurrences.
void Matcher::fill(Component& component, int length, uint32_t occurrences, uint32_t seen) {
  const auto total = static_cast<uint32_t>(next_tokens_.size());
  component.length = length;
  component.count = static_cast<int>(static_cast<uint64_t>(occurrences) * total / seen);
  component.continuations.clear();
  std::sort(next_tokens_.begin(), next_tokens_.end());
  for (uint32_t i = 0, end; i < total; i = end) {
    end = i + 1;
    while (end < total && next_tokens_[end] == next_tokens_[i]) end++;
    component.continuations.push_back({next_tokens_[i], static_cast<float>(end - i) / static_cast<float>(total)});
  }
  std::stable_sort(component.continuations.begin(), component.continuations.end(),
                   [](const Continuation& a, const Continuation& b) { return a.share > b.share; });
}

}  // namespace matcoder
