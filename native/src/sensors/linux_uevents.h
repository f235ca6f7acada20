#pragma once

#include <chrono>

namespace matcoder {

// Announcements of changed devices by the kernel, and a wait for those about power supplies.
class Uevents {
 public:
  // A socket of the kernel's messages, which this object closes; -1 for none, and then only the timeout ends a wait.
  explicit Uevents(int socket);
  ~Uevents();
  Uevents(const Uevents&) = delete;
  Uevents& operator=(const Uevents&) = delete;

  static int open_socket();

  // Returns true when a power supply changes, and false after the timeout or interrupt().
  bool wait(std::chrono::milliseconds timeout);
  // From another thread: ends a wait, or the next one.
  void interrupt();

 private:
  bool receive();

  int socket_, interrupt_;
};

}  // namespace matcoder
