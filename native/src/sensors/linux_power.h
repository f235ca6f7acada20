#pragma once

#include <optional>
#include <string>
#include <vector>

#include "linux_files.h"
#include "sensors.h"

namespace matcoder {

// Mains, USB-C supplies and batteries under /sys/class/power_supply.
//
// Units and signs are those of the kernel (Documentation/ABI/testing/sysfs-class-power): microwatts, microwatt-hours,
// microampere-hours, microvolts. The sign of a current depends on the driver, so its direction is taken from the
// status.
class PowerSupplies {
 public:
  PowerSupplies(const std::string& root, Clock now_s);

  // Looks for supplies again and reads all of them: for use after the system announced a change.
  void scan();

  // Fills power_source, charge_share and discharge_watts. A battery's controller is slow, so batteries are read only
  // every kBatteryS while the other supplies stay the same.
  void read(Reading& reading);

  static constexpr double kBatteryS = 5;

 private:
  struct Supply {
    std::string name, type;
    File uevent;  // contains all properties
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
