#pragma once

#include <optional>
#include <string>
#include <vector>

#include "linux_files.h"
#include "sensors.h"

namespace matcoder {

// Heat, by what the machine itself does about it and never by a temperature of ours: the trip points of its thermal
// zones, the cooling devices that slow the processor, and the processor's own count of being throttled
// (Documentation/driver-api/thermal/sysfs-api.rst).
class Heat {
 public:
  Heat(const std::string& root, Clock now_s);

  // Fills thermal. Zones ask the firmware, so they are read every kEveryS only.
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
  std::vector<Cooling> slowing_;  // cooling devices that slow the processor
  File throttles_;
  std::optional<int64_t> throttles_before_;
  std::optional<double> read_at_s_;
  Sensed<Thermal> last_;
};

// Whether the user, or the system for them, asked for less power: fills low_power.
class LowPower {
 public:
  explicit LowPower(const std::string& root);
  void read(Reading& reading);

 private:
  File profile_, preference_;
};

// Joules that the processor's packages took: fills energy_joules. Most systems show the counters to root alone.
class PackageEnergy {
 public:
  explicit PackageEnergy(const std::string& root);
  void read(Reading& reading);

 private:
  struct Package {
    File counter;  // microjoules, from 0 again after `range`
    int64_t range, before;
  };
  std::string folder_, fault_;
  std::vector<Package> packages_;
  double joules_ = 0;
};

}  // namespace matcoder
