#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace matcoder {

// Token healing: the end of a prompt's text is given back, and the first tokens that are decoded have to spell it, so
// that a word which the cursor cuts in two is decoded in whole tokens.
class TokenBytes {
 public:
  // bytes: [vocabulary] what each token spells, empty for a mark; or none at all where nothing is ever given back.
  // Throws std::invalid_argument for any other number.
  TokenBytes(std::vector<std::string> bytes, int vocabulary);

  // Whether a token spells nothing: false for all where it is not known what they spell.
  bool is_mark(int32_t token) const { return !bytes_.empty() && bytes_[token].empty(); }

  // Throws std::invalid_argument where no sequence of tokens spells the text.
  void check(const std::string& given) const;

  // Whether a token spells the beginning of the text, or all of it and more.
  bool may_come(int32_t token, const std::string& given) const;

  // Leaves the logits of the tokens that may come. logits: [vocabulary]
  void bar_others(const std::string& given, float* logits) const;

  // What a token that may come spells beyond the text; nothing where it is not known what tokens spell.
  std::string_view beyond(int32_t token, const std::string& given) const;

  // Takes from the given text what the token spells.
  void spelled(int32_t token, std::string& given) const;

 private:
  std::vector<std::string> bytes_;
  std::bitset<256> alone_;  // bytes that are a token
};

}  // namespace matcoder
