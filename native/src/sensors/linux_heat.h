#pragma once

#include <optional>
#include <string>
#include <vector>

#include "linux_files.h"
#include "sensors.h"

namespace matcoder {

// Heat, judged by the limits and reactions of the machine and not by a temperature that we chose: the trip points of
// its thermal zones, the cooling devices that throttle the processor, and the processor's count of throttling events
// (Documentation/driver-api/thermal/sysfs-api.rst).
class Heat {
 public:
  Heat(const std::string& root, Clock now_s);

  // Fills thermal. Reading a zone calls the firmware, so zones are read only every kEveryS.
  void read(Reading& reading);

  static constexpr double kEveryS = 5;

 private:
  struct Trip {
    Thermal level;  // from this temperature on
    std::string type;
    File temperature;
  };
  struct Zone {
    std::string name;
    File temperature;
    std::vector<Trip> trips;
  };
  struct Cooling {
    std::string name;
    File state;
  };
  void add_zone(const std::string& folder, const std::string& name);
  Sensed<Thermal> sense();

  Clock now_s_;
  std::vector<Zone> zones_;
  std::vector<Cooling> slowing_;  // cooling devices that throttle the processor
  File throttles_;
  std::optional<int64_t> throttles_before_;
  std::optional<double> read_at_s_;
  Sensed<Thermal> last_;
};

// Whether the user or the system asked for less power: fills low_power.
class LowPower {
 public:
  explicit LowPower(const std::string& root);
  void read(Reading& reading);

 private:
  File profile_, preference_;
};

// Energy that the processor's packages used: fills energy_joules. Most systems show the counters to root only.
class PackageEnergy {
 public:
  explicit PackageEnergy(const std::string& root);
  void read(Reading& reading);

 private:
  struct Package {
    File counter;  // microjoules; starts at 0 again after `range`
    int64_t range, before;
  };
  std::string folder_, fault_;
  std::vector<Package> packages_;
  double joules_ = 0;
};

}  // namespace matcoder
