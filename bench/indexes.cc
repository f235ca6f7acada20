// Three indexes that find the longest earlier match of a text (to 32 tokens) and what followed it, side by side:
// `indexes FILE VOCABULARY`, where FILE holds documents as int32: a length, then as many token ids. Every fifth document
// is asked and not known. Prints a table; bench/indexes.mts makes the file.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "../native/src/memory/matches.h"
#include "../native/src/memory/memory.h"

namespace {

using Clock = std::chrono::steady_clock;
using Text = std::vector<int32_t>;
using matcoder::kLongestMatch;

constexpr int kMostOccurrences = 256;
constexpr int32_t kEnd = -1;  // between documents

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// What ships: suffix arrays of the reversed text in segments that are merged.
class Segments {
 public:
  explicit Segments(int vocabulary)
      : memory_(std::vector<uint8_t>(static_cast<size_t>(vocabulary)),
                matcoder::Gate(std::vector<float>(matcoder::kGateInputs + 1),
                               std::vector<float>(2 * (1 + matcoder::kComponents)))) {}
  void add(int32_t id, const Text& document) { memory_.add(id, memory_.announce(id), document); }
  void finish() { memory_.settle(); }
  size_t bytes() const { return memory_.stats().bytes; }
  int longest(const Text& text) const {
    // The window is no part of the comparison: only the end of the text is given.
    const auto first = text.end() - std::min<std::ptrdiff_t>(kLongestMatch, static_cast<std::ptrdiff_t>(text.size()));
    matcoder::Matcher matcher(memory_.view({}));
    return matcher.look_up({first, text.end()})[matcoder::kMemoryLongest].length;
  }

 private:
  matcoder::Memory memory_;
};

// Chains of the places after equal hashes of the last 8, 4, 2 and 1 tokens, the latest first, as in LZ77.
class HashedGrams {
 public:
  explicit HashedGrams(int) : heads_(4, std::vector<uint32_t>(kHeads)) {}
  void add(int32_t, const Text& document) {
    text_.push_back(kEnd);
    for (size_t i = 0; i < document.size(); i++) {
      for (int level = 0; level < 4; level++) {
        uint32_t& head = heads_[level][hash(text_.data() + text_.size(), kSizes[level])];
        const bool fits = i >= static_cast<size_t>(kSizes[level]);
        before_[level].resize(text_.size() + 1);
        before_[level].back() = fits ? head : 0;
        if (fits) head = static_cast<uint32_t>(text_.size());
      }
      text_.push_back(document[i]);
    }
  }
  void finish() {}
  size_t bytes() const { return text_.size() * 2 + 4 * (4 * text_.size() + 4 * kHeads); }  // tokens in 16 bits
  int longest(const Text& text) const {
    int best = 0, found = 0;
    for (int level = 0; level < 4 && best == 0; level++) {
      if (text.size() < static_cast<size_t>(kSizes[level])) continue;
      uint32_t place = heads_[level][hash(text.data() + text.size(), kSizes[level])];
      for (int walked = 0; place != 0 && walked < kMostWalked; walked++, place = before_[level][place]) {
        int length = 0;
        while (length < kLongestMatch && length < static_cast<int>(text.size()) &&
               text_[place - 1 - length] == text[text.size() - 1 - length])
          length++;
        if (length > best) best = length, found = 0;
        if (length == best && length > 0 && found < kMostOccurrences) found++;
      }
    }
    return best;
  }

 private:
  static constexpr int kSizes[] = {8, 4, 2, 1};
  static constexpr size_t kHeads = 1 << 20;
  static constexpr int kMostWalked = 1024;
  static size_t hash(const int32_t* end, int size) {
    uint64_t h = 0;
    for (int i = 1; i <= size; i++) h = (h ^ static_cast<uint32_t>(end[-i])) * 0x9e3779b97f4a7c15u;
    return h >> 44;
  }
  Text text_ = {kEnd, kEnd, kEnd, kEnd, kEnd, kEnd, kEnd, kEnd};
  std::vector<std::vector<uint32_t>> heads_;
  std::vector<uint32_t> before_[4];
};

// A suffix automaton of all documents (Blumer et al. 1985). Documents cannot be removed.
class Automaton {
 public:
  explicit Automaton(int) : states_(1), table_(1 << 16) {}
  void add(int32_t, const Text& document) {
    uint32_t last = 0;
    for (const int32_t token : document) last = append(last, token);
  }
  void finish() {}
  size_t bytes() const { return states_.capacity() * sizeof(State) + table_.size() * sizeof(Entry); }
  int longest(const Text& text) const {
    uint32_t state = 0;
    int length = 0;
    for (size_t i = text.size() - std::min<size_t>(kLongestMatch, text.size()); i < text.size(); i++) {
      uint32_t next = 0;
      while (!find(state, text[i], next) && state != 0) {
        state = states_[state].link;
        length = static_cast<int>(states_[state].length);
      }
      if (find(state, text[i], next)) state = next, length++;
    }
    return length;
  }

