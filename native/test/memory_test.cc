// The memory under change: what is found is what trying every place finds, and threads do not disturb each other.
#include "../src/memory/memory.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../src/memory/matches.h"
#include "check.h"

using namespace matcoder;

namespace {

constexpr int kKinds = 50;

// A vocabulary whose tokens need 16 bits, or one whose tokens need more and differ in the higher bits alone.
bool is_wide = false;

int32_t token(int kind) { return is_wide ? kind * (1 << 19) + kind % 2 : kind; }

int32_t line_end() { return token(7); }

std::vector<uint8_t> line_feeds() {
  std::vector<uint8_t> all(is_wide ? token(kKinds - 1) + 1 : kKinds);
  all[line_end()] = 1;
  return all;
}

Gate gate() { return {std::vector<float>(kGateInputs + 1, 0.1f), std::vector<float>((1 + kComponents) * 2, 0.1f)}; }

std::vector<int32_t> random_text(std::mt19937& rng, size_t length, int kinds) {
  std::vector<int32_t> text(length);
  for (int32_t& each : text) each = token(static_cast<int>(rng() % static_cast<unsigned>(kinds)));
  return text;
}

using Documents = std::map<int32_t, std::vector<int32_t>>;

// What a place hides of a document: the tokens of its lines.
bool is_hidden(const MemoryPlace& place, int32_t id, const std::vector<int32_t>& text, size_t position) {
  int32_t line = 0;
  for (size_t i = 0; i < position; i++) line += text[i] == line_end();
  return id == place.document && line >= place.first_hidden && line <= place.last_hidden;
}

// The tokens after every occurrence of the last `length` tokens, by trying all places.
std::map<int32_t, int> continuations(const Documents& documents, const std::vector<int32_t>& text, size_t length,
                                     const MemoryPlace& place) {
  std::map<int32_t, int> counts;
  for (const auto& [id, document] : documents)
    for (size_t i = length; i < document.size(); i++)
      if (std::equal(text.end() - static_cast<std::ptrdiff_t>(length), text.end(),
                     document.begin() + static_cast<std::ptrdiff_t>(i - length)) &&
          !is_hidden(place, id, document, i))
        counts[document[i]]++;
  return counts;
}

void check_found(const Memory& memory, const Documents& documents, const std::vector<int32_t>& text,
                 const MemoryPlace& place, const std::string& when) {
  Matcher matcher(memory.view(place));
  const Components& found = matcher.look_up(text);
  for (const int supported : {1, kSupported}) {
    const Component& component = found[supported == 1 ? kMemoryLongest : kMemorySupported];
    size_t length = std::min<size_t>(text.size(), kLongestMatch);
    std::map<int32_t, int> expected;
    int total = 0;
    for (; length > 0; length--) {
      expected = continuations(documents, text, length, place);
      total = 0;
      for (const auto& [token, count] : expected) total += count;
      if (total >= supported) break;
    }
    if (length == 0) {
      check(component.length == 0, when + ": a match that is none");
      continue;
    }
    check(component.length == static_cast<int>(length), when + ": the length of the match");
    check(component.count == total, when + ": the occurrences");
    check(component.continuations.size() == expected.size(), when + ": the different continuations");
    float before = 2;
    for (const auto& [token, share] : component.continuations) {
      const float expected_share = static_cast<float>(expected[token]) / static_cast<float>(total);
      check(share == expected_share && share <= before, when + ": the share of a continuation");
      before = share;
    }
  }
}

void equals_trying_all_places() {
  std::mt19937 rng(11);
  for (const int kinds : {2, 5, 40}) {
    Memory memory(line_feeds(), gate());
    Documents documents;
    for (int step = 0; step < 60; step++) {
      const auto id = static_cast<int32_t>(rng() % 12);
      if (rng() % 4 == 0) {
        memory.remove(id);
        documents.erase(id);
      } else {
        documents[id] = random_text(rng, rng() % 40, kinds);
        memory.add(id, memory.announce(id), documents[id]);
      }
      if (step % 3 == 0) memory.settle();
      for (int look = 0; look < 4; look++) {
        auto text = random_text(rng, rng() % 50, kinds);
        if (look % 2 == 0 && !documents.empty()) {  // the beginning of a document, so that matches are long
          const auto& document = documents.begin()->second;
          text.assign(document.begin(), document.begin() + static_cast<std::ptrdiff_t>(document.size() / 2));
        }
        const auto line = static_cast<int32_t>(rng() % 3);
        const MemoryPlace place{look < 2 ? -1 : id, line, line + static_cast<int32_t>(rng() % 3) - 1};
        check_found(memory, documents, text, place, "after step " + std::to_string(step));
      }
    }
    size_t tokens = 0;
    for (const auto& [id, document] : documents) tokens += document.size() + 1;
    check(memory.stats().documents == documents.size(), "the number of documents");
    check(memory.stats().tokens == tokens, "the number of tokens");
    memory.settle();
    for (const auto& [id, document] : documents) memory.remove(id);
    check(memory.stats().tokens == 0 && memory.stats().bytes == 0, "an empty memory needs no bytes");
  }
}

// Long matches stand in many documents, more than are looked at.
void counts_more_occurrences_than_it_looks_at() {
  Memory memory(line_feeds(), gate());
  for (int32_t id = 0; id < 1000; id++) memory.add(id, memory.announce(id), {1, 2, 3, id % 10 == 0 ? 5 : 4});
  memory.settle();
  Matcher matcher(memory.view({}));
  const Component& found = matcher.look_up({1, 2, 3})[kMemoryLongest];
  check(found.length == 3 && found.count == 1000, "all occurrences are counted");
  check(found.continuations[0].token == 4 && found.continuations[0].share > 0.8f, "the sample has their shares");
}

void survives_changes_from_many_threads() {
  Memory memory(line_feeds(), gate());
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 3; seed++)
    threads.emplace_back([&memory, seed] {
      std::mt19937 rng(seed);
      for (int i = 0; i < 300; i++) {
        const auto id = static_cast<int32_t>(rng() % 20);
        if (rng() % 3 == 0)
          memory.remove(id);
        else
          memory.add(id, memory.announce(id), random_text(rng, 200, 4));
      }
    });
  threads.emplace_back([&] {
    std::mt19937 rng(99);
    while (!done) {
      Matcher matcher(memory.view({static_cast<int32_t>(rng() % 20), 0, 3}));
      auto text = random_text(rng, 20, 4);
      for (int i = 0; i < 20; i++) {
        const Components& found = matcher.look_up(text);
        text.push_back(found[kMemoryLongest].length > 0 ? found[kMemoryLongest].continuations[0].token : 1);
      }
      passing++;
    }
  });
  for (size_t i = 0; i < 3; i++) threads[i].join();
  done = true;
  threads[3].join();
  memory.settle();
  for (int32_t id = 0; id < 20; id++) memory.remove(id);
  check(memory.stats().documents == 0 && memory.stats().tokens == 0, "nothing is left when all was removed");
}

