#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace matcoder {

// A long text of tokens: in 16 bits each if the vocabulary is small enough, otherwise in 32. The largest number of that
// width is no token and separates documents.
class TokenText {
 public:
  // Vocabularies of up to this many tokens fit in 16 bits.
  static constexpr size_t kMostNarrow = std::numeric_limits<uint16_t>::max();

  explicit TokenText(bool is_wide, size_t separators = 0) : is_wide_(is_wide) {
    for (size_t i = 0; i < separators; i++) push_separator();
  }

  bool is_wide() const { return is_wide_; }
  size_t size() const { return is_wide_ ? wide_.size() : narrow_.size(); }
  size_t bytes() const { return narrow_.capacity() * sizeof(uint16_t) + wide_.capacity() * sizeof(uint32_t); }

  // The token at a place that has no separator.
  int32_t operator[](size_t place) const { return static_cast<int32_t>(is_wide_ ? wide_[place] : narrow_[place]); }

  void reserve(size_t size) { is_wide_ ? wide_.reserve(size) : narrow_.reserve(size); }
  void shrink_to_fit() { is_wide_ ? wide_.shrink_to_fit() : narrow_.shrink_to_fit(); }
  void push_separator() { push(std::numeric_limits<uint32_t>::max()); }

  // The tokens fit in the width.
  void append(const std::vector<int32_t>& tokens) {
    for (const int32_t token : tokens) push(static_cast<uint32_t>(token));
  }

  // Places begin..end of another text of the same width, separators included.
  void append(const TokenText& other, size_t begin, size_t end) {
    const auto copy = [begin, end](auto& to, const auto& from) {
      to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(begin),
                from.begin() + static_cast<std::ptrdiff_t>(end));
    };
    is_wide_ ? copy(wide_, other.wide_) : copy(narrow_, other.narrow_);
  }

  // Calls a function with the tokens as an array of their width.
  template <typename Function>
  auto with_array(Function function) const {
    return is_wide_ ? function(wide_.data()) : function(narrow_.data());
  }

 private:
  void push(uint32_t token) { is_wide_ ? wide_.push_back(token) : narrow_.push_back(static_cast<uint16_t>(token)); }

  bool is_wide_;
  std::vector<uint16_t> narrow_;
  std::vector<uint32_t> wide_;
};

}  // namespace matcoder
