#include "linux_power.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

namespace matcoder {
namespace {

// The properties of a supply.
struct Properties {
  std::string_view status, scope;
  std::optional<int64_t> online, present, capacity;
  std::optional<int64_t> energy_now, energy_full, charge_now, charge_full;
  std::optional<int64_t> voltage_now, voltage_min_design, power_now, current_now;
};

Properties parse(std::string_view uevent) {
  static const std::string_view kPrefix = "POWER_SUPPLY_";
  Properties p;
  const std::pair<std::string_view, std::optional<int64_t>*> numbers[] = {
      {"ONLINE", &p.online},           {"PRESENT", &p.present},         {"CAPACITY", &p.capacity},
      {"ENERGY_NOW", &p.energy_now},   {"ENERGY_FULL", &p.energy_full}, {"CHARGE_NOW", &p.charge_now},
      {"CHARGE_FULL", &p.charge_full}, {"VOLTAGE_NOW", &p.voltage_now}, {"VOLTAGE_MIN_DESIGN", &p.voltage_min_design},
      {"POWER_NOW", &p.power_now},     {"CURRENT_NOW", &p.current_now},
  };
  for (std::string_view line; next_line(uevent, line);) {
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || line.substr(0, kPrefix.size()) != kPrefix) continue;
    const std::string_view key = line.substr(kPrefix.size(), equals - kPrefix.size());
    const std::string_view value = line.substr(equals + 1);
    if (key == "STATUS") p.status = value;
    if (key == "SCOPE") p.scope = value;
    for (const auto& [name, number] : numbers)
      if (key == name) *number = parse_integer(value);
  }
  return p;
}

struct Energy {
  double now, full;  // watt-hours
};

std::optional<Energy> energy(const Properties& p) {
  if (p.energy_now && p.energy_full && *p.energy_now >= 0 && *p.energy_full > 0)
    return Energy{*p.energy_now * 1e-6, *p.energy_full * 1e-6};
  const auto microvolts = p.voltage_min_design ? p.voltage_min_design : p.voltage_now;
  if (p.charge_now && p.charge_full && microvolts && *p.charge_now >= 0 && *p.charge_full > 0 && *microvolts > 0)
    return Energy{*p.charge_now * 1e-12 * *microvolts, *p.charge_full * 1e-12 * *microvolts};
  return std::nullopt;
}

std::optional<double> discharge_watts(const Properties& p) {
  std::optional<double> watts;
  if (p.power_now) watts = std::abs(*p.power_now * 1e-6);
  if (!watts && p.current_now && p.voltage_now && *p.voltage_now > 0)
    watts = std::abs(*p.current_now * 1e-6) * (*p.voltage_now * 1e-6);
  if (!watts || *watts == 0 || p.status == "Discharging") return watts;
  if (p.status == "Charging") return -*watts;
  return std::nullopt;
}

// Chassis types without a battery, on a desk or in a rack (SMBIOS 3.6, table 17).
bool is_stationary(int64_t chassis) {
  static constexpr std::array<int64_t, 13> kStationary = {3, 4, 5, 6, 7, 13, 15, 16, 17, 23, 28, 29, 35};
  return std::find(kStationary.begin(), kStationary.end(), chassis) != kStationary.end();
}

}  // namespace

PowerSupplies::PowerSupplies(const std::string& root, Clock now_s)
    : folder_(root + "sys/class/power_supply"),
      now_s_(std::move(now_s)),
      chassis_(root + "sys/class/dmi/id/chassis_type") {
  scan();
}

void PowerSupplies::scan() {
  supplies_.clear();
  batteries_read_s_.reset();
  for (const std::string& name : names_in(folder_)) {
    const std::string path = folder_ + "/" + name;
    if (const auto type = File(path + "/type").read())
      supplies_.push_back({name, *type, File(path + "/uevent"), std::nullopt});
  }
}

