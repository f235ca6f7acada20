// The sensors on Linux: files of /sys and /proc, which stay open, and announcements of the kernel.
#include "linux_cpu.h"
#include "linux_gpu.h"
#include "linux_heat.h"
#include "linux_power.h"
#include "linux_uevents.h"
#include "sensors.h"

namespace matcoder {
namespace {

class LinuxSensors : public Sensors {
 public:
  explicit LinuxSensors(const SensorOptions& options)
      : uevents_(Uevents::open_socket()),
        power_(options.root, options.now_s),
        low_power_(options.root),
        heat_(options.root, options.now_s),
        cpu_(options.root, options.now_s),
        gpus_(options.root, options.nvml, options.now_s),
        energy_(options.root) {}

  Reading read() override {
    Reading reading;
    power_.read(reading);
    low_power_.read(reading);
    heat_.read(reading);
    cpu_.read(reading);
    gpus_.read(reading);  // needs the power source: on battery, a GPU that may suspend is not read
    energy_.read(reading);
    return reading;
  }

  bool wait(std::chrono::milliseconds timeout) override {
    const bool changed = uevents_.wait(timeout);
    if (changed) power_.scan();
    return changed;
  }

  void interrupt() override { uevents_.interrupt(); }

 private:
  Uevents uevents_;
  PowerSupplies power_;
  LowPower low_power_;
  Heat heat_;
  CpuLoad cpu_;
  Gpus gpus_;
  PackageEnergy energy_;
};

}  // namespace

std::unique_ptr<Sensors> open_sensors(const SensorOptions& options) { return std::make_unique<LinuxSensors>(options); }

}  // namespace matcoder
