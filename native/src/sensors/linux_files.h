#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace matcoder {

// One file of /sys or /proc, opened once and read many times from its start.
class File {
 public:
  explicit File(std::string path) : path_(std::move(path)) {}
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  // The present content without white space at its end; nothing if it cannot be read, see fault().
  std::optional<std::string> read();
  std::optional<int64_t> read_integer();

  const std::string& path() const { return path_; }
  // Why the last read failed, as a message: "/sys/...: No such file or directory".
  std::string fault() const;

 private:
  bool open();
  void close();

  std::string path_;
  int fd_ = -1;
  int error_ = 0;  // errno
};

// Names in a folder, sorted; none if it cannot be read.
std::vector<std::string> names_in(const std::string& folder);

// A whole number and nothing else.
std::optional<int64_t> parse_integer(std::string_view text);

// Removes the next word from `text` and returns it; empty at the end.
std::string_view next_word(std::string_view& text);
// Removes the next line; false at the end.
bool next_line(std::string_view& text, std::string_view& line);

}  // namespace matcoder
