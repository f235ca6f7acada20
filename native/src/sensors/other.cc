// A system without an implementation of the sensors: everything is unknown.
#include <condition_variable>
#include <mutex>

#include "sensors.h"

namespace matcoder {
namespace {

class NoSensors : public Sensors {
 public:
  Reading read() override { return {}; }

  bool wait(std::chrono::milliseconds timeout) override {
    std::unique_lock<std::mutex> lock(mutex_);
    woken_.wait_for(lock, timeout, [this] { return interrupted_; });
    interrupted_ = false;
    return false;
  }

  void interrupt() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    interrupted_ = true;
    woken_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  bool interrupted_ = false;
};

}  // namespace

std::unique_ptr<Sensors> open_sensors(const SensorOptions&) { return std::make_unique<NoSensors>(); }

}  // namespace matcoder
