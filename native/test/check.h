// What the tests count. Several threads may check at once.
#pragma once

#include <atomic>
#include <cstdio>
#include <string>

inline std::atomic<int> passing{0}, failing{0};

inline void check(bool holds, const std::string& what) {
  holds ? passing++ : failing++;
  if (!holds) std::printf("failed: %s\n", what.c_str());
}

// Prints the counts; the exit code of the program.
inline int report() {
  std::printf("%d passing, %d failing\n", passing.load(), failing.load());
  return failing > 0 ? 1 : 0;
}
