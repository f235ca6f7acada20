#include "linux_heat.h"

#include <algorithm>
#include <utility>

namespace matcoder {
namespace {

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

// The level above a trip point of this type. "active" switches a fan on, "passive" throttles devices, "hot" warns and
// "critical" powers off.
std::optional<Thermal> level_of(std::string_view type) {
  if (starts_with(type, "active")) return Thermal::kFair;
  if (type == "passive") return Thermal::kSerious;
  if (type == "hot" || type == "critical") return Thermal::kCritical;
  return std::nullopt;
}

// "Processor" comes from ACPI; the others from the kernel and from device trees.
bool slows_processor(std::string_view type) {
  return type == "Processor" || type == "intel_powerclamp" || starts_with(type, "cpufreq") ||
         starts_with(type, "thermal-cpufreq") || starts_with(type, "cpu-idle") || starts_with(type, "thermal-idle");
}

}  // namespace

Heat::Heat(const std::string& root, Clock now_s)
    : now_s_(std::move(now_s)),
      throttles_(root + "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"),
      throttles_before_(throttles_.read_integer()) {
  const std::string folder = root + "sys/class/thermal/";
  for (const std::string& name : names_in(folder)) {
    if (starts_with(name, "thermal_zone")) add_zone(folder + name + "/", name);
    if (!starts_with(name, "cooling_device")) continue;
    const auto type = File(folder + name + "/type").read();
    if (type && slows_processor(*type))
      slowing_.push_back({name + " (" + *type + ")", File(folder + name + "/cur_state")});
  }
}

void Heat::add_zone(const std::string& folder, const std::string& name) {
  const auto type = File(folder + "type").read();
  Zone zone{name + " (" + type.value_or("?") + ")", File(folder + "temp"), {}};
  constexpr int kMaxTrips = 64;
  for (int i = 0; i < kMaxTrips; i++) {
    const std::string trip = folder + "trip_point_" + std::to_string(i) + "_";
    const auto trip_type = File(trip + "type").read();
    if (!trip_type) break;
    if (const auto level = level_of(*trip_type)) zone.trips.push_back({*level, *trip_type, File(trip + "temp")});
  }
  if (!zone.trips.empty()) zones_.push_back(std::move(zone));
}

void Heat::read(Reading& reading) {
  const double now_s = now_s_();
  if (!read_at_s_ || now_s - *read_at_s_ >= kEveryS) {
    read_at_s_ = now_s;
    last_ = sense();
  }
  reading.thermal = last_;
}

Sensed<Thermal> Heat::sense() {
  Sensed<Thermal> found = Sensed<Thermal>::unknown("no trip point, cooling device or counter of throttling");
  bool detects_throttling = false;  // whether any source would show it
  const auto raise = [&](Thermal level, const std::string& why) {
    if (!found.value || level > *found.value) found = Sensed<Thermal>::of(level, why);
  };
  std::string sources;
  const auto add_source = [&](const std::string& name) { sources += (sources.empty() ? "" : ", ") + name; };

  for (Zone& zone : zones_) {
    const auto temperature = zone.temperature.read_integer();
    if (!temperature) continue;
    bool listed = false;
    for (Trip& trip : zone.trips) {
      const auto limit = trip.temperature.read_integer();
      if (!limit || *limit <= 0) continue;  // not set
      listed = true;
      detects_throttling |= trip.level == Thermal::kSerious;
      if (*temperature >= *limit) raise(trip.level, zone.name + " is above its trip point " + trip.type);
    }
    if (listed) add_source(zone.name);
  }
  for (Cooling& device : slowing_) {
    const auto state = device.state.read_integer();
    if (!state) continue;
    detects_throttling = true;
    add_source(device.name);
    if (*state > 0) raise(Thermal::kSerious, device.name + " throttles the processor");
  }
  if (const auto throttles = throttles_.read_integer()) {
    detects_throttling = true;
    add_source("package_throttle_count");
    if (throttles_before_ && *throttles > *throttles_before_)
      raise(Thermal::kSerious, throttles_.path() + " increased");
    throttles_before_ = throttles;
  }
  if (!found.value && detects_throttling) found = Sensed<Thermal>::of(Thermal::kNominal, sources);
  return found;
}

LowPower::LowPower(const std::string& root)
    : profile_(root + "sys/firmware/acpi/platform_profile"),
      preference_(root + "sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference") {}

void LowPower::read(Reading& reading) {
  // power-profiles-daemon and TuneD set "power" to save power if the firmware has no profiles.
  const auto profile = profile_.read(), preference = preference_.read();
  if (profile && *profile == "low-power") {
    reading.low_power = Sensed<bool>::of(true, profile_.path() + ": low-power");
  } else if (preference && *preference == "power") {
    reading.low_power = Sensed<bool>::of(true, preference_.path() + ": power");
  } else if (profile && !profile->empty()) {
    reading.low_power = Sensed<bool>::of(false, profile_.path() + ": " + *profile);
  } else if (preference && !preference->empty()) {
    reading.low_power = Sensed<bool>::of(false, preference_.path() + ": " + *preference);
  } else {
    reading.low_power = Sensed<bool>::unknown(profile ? profile_.path() + ": empty" : profile_.fault());
  }
}

PackageEnergy::PackageEnergy(const std::string& root) : folder_(root + "sys/class/powercap") {
  fault_ = folder_ + ": no energy counter of a processor package";
  for (const std::string& name : names_in(folder_)) {
    // intel-rapl:0 is a package or the whole platform, intel-rapl:0:0 a part of it, and intel-rapl-mmio:0 the same
    // package.
    if (!starts_with(name, "intel-rapl:") || std::count(name.begin(), name.end(), ':') != 1) continue;
    const std::string path = folder_ + "/" + name + "/";
    const auto zone = File(path + "name").read();
    if (!zone || !starts_with(*zone, "package")) continue;
    File counter(path + "energy_uj");
    const auto now = counter.read_integer();
    const auto range = File(path + "max_energy_range_uj").read_integer();
    if (!now) fault_ = counter.fault();
    if (now && range && *now >= 0 && *range > 0) packages_.push_back({std::move(counter), *range, *now});
  }
}

void PackageEnergy::read(Reading& reading) {
  if (packages_.empty()) {
    reading.energy_joules = Sensed<double>::unknown(fault_);
    return;
  }
  for (Package& package : packages_) {
    const auto now = package.counter.read_integer();
    if (!now || *now < 0 || *now > package.range) {
      reading.energy_joules =
          Sensed<double>::unknown(now ? package.counter.path() + ": out of its range" : package.counter.fault());
      return;
    }
    const int64_t step = *now - package.before;
    joules_ += static_cast<double>(step >= 0 ? step : step + package.range) * 1e-6;
    package.before = *now;
  }
  reading.energy_joules = Sensed<double>::of(joules_, folder_ + " (" + std::to_string(packages_.size()) + " packages)");
}

}  // namespace matcoder
