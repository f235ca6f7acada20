#pragma once

#include <optional>
#include <string>
#include <vector>

#include "linux_files.h"
#include "sensors.h"

namespace matcoder {

// Mains, USB-C supplies and batteries under /sys/class/power_supply.
//
// Units and signs are the kernel's (Documentation/ABI/testing/sysfs-class-power): microwatts, microwatt-hours,
// microampere-hours, microvolts; the sign of a current differs by driver, so the status tells its direction.
class PowerSupplies {
 public:
  PowerSupplies(const std::string& root, Clock now_s);

  // Look for supplies again, and read all of them: after the system announced a change.
  void scan();

  // Fills power_source, charge_share and discharge_watts. A battery's controller is slow to answer, so while what is
  // plugged in stays the same, batteries are asked every kBatteryS only.
  void read(Reading& reading);

  static constexpr double kBatteryS = 5;

 private:
  struct Supply {
    std::string name, type;
    File uevent;  // all of its properties at once
    std::optional<std::string> properties;
  };
  void refresh();

  std::string folder_;
  Clock now_s_;
  File chassis_;
  std::vector<Supply> supplies_;
  std::optional<double> batteries_read_s_;
};

}  // namespace matcoder
