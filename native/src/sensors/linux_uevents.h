#pragma once

#include <chrono>

namespace matcoder {

// The kernel's announcements of changed devices, and a wait for those about power supplies.
class Uevents {
 public:
  // A socket of the kernel's messages, which is closed in the end; -1 where there is none, then waits only end in time.
  explicit Uevents(int socket);
  ~Uevents();
  Uevents(const Uevents&) = delete;
  Uevents& operator=(const Uevents&) = delete;

  static int open_socket();

  // Whether a power supply changed before the timeout, or interrupt(), ended the wait.
  bool wait(std::chrono::milliseconds timeout);
  // From another thread: ends a wait, or the next one.
  void interrupt();

 private:
  bool hear();

  int socket_, interrupt_;
};

}  // namespace matcoder
