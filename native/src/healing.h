#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace matcoder {

// Token healing: the prompt leaves out the end of its text, the healing prefix, and the first decoded tokens must spell
// it. So a word that the cursor cuts in two is decoded in whole tokens.
class TokenBytes {
 public:
  // bytes: [vocabulary] the bytes of each token, empty for special tokens; or no entries if no request has a healing
  // prefix. Throws std::invalid_argument for any other number of entries.
  TokenBytes(std::vector<std::string> bytes, int vocabulary);

  // Whether a token has no bytes; false for all tokens if their bytes are not known.
  bool is_special(int32_t token) const { return !bytes_.empty() && bytes_[token].empty(); }

  // Throws std::invalid_argument if no sequence of tokens spells the prefix.
  void check_prefix(const std::string& prefix) const;

  // Whether a token spells the beginning of a prefix that is not empty, or all of it and more.
  bool matches(int32_t token, const std::string& prefix) const;

  // Leaves only the tokens that match. logits: [vocabulary]
  void mask_other_tokens(const std::string& prefix, float* logits) const;

  // The bytes of a matching token that go beyond the prefix; empty if the bytes of tokens are not known.
  std::string_view bytes_beyond(int32_t token, const std::string& prefix) const;

  // Removes from the prefix what a matching token spells.
  void consume(int32_t token, std::string& prefix) const;

 private:
  std::vector<std::string> bytes_;
  std::bitset<256> has_token_;  // [byte] whether a token consists of this byte alone
};

}  // namespace matcoder