 private:
  struct State {
    uint32_t length = 0, link = UINT32_MAX;
  };
  struct Entry {
    uint64_t key = UINT64_MAX;
    uint32_t to = 0;
  };
  static uint64_t key_of(uint32_t state, int32_t token) {
    return static_cast<uint64_t>(state) << 16 | static_cast<uint16_t>(token);
  }
  size_t slot(uint64_t key) const {
    size_t at = key * 0x9e3779b97f4a7c15u >> 20 & (table_.size() - 1);
    while (table_[at].key != UINT64_MAX && table_[at].key != key) at = (at + 1) & (table_.size() - 1);
    return at;
  }
  bool find(uint32_t state, int32_t token, uint32_t& to) const {
    const Entry& entry = table_[slot(key_of(state, token))];
    if (entry.key == UINT64_MAX) return false;
    to = entry.to;
    return true;
  }
  void set(uint32_t state, int32_t token, uint32_t to) {
    Entry& entry = table_[slot(key_of(state, token))];
    if (entry.key == UINT64_MAX) {
      used_++;
      tokens_of_.resize(states_.size());
      tokens_of_[state].push_back(static_cast<uint16_t>(token));
    }
    entry = {key_of(state, token), to};
    if (2 * used_ <= table_.size()) return;
    std::vector<Entry> old(4 * table_.size());
    old.swap(table_);
    for (const Entry& one : old)
      if (one.key != UINT64_MAX) table_[slot(one.key)] = one;
  }
  uint32_t split(uint32_t state, int32_t token, uint32_t target) {
    const auto clone = static_cast<uint32_t>(states_.size());
    states_.push_back({states_[state].length + 1, states_[target].link});
    tokens_of_.resize(states_.size());
    for (const uint16_t other : std::vector<uint16_t>(tokens_of_[target])) {
      uint32_t to = 0;
      find(target, other, to);
      set(clone, other, to);
    }
    states_[target].link = clone;
    for (uint32_t s = state, to; s != UINT32_MAX && find(s, token, to) && to == target; s = states_[s].link)
      set(s, token, clone);
    return clone;
  }
  uint32_t append(uint32_t last, int32_t token) {
    uint32_t to = 0;
    if (find(last, token, to)) return states_[to].length == states_[last].length + 1 ? to : split(last, token, to);
    const auto fresh = static_cast<uint32_t>(states_.size());
    states_.push_back({states_[last].length + 1, 0});
    uint32_t state = last;
    for (; state != UINT32_MAX && !find(state, token, to); state = states_[state].link) set(state, token, fresh);
    if (state == UINT32_MAX) return fresh;
    const uint32_t link = states_[to].length == states_[state].length + 1 ? to : split(state, token, to);
    states_[fresh].link = link;
    return fresh;
  }
  std::vector<State> states_;
  std::vector<Entry> table_;
  std::vector<std::vector<uint16_t>> tokens_of_;  // needed to build it; not counted
  size_t used_ = 0;
};

template <typename Index>
void measure(const char* name, const std::vector<Text>& documents, int vocabulary, std::vector<int>& truth) {
  Index index(vocabulary);
  size_t tokens = 0;
  const auto start = Clock::now();
  for (size_t d = 0; d < documents.size(); d++) {
    if (d % 5 == 0) continue;
    index.add(static_cast<int32_t>(d), documents[d]);
    tokens += documents[d].size();
  }
  index.finish();
  const double build = seconds_since(start);
  size_t asked = 0, right = 0;
  double sum = 0;
  for (size_t d = 0; d < documents.size(); d += 5) {
    Text text;
    for (size_t i = 0; i + 1 < documents[d].size() && i < 400; i++) {
      text.push_back(documents[d][i]);
      const auto before = Clock::now();
      const int length = index.longest(text);
      sum += seconds_since(before);
      if (truth.size() == asked) truth.push_back(length);
      right += truth[asked++] == length;
    }
  }
  std::printf("| %s | %.1f | %.2f | %.1f | %.1f%% |\n", name, static_cast<double>(index.bytes()) / tokens,
              tokens / build / 1e6, sum / asked * 1e6, 100.0 * right / asked);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return std::fprintf(stderr, "indexes FILE VOCABULARY\n"), 1;
  std::ifstream file(arguments[1], std::ios::binary);
  std::vector<Text> documents;
  for (int32_t length; file.read(reinterpret_cast<char*>(&length), 4);) {
    documents.emplace_back(static_cast<size_t>(length));
    file.read(reinterpret_cast<char*>(documents.back().data()), 4 * static_cast<std::streamsize>(length));
  }
  const int vocabulary = std::atoi(arguments[2]);
  std::printf("| index | bytes a token | million tokens a second | us a look-up | longest match found |\n");
  std::printf("| --- | ---: | ---: | ---: | ---: |\n");
  std::vector<int> truth;  // by the first, which finds every match
  measure<Segments>("suffix arrays in segments (ships)", documents, vocabulary, truth);
  measure<HashedGrams>("hashed n-grams with chains", documents, vocabulary, truth);
  measure<Automaton>("suffix automaton", documents, vocabulary, truth);
}
