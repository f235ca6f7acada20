#include "linux_uevents.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string_view>

namespace matcoder {
namespace {

// "change@/devices/…", then "KEY=value", each ended by a zero byte.
bool is_about_power(std::string_view message) {
  while (!message.empty()) {
    const size_t end = std::min(message.find('\0'), message.size());
    if (message.substr(0, end) == "SUBSYSTEM=power_supply") return true;
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  return false;
}

}  // namespace

Uevents::Uevents(int socket) : socket_(socket), interrupt_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Uevents::~Uevents() {
  if (socket_ >= 0) close(socket_);
  if (interrupt_ >= 0) close(interrupt_);
}

int Uevents::open_socket() {
  const int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
  if (fd < 0) return -1;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;  // the kernel's; those of udev are in 2
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

bool Uevents::wait(std::chrono::milliseconds timeout) {
  using std::chrono::steady_clock;
  const auto end = steady_clock::now() + timeout;
  pollfd fds[] = {{interrupt_, POLLIN, 0}, {socket_, POLLIN, 0}};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now()).count();
    if (left <= 0) return false;
    const int ready = poll(fds, 2, static_cast<int>(left));
    if (ready == 0 || (ready < 0 && errno != EINTR)) return false;
    if (ready > 0 && fds[0].revents) {
      uint64_t count;
      [[maybe_unused]] const ssize_t got = read(interrupt_, &count, sizeof count);
      return false;
    }
    if (ready > 0 && fds[1].revents && receive()) return true;
  }
}

// Receives all messages that are waiting.
bool Uevents::receive() {
  bool heard = false;
  char message[8192];
  for (;;) {
    const ssize_t got = recv(socket_, message, sizeof message, MSG_DONTWAIT);
    if (got > 0) {
      heard |= is_about_power({message, static_cast<size_t>(got)});
    } else if (got < 0 && errno == ENOBUFS) {
      heard = true;  // some messages were lost
    } else if (got == 0 || errno != EINTR) {
      if (got == 0 || errno != EAGAIN) {  // broken: it is not used again, because the wait would spin
        close(socket_);
        socket_ = -1;
      }
      return heard;
    }
  }
}

void Uevents::interrupt() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = write(interrupt_, &one, sizeof one);
}

}  // namespace matcoder
