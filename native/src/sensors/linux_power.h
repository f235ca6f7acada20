#pragma once

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
  explicit PowerSupplies(const std::string& root);

  // Look for supplies again: after the system announced a change.
  void scan();

  // Fills power_source, charge_share and discharge_watts.
  void read(Reading& reading);

 private:
  struct Supply {
    std::string name, type;
    File uevent;  // all of its properties at once
  };

  std::string folder_;
  File chassis_;
  std::vector<Supply> supplies_;
};

}  // namespace matcoder