void PowerSupplies::refresh() {
  // If there is no other supply, only the battery shows that the machine was unplugged.
  bool has_other = false;
  for (Supply& supply : supplies_) {
    if (supply.type == "Battery") continue;
    auto properties = supply.uevent.read();
    if (properties != supply.properties) batteries_read_s_.reset();
    supply.properties = std::move(properties);
    has_other = true;
  }
  const double now_s = now_s_();
  if (has_other && batteries_read_s_ && now_s - *batteries_read_s_ < kBatteryS) return;
  batteries_read_s_ = now_s;
  for (Supply& supply : supplies_)
    if (supply.type == "Battery") supply.properties = supply.uevent.read();
}

void PowerSupplies::read(Reading& reading) {
  refresh();
  std::string online, offline, discharging, charging;  // names
  std::string charge_of, rate_of, unrated;
  double now = 0, full = 0, watts = 0, capacity_sum = 0;
  int batteries = 0, with_energy = 0, with_capacity = 0;
  bool gone = false;
  const auto add = [](std::string& names, const std::string& name) { names += (names.empty() ? "" : ", ") + name; };

  for (Supply& supply : supplies_) {
    if (!supply.properties) gone = true;
    if (!supply.properties) continue;
    const Properties p = parse(*supply.properties);
    if (p.scope == "Device") continue;  // such as a mouse or a headset
    if (supply.type == "Battery") {
      if (p.present && *p.present == 0) continue;
      batteries++;
      if (p.status == "Discharging") add(discharging, supply.name);
      if (p.status == "Charging" || p.status == "Full" || p.status == "Not charging") add(charging, supply.name);
      if (const auto e = energy(p)) {
        now += std::min(e->now, e->full);
        full += e->full;
        with_energy++;
      }
      if (p.capacity && *p.capacity >= 0 && *p.capacity <= 100) {
        capacity_sum += static_cast<double>(*p.capacity) / 100;
        with_capacity++;
      }
      add(charge_of, supply.name);
      if (const auto rate = discharge_watts(p)) {
        watts += *rate;
        add(rate_of, supply.name);
      } else {
        add(unrated, supply.name);
      }
    } else if (supply.type == "Mains" || supply.type == "USB" || supply.type == "Wireless") {
      if (p.online) add(*p.online > 0 ? online : offline, supply.name);
    }
  }
  if (gone) scan();

  const std::string in = folder_ + ": ";
  if (!online.empty()) {
    reading.power_source = Sensed<PowerSource>::of(PowerSource::kMains, in + online + " is online");
  } else if (!discharging.empty()) {
    reading.power_source = Sensed<PowerSource>::of(PowerSource::kBattery, in + discharging + " is discharging");
  } else if (batteries > 0 && !offline.empty()) {
    reading.power_source = Sensed<PowerSource>::of(PowerSource::kBattery, in + offline + " is offline");
  } else if (!charging.empty()) {
    reading.power_source = Sensed<PowerSource>::of(PowerSource::kMains, in + charging + " is not discharging");
  } else if (batteries > 0) {
    reading.power_source = Sensed<PowerSource>::unknown(in + charge_of + " does not report whether it is discharging");
  } else if (const auto chassis = chassis_.read_integer(); chassis && is_stationary(*chassis)) {
    reading.power_source = Sensed<PowerSource>::of(
        PowerSource::kMains, chassis_.path() + ": " + std::to_string(*chassis) + ", a chassis without a battery");
  } else {
    reading.power_source = Sensed<PowerSource>::unknown(in + "no mains supply and no battery");
  }

  if (batteries == 0) {
    reading.charge_share = Sensed<double>::unknown(in + "no battery");
    reading.discharge_watts = Sensed<double>::unknown(in + "no battery");
    return;
  }
  if (with_energy == batteries) {
    reading.charge_share = Sensed<double>::of(now / full, in + charge_of + " (energy)");
  } else if (with_capacity == batteries) {
    reading.charge_share = Sensed<double>::of(capacity_sum / batteries, in + charge_of + " (capacity)");
  } else {
    reading.charge_share = Sensed<double>::unknown(in + charge_of + ": no valid energy, charge or capacity");
  }
  reading.discharge_watts = unrated.empty() ? Sensed<double>::of(watts, in + rate_of)
                                            : Sensed<double>::unknown(in + unrated + " does not report its rate");
}

}  // namespace matcoder
