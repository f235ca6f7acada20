// The sensors on Linux: files of /sys and /proc, which stay open, and the kernel's own announcements.
#include <linux/netlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "linux_cpu.h"
#include "linux_power.h"
#include "sensors.h"

namespace matcoder {
namespace {

double steady_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// The kernel's messages about devices; -1 where this process may not hear them.
int open_uevents() {
  const int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
  if (fd < 0) return -1;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;  // the kernel's; udev's are in 2
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

// "change@/devices/…", then "KEY=value", each ended by a zero byte.
bool is_about_power(const char* message, size_t size) {
  static constexpr char kSubsystem[] = "SUBSYSTEM=power_supply";
  for (size_t begin = 0; begin < size; begin += strnlen(message + begin, size - begin) + 1)
    if (size - begin >= sizeof kSubsystem - 1 && std::memcmp(message + begin, kSubsystem, sizeof kSubsystem - 1) == 0)
      return true;
  return false;
}

class LinuxSensors : public Sensors {
 public:
  explicit LinuxSensors(const SensorOptions& options)
      : uevents_(open_uevents()),
        interrupt_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        power_(options.root),
        cpu_(options.root, steady_s) {}

  ~LinuxSensors() override {
    if (uevents_ >= 0) close(uevents_);
    if (interrupt_ >= 0) close(interrupt_);
  }

  Reading read() override {
    Reading reading;
    power_.read(reading);
    cpu_.read(reading);
    return reading;
  }

  bool wait(std::chrono::milliseconds timeout) override {
    const auto end = std::chrono::steady_clock::now() + timeout;
    pollfd fds[] = {{interrupt_, POLLIN, 0}, {uevents_, POLLIN, 0}};
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
      if (left <= 0 || poll(fds, 2, static_cast<int>(left)) == 0) return false;
      if (fds[0].revents) {
        uint64_t count;
        [[maybe_unused]] const ssize_t got = ::read(interrupt_, &count, sizeof count);
        return false;
      }
      if (fds[1].revents && hear_power_event()) {
        power_.scan();
        return true;
      }
    }
  }

  void interrupt() override {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t put = write(interrupt_, &one, sizeof one);
  }

 private:
  // Takes all messages that lie there.
  bool hear_power_event() {
    bool heard = false;
    char message[8192];
    for (ssize_t got; (got = recv(uevents_, message, sizeof message, 0)) != 0;) {
      if (got > 0)
        heard |= is_about_power(message, static_cast<size_t>(got));
      else if (errno == ENOBUFS)
        heard = true;  // some were lost
      else if (errno != EINTR)
        break;
    }
    return heard;
  }

  int uevents_, interrupt_;
  PowerSupplies power_;
  CpuLoad cpu_;
};

}  // namespace

std::unique_ptr<Sensors> open_sensors(const SensorOptions& options) { return std::make_unique<LinuxSensors>(options); }

}  // namespace matcoder
