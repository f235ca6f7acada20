#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace matcoder {

// A file that is read at given places. It uses C's streams, because a C++ stream brings a table of virtual functions
// that macOS would share with the C++ library of the system.
class InputFile {
 public:
  // path: UTF-8. Throws std::runtime_error with the path and the system's reason.
  explicit InputFile(const std::string& path);

  uint64_t size() const { return size_; }

  // Returns false if the bytes from `begin` on cannot be read.
  bool read(uint64_t begin, void* out, size_t bytes);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  uint64_t size_ = 0;
};

}  // namespace matcoder
