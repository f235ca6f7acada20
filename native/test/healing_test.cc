// The choice of a token among many: what is found by binary search is what trying all tokens finds, to the last bit.
#include "../src/healing.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "../src/cpu.h"
#include "../src/forward.h"
#include "../src/next_token.h"
#include "check.h"

using namespace matcoder;

namespace {

std::mt19937 rng(3);

std::string random_bytes(size_t length, int kinds) {
  std::string bytes(length, 0);
  // Bytes above 127 too, because they are negative where a char is signed.
  for (char& byte : bytes) byte = static_cast<char>(0x61 + 0x25 * (rng() % static_cast<unsigned>(kinds)));
  return bytes;
}

// Tokens of few different bytes, some of them equal, some without bytes, and each byte alone.
std::vector<std::string> random_tokens(size_t count, int kinds) {
  std::vector<std::string> tokens(count);
  for (size_t i = 0; i < count; i++)
    tokens[i] = i < static_cast<size_t>(kinds) ? std::string(1, static_cast<char>(0x61 + 0x25 * i))
                                               : random_bytes(rng() % 6, kinds);
  return tokens;
}

bool is_beginning(const std::string& a, const std::string& b) { return b.compare(0, a.size(), a) == 0; }

bool spells(const std::string& token, const std::string& prefix) {
  return !token.empty() && (is_beginning(token, prefix) || is_beginning(prefix, token));
}

std::vector<float> random_logits(size_t count, float step) {
  std::normal_distribution<float> normal(0, 4);
  std::vector<float> logits(count);
  // Rounded to steps, so that several are equal.
  for (float& logit : logits) logit = std::round(normal(rng) / step) * step;
  return logits;
}

void finds_the_tokens_that_trying_all_finds() {
  for (const int kinds : {1, 2, 4})
    for (int round = 0; round < 60; round++) {
      const auto tokens = random_tokens(kinds + rng() % 200, kinds);
      const TokenBytes known(tokens, static_cast<int>(tokens.size()) + round % 3);
      for (int look = 0; look < 20; look++) {
        const std::string prefix = random_bytes(1 + rng() % 7, kinds);
        std::vector<int32_t> expected;
        for (size_t i = 0; i < tokens.size(); i++) {
          const auto token = static_cast<int32_t>(i);
          if (spells(tokens[i], prefix)) expected.push_back(token);
          check(known.matches(token, prefix) == spells(tokens[i], prefix), "whether one token matches");
        }
        auto found = known.matching(prefix);
        std::sort(found.begin(), found.end());
        check(found == expected, "all matching tokens, each once");
      }
    }
}

// Masks all other tokens and looks at everything.
ChosenToken choose_by_masking(const Kernels& kernels, const std::vector<std::string>& tokens, const std::string& prefix,
                              std::vector<float> logits) {
  for (size_t i = 0; i < logits.size(); i++)
    if (i >= tokens.size() || (!prefix.empty() && !spells(tokens[i], prefix))) logits[i] = kMaskedLogit;
  ChosenToken chosen;
  chosen.token = kernels.most_likely(logits.data(), static_cast<int>(logits.size()), &chosen.probability);
  return chosen;
}

void chooses_what_masking_all_others_chooses() {
  int spelled = 0;
  for (const Kernels* kernels : supported_kernels())
    for (const size_t count : {40, 1000, 20'000})
      for (const float step : {2.0f, 1e-6f})
        for (int round = 0; round < 20; round++) {
          // With few kinds of bytes many tokens match, with many few do.
          const int kinds = round % 2 ? 4 : static_cast<int>(std::min<size_t>(count, 150));
          const auto tokens = random_tokens(count, kinds);
          const size_t rows = (count / kLanes + 1 + rng() % 3) * kLanes;
          const TokenBytes known(tokens, static_cast<int>(rows));
          const std::string prefix = random_bytes(rng() % 5, kinds);
          auto logits = random_logits(rows, step);
          // What no token has is the most likely, unless it is masked.
          for (size_t i = count; i < rows; i++) logits[i] = 100;
          const ChosenToken expected = choose_by_masking(*kernels, tokens, prefix, logits);
          const ChosenToken found = choose_token(*kernels, known, nullptr, Components{}, {nullptr, prefix},
                                                 logits.data(), static_cast<int>(rows));
          check(found.token == expected.token, std::string(kernels->name) + ": the token");
          check(found.probability == expected.probability,
                std::string(kernels->name) + ": the bits of its probability");
          spelled += !prefix.empty();
        }
  check(spelled > 100, "most cases have a healing prefix");
}

void refuses_more_tokens_than_rows() {
  try {
    const TokenBytes known({"a", "b", "c"}, 2);
    check(false, "three tokens for two rows");
  } catch (const std::invalid_argument&) {
    passing++;
  }
  const TokenBytes unknown({}, 16);
  float logits[16] = {};
  unknown.mask_padding(logits, 16);
  check(logits[0] == 0 && logits[15] == 0 && !unknown.is_special(3), "nothing is masked if no bytes are known");
}

}  // namespace

int main() {
  finds_the_tokens_that_trying_all_finds();
  chooses_what_masking_all_others_chooses();
  refuses_more_tokens_than_rows();
  return report();
}
