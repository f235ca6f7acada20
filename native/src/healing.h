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
  // bytes: [tokens] the bytes of each token, empty for special tokens; or no entries if no request has a healing
  // prefix. A model may have more rows than there are tokens: those mean nothing. Throws std::invalid_argument if there
  // are more tokens than the model has rows, `vocabulary`.
  TokenBytes(const std::vector<std::string>& bytes, int vocabulary);

  // Whether a token has no bytes; false for all tokens if their bytes are not known.
  bool is_special(int32_t token) const { return count_ > 0 && of(token).empty(); }

  // Masks the rows that no token has. logits: [rows]
  void mask_padding(float* logits, int rows) const;

  // Throws std::invalid_argument if no sequence of tokens spells the prefix.
  void check_prefix(const std::string& prefix) const;

  // Whether a token spells the beginning of a prefix that is not empty, or all of it and more.
  bool matches(int32_t token, const std::string& prefix) const;

  // All tokens that match a prefix that is not empty, in no particular order. Nothing else is looked at: they are found
  // by binary search.
  std::vector<int32_t> matching(const std::string& prefix) const;

  // The bytes of a matching token that go beyond the prefix; empty if the bytes of tokens are not known.
  std::string_view bytes_beyond(int32_t token, const std::string& prefix) const;

  // Removes from the prefix what a matching token spells.
  void consume(int32_t token, std::string& prefix) const;

 private:
  std::string_view of(int32_t token) const {
    if (token >= count_) return {};
    return {bytes_.data() + begins_[token], begins_[token + 1] - begins_[token]};
  }

  int32_t count_;
  std::string bytes_;             // of all tokens, one after the other
  std::vector<uint32_t> begins_;  // [tokens + 1]
  std::vector<int32_t> sorted_;   // the tokens with bytes, in the order of their bytes
  std::bitset<256> has_token_;    // [byte] whether a token consists of this byte alone
};

}  // namespace matcoder