// An update while its own text is being merged is not lost, and the old text is gone.
void replaces_a_document_that_is_being_merged() {
  for (int round = 0; round < 50; round++) {
    Memory memory(line_feeds(), gate());
    std::mt19937 rng(static_cast<unsigned>(round));
    for (int32_t id = 0; id < 8; id++) memory.add(id, memory.announce(id), random_text(rng, 2000, 4));
    memory.add(3, memory.announce(3), {10, 11, 12, 13});
    memory.add(3, memory.announce(3), {10, 11, 12, 14});
    memory.settle();
    Matcher matcher(memory.view({}));
    const Component& found = matcher.look_up({10, 11, 12})[kMemoryLongest];
    check(found.length == 3 && found.count == 1 && found.continuations[0].token == 14,
          "the newest text is found alone");
    check(memory.stats().documents == 8, "no document is there twice");
  }
}

// A request that began before a merge still looks at what was merged.
void forgets_in_requests_that_began_before_a_merge() {
  Memory memory(line_feeds(), gate());
  memory.add(1, memory.announce(1), {1, 2, 3, 4});
  Matcher running(memory.view({}));
  memory.add(2, memory.announce(2), {5, 6, 7, 8});
  memory.settle();
  check(memory.view({}).segments.size() == 1, "the documents are merged");
  check(running.look_up({1, 2, 3})[kMemoryLongest].length == 3, "the request finds what it began with");
  memory.remove(1);
  check(running.look_up({1, 2, 3})[kMemoryLongest].length == 0, "the request finds nothing of what was forgotten");
}

// Each segment makes look-ups slower.
void never_has_many_segments() {
  Memory memory(line_feeds(), gate());
  std::mt19937 rng(5);
  size_t most = 0;
  for (int32_t id = 0; id < 3000; id++) {
    memory.add(id, memory.announce(id), random_text(rng, 60, kKinds));
    most = std::max(most, memory.view({}).segments.size());
  }
  check(most <= 64, "few segments while documents arrive faster than they are merged");
  check(memory.stats().documents == 3000, "all are there");
}

// The index takes four bytes a token, and a token two or four.
void takes_no_more_than_its_tokens_need() {
  Memory memory(line_feeds(), gate());
  std::mt19937 rng(8);
  const int tokens = 100'000;
  memory.add(1, memory.announce(1), random_text(rng, tokens, kKinds));
  memory.settle();
  const double bytes = static_cast<double>(memory.stats().bytes) / tokens;
  check(bytes > (is_wide ? 7.9 : 5.9) && bytes < (is_wide ? 8.1 : 6.1), "the bytes of a token");
}

}  // namespace

int main() {
  equals_trying_all_places();
  is_wide = true;
  equals_trying_all_places();
  takes_no_more_than_its_tokens_need();
  is_wide = false;
  takes_no_more_than_its_tokens_need();
  counts_more_occurrences_than_it_looks_at();
  survives_changes_from_many_threads();
  replaces_a_document_that_is_being_merged();
  forgets_in_requests_that_began_before_a_merge();
  never_has_many_segments();
  return report();
}
