// The sensors of Linux on recorded machines, and on what goes wrong there.
//
// Arguments: the folder of the recordings (test/fixtures/machines), the stand-in for NVIDIA's library.
#include "../src/sensors/sensors.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "../src/sensors/cpu_window.h"
#include "../src/sensors/linux_cpu.h"
#include "../src/sensors/linux_files.h"
#include "../src/sensors/linux_uevents.h"
#include "check.h"
#include "nvml_stub.h"

using matcoder::PowerSource;
using matcoder::Reading;
using matcoder::Sensed;
using matcoder::SensorOptions;
using matcoder::Sensors;
using matcoder::Thermal;
using matcoder::Uevents;

namespace {

int opened = 0;  // files, by this program
std::string recordings, stub_library;

template <typename T, typename Expected>
void check_is(const Sensed<T>& sensed, const Expected& expected, const std::string& what) {
  bool holds = sensed.value.has_value();
  if constexpr (std::is_same_v<T, double>)
    holds = holds && std::abs(*sensed.value - expected) < 1e-9;
  else
    holds = holds && *sensed.value == expected;
  check(holds, what + " (" + sensed.note + ")");
}

template <typename T>
void check_unknown(const Sensed<T>& sensed, const std::string& why, const std::string& what) {
  check(!sensed.value && sensed.note.find(why) != std::string::npos, what + " (" + sensed.note + ")");
}

// A recording as files, and the sensors that read them; the clock stands until it is moved.
class Machine {
 public:
  explicit Machine(const std::string& name) {
    char folder[] = "/tmp/matcoder-sensors-XXXXXX";
    if (mkdtemp(folder) == nullptr) std::perror(folder);
    root_ = std::string(folder) + "/";
    std::ifstream file(recordings + "/" + name + ".txt");
    std::string path, text;
    for (std::string line; std::getline(file, line);) {
      if (line.compare(0, 3, "== ") == 0) {
        if (!path.empty()) write(path, text);
        path = line.substr(3);
        text.clear();
      } else {
        text += line + "\n";
      }
    }
    check(!path.empty(), "there is a recording of a " + name);
    write(path, text);
  }
  ~Machine() { std::filesystem::remove_all(root_); }

  // In place, so that a reader that has the file open reads the new text.
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void change(const std::string& path, const std::string& from, const std::string& to) {
    std::stringstream text;
    text << std::ifstream(root_ + path).rdbuf();
    std::string now = text.str();
    const size_t at = now.find(from);
    check(at != std::string::npos, path + " holds " + from);
    if (at != std::string::npos) write(path, now.replace(at, from.size(), to));
  }
  void remove(const std::string& path) {
    check(std::filesystem::remove_all(root_ + path) > 0, path + " is there to be removed");
  }

  Sensors& sensors(const std::string& nvml = "") {
    if (!sensors_) {
      SensorOptions options;
      options.root = root_;
      options.nvml = nvml;
      options.now_s = [this] { return now_s_; };
      sensors_ = open_sensors(options);
    }
    return *sensors_;
  }
  // The reading `after_s` later.
  Reading read(double after_s = 10) {
    sensors();
    now_s_ += after_s;
    return sensors_->read();
  }

  void pass(double seconds) { now_s_ += seconds; }

 private:
  std::string root_;
  double now_s_ = 1000;
  std::unique_ptr<Sensors> sensors_;
};

const std::string kMains = "sys/class/power_supply/AC/uevent", kBattery = "sys/class/power_supply/BAT0/uevent";

void test_laptop_on_battery() {
  Machine machine("laptop-on-battery");
  Reading reading = machine.read();
  check_is(reading.power_source, PowerSource::kBattery, "a laptop on battery is");
  check_is(reading.charge_share, 0.62, "the battery's charge, and not that of the mouse");
  check_is(reading.discharge_watts, 9.482, "what leaves the battery");
  check_is(reading.low_power, true, "the firmware's profile saves power");
  check_is(reading.thermal, Thermal::kNominal, "trip points that are not set, and not reached, mean nothing");
  check_is(reading.energy_joules, 0, "energy counts from the start");
  check_unknown(reading.cpu_busy_by_others, "do not advance", "load, while the counters stand still");

  // Four seconds of four cores: 6.4 s of work, of them 2.4 ours.
  machine.change("proc/stat", "cpu0 300 0 100 2000", "cpu0 700 0 100 2000");
  machine.change("proc/stat", "cpu1 300 0 100 2000", "cpu1 540 0 100 2160");
  machine.change("proc/stat", "cpu2 200 0 100 2000", "cpu2 200 0 100 2400");
  machine.change("proc/stat", "cpu3 200 0 100 2000", "cpu3 200 0 100 2400");
  machine.change("proc/self/stat", " 150 50 ", " 350 90 ");
  machine.change("proc/pressure/cpu", "total=5000000", "total=6000000");
  machine.change("sys/class/powercap/intel-rapl:0/energy_uj", "262143000000", "671150");
  machine.change("sys/class/drm/card1/gt/gt0/rc6_residency_ms", "600000", "603000");
  reading = machine.read(4);
  check_is(reading.cpu_busy_by_others, 4.0 / 16, "others' load is all load less our own");
  check_is(reading.cpu_pressure, 0.25, "tasks waited a second of four");
  check_is(reading.energy_joules, 1, "a counter that began anew goes on");
  check(reading.gpu.value && reading.gpu.value->name == "i915 8086:9A49 (card1)", "Intel's GPU has a name");
  check(reading.gpu.value && std::abs(reading.gpu.value->busy_by_others.value_or(-1) - 0.25) < 1e-9,
        "it was awake one second of four (" + reading.gpu.note + ")");
}

void test_laptop_on_mains() {
  Machine machine("laptop-on-mains");
  Reading reading = machine.read();
  check_is(reading.power_source, PowerSource::kMains, "a laptop on mains is");
  check_is(reading.charge_share, 0.75, "two batteries weigh by what they hold");
  check_is(reading.discharge_watts, -18.5, "what enters a battery is negative");
  check_is(reading.low_power, false, "a balanced profile saves no power");
  check_is(reading.thermal, Thermal::kSerious, "a cooling device that slows the processor");
  check_unknown(reading.energy_joules, "no energy counter", "energy without counters");

  machine.change("sys/class/drm/card0/device/tile0/gt0/gtidle/idle_residency_ms", "1000", "1500");
  machine.change("sys/class/drm/card0/device/tile0/gt1/gtidle/idle_residency_ms", "1000", "2000");
  reading = machine.read(1);
  check(reading.gpu.value && std::abs(reading.gpu.value->busy_by_others.value_or(-1) - 0.5) < 1e-9,
        "the busiest part of xe's GPU counts (" + reading.gpu.note + ")");
}

void test_desktop() {
  Machine machine("desktop");
  const Reading reading = machine.read();
  check_is(reading.power_source, PowerSource::kMains, "a desktop without a battery is on mains");
  check_unknown(reading.charge_share, "no battery", "the charge of no battery");
  check_unknown(reading.discharge_watts, "no battery", "the rate of no battery");
  check_is(reading.low_power, false, "the processor's preference stands in for a profile");
  check_is(reading.thermal, Thermal::kNominal, "a cooling device at rest");
  check_unknown(reading.energy_joules, "energy_uj", "a counter that cannot be read is named");
  const auto& gpu = reading.gpu.value;
  check(gpu && gpu->name == "amdgpu 1002:744C (card1)" && gpu->busy_by_others == 0.37 &&
            gpu->memory_used_by_others_bytes == 4294967296.0 && gpu->memory_bytes == 17163091968.0,
        "AMD's GPU (" + reading.gpu.note + ")");
}

void test_container() {
  Machine machine("container");
  Reading reading = machine.read();
  check_unknown(reading.power_source, "no mains supply and no battery", "the power source of a container");
  check_unknown(reading.low_power, "No such file", "its profile");
  check_unknown(reading.thermal, "no trip point", "its heat");
  check_unknown(reading.gpu, "no GPU", "its GPU");
  check_unknown(reading.cpu_pressure, "proc/pressure/cpu", "its pressure");

  // A second of four cores, one of them at work for others in the container, half of one for us.
  for (const char* core : {"cpu0", "cpu1", "cpu2", "cpu3"})
    machine.change("proc/stat", core + std::string(" 100 0 50 350"), core + std::string(" 137 0 50 413"));
  machine.change("proc/self/stat", " 10 5 ", " 60 5 ");
  machine.change("sys/fs/cgroup/cpu.stat", "usage_usec 50000000", "usage_usec 51500000");
  reading = machine.read(1);
  check_is(reading.cpu_busy_by_others, 0.5, "a core of the two that the container may take");
  check(reading.cpu_busy_by_others.note.find("cpu.max") != std::string::npos, "which the source says");
}

void test_server() {
  void* library = dlopen(stub_library.c_str(), RTLD_NOW);
  check(library != nullptr, "there is a stand-in for NVIDIA's library");
  if (library == nullptr) return;
  StubNvml& nvml = *reinterpret_cast<StubNvml* (*)()>(dlsym(library, "stub_nvml"))();
  constexpr double kGiB = 1 << 30;

  nvml = {};
  nvml.busy_percent = 80;
  {
    Machine machine("server-with-nvidia");
    machine.sensors(stub_library);
    Reading reading = machine.read();
    check_is(reading.power_source, PowerSource::kMains, "a server in a rack is on mains");
    check_is(reading.thermal, Thermal::kNominal, "a processor that was not throttled");
    const auto gpu = [&] { return reading.gpu.value.value_or(matcoder::Gpu{}); };
    check(gpu().name == "NVIDIA A100", "the GPU with the most memory is told");
    check(gpu().busy_by_others == 0.8 && gpu().memory_used_by_others_bytes == 10 * kGiB &&
              gpu().memory_bytes == 40 * kGiB,
          "all load is others' while we are in no list (" + reading.gpu.note + ")");

    nvml.own_pid = static_cast<unsigned>(getpid());
    nvml.own_percent = 30;
    nvml.own_bytes = 4ull << 30;
    reading = machine.read();
    check(gpu().busy_by_others == 0.5 && gpu().memory_used_by_others_bytes == 6 * kGiB,
          "our own part is taken off, by its latest sample (" + reading.gpu.note + ")");
    reading = machine.read();
    check(gpu().busy_by_others == 0.8, "no sample since then: we did nothing");

    nvml.no_samples = true;
    nvml.own_bytes = ~0ull;
    reading = machine.read();
    check(!gpu().busy_by_others && !gpu().memory_used_by_others_bytes && gpu().memory_bytes == 40 * kGiB,
          "what cannot be told apart is unknown (" + reading.gpu.note + ")");

    nvml.lost = true;
    reading = machine.read();
    check(!gpu().busy_by_others && !gpu().memory_bytes, "a GPU that is lost");
    check(reading.gpu.note.find("GPU is lost") != std::string::npos, "has its reason");

    // Three of eight cores are ours to use; two of them worked for others.
    for (const char* core : {"cpu0", "cpu2", "cpu7"})
      machine.change("proc/stat", core + std::string(" 100 0 50 350"), core + std::string(" 200 0 50 350"));
    machine.change("proc/stat", "cpu3 100 0 50 350", "cpu3 100 0 50 450");
    machine.change("sys/class/powercap/intel-rapl:1/energy_uj", "2000000", "3500000");
    machine.change("sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", "0", "3");
    reading = machine.read();
    check_is(reading.cpu_busy_by_others, 2.0 / 3, "cores that we may not use do not count");
    check_is(reading.energy_joules, 1.5, "all packages count");
    check_is(reading.thermal, Thermal::kSerious, "the processor was throttled");
    check_is(machine.read().thermal, Thermal::kNominal, "and no more");
    check(nvml.open == 1, "the library is initialised once");
  }
  check(nvml.open == 0, "and shut down in the end");

  nvml = {};
  nvml.init_fails = true;
  {
    Machine machine("server-with-nvidia");
    machine.sensors(stub_library);
    for (int i = 0; i < 2; i++)
      check_unknown(machine.read().gpu, "Driver Not Loaded", "a library that does not initialise");
  }
  {
    Machine machine("server-with-nvidia");
    machine.sensors("/nowhere/libnvidia-ml.so");
    check_unknown(machine.read().gpu, "/nowhere/libnvidia-ml.so", "a library that is not there");
  }
  nvml = {};
  {
    Machine machine("laptop-on-battery");
    machine.sensors(stub_library);
    machine.read();
    check(nvml.open == 0, "a GPU that sleeps is not woken");
    machine.write("sys/bus/pci/drivers/nvidia/0000:01:00.0/power/runtime_status", "active");
    machine.read();
    check(nvml.open == 0, "one that may sleep is not kept awake on battery");
    machine.change(kMains, "ONLINE=0", "ONLINE=1");
    check(machine.read().gpu.value.value_or(matcoder::Gpu{}).name == "NVIDIA A100", "on mains it is asked");
  }
  dlclose(library);
}

void test_own_gpu_work() {
  Machine machine("desktop");
  const std::string client =
      "pos: 0\ndrm-driver: amdgpu\ndrm-client-id: 9\ndrm-memory-vram: 1048576 KiB\n"
      "drm-engine-gfx: 0 ns\ndrm-engine-compute: 5000000000 ns\n";
  machine.write("proc/self/fdinfo/20", client);
  machine.write("proc/self/fdinfo/21", client);
  machine.write("proc/self/fdinfo/3", "pos: 0\nflags: 02\n");
  Reading reading = machine.read();
  check(reading.gpu.value && !reading.gpu.value->busy_by_others, "our own work on a card takes two readings");
  check(reading.gpu.value && reading.gpu.value->memory_used_by_others_bytes == 3221225472.0,
        "our memory is taken off once, though two descriptors tell of it");
  machine.change("proc/self/fdinfo/20", "5000000000 ns", "7000000000 ns");
  machine.change("proc/self/fdinfo/21", "5000000000 ns", "7000000000 ns");
  reading = machine.read();
  check(reading.gpu.value && std::abs(reading.gpu.value->busy_by_others.value_or(-1) - 0.17) < 1e-9,
        "and our two seconds of ten");
}

void test_power_rows() {
  struct Row {
    const char *what, *mains, *battery;
    std::optional<PowerSource> source;
    std::optional<double> charge, watts;
  };
  const auto on_mains = PowerSource::kMains, on_battery = PowerSource::kBattery;
  const Row rows[] = {
      {"a charger that feeds", "1", "STATUS=Charging\nPOWER_NOW=5000000\nCAPACITY=40", on_mains, 0.4, -5},
      {"a charger too weak", "1", "STATUS=Discharging\nPOWER_NOW=5000000\nCAPACITY=40", on_mains, 0.4, 5},
      {"amperes and volts", "0", "STATUS=Discharging\nCURRENT_NOW=500000\nVOLTAGE_NOW=12000000\nCAPACITY=1", on_battery,
       0.01, 6},
      {"a driver whose discharge is negative", "0",
       "STATUS=Discharging\nCURRENT_NOW=-500000\nVOLTAGE_NOW=12000000\nCAPACITY=1", on_battery, 0.01, 6},
      {"ampere-hours", "0",
       "STATUS=Discharging\nCHARGE_NOW=1000000\nCHARGE_FULL=4000000\nVOLTAGE_NOW=12000000\nPOWER_NOW=0", on_battery,
       0.25, 0},
      {"no mains supply, and it discharges", nullptr, "STATUS=Discharging\nCAPACITY=50", on_battery, 0.5, {}},
      {"no mains supply, and it is full", nullptr, "STATUS=Full\nCAPACITY=100\nPOWER_NOW=0", on_mains, 1, 0},
      {"no mains supply, and it does not know", nullptr, "STATUS=Unknown\nCAPACITY=50", {}, 0.5, {}},
      {"a negative charge", "0", "STATUS=Discharging\nENERGY_NOW=-5\nENERGY_FULL=10", on_battery, {}, {}},
      {"a charge beyond full", "0", "STATUS=Full\nENERGY_NOW=11\nENERGY_FULL=10", on_battery, 1, {}},
      {"full at nothing", "0", "STATUS=Full\nENERGY_NOW=0\nENERGY_FULL=0", on_battery, {}, {}},
      {"a capacity of 255", "0", "STATUS=Full\nCAPACITY=255", on_battery, {}, {}},
      {"no numbers", "0", "STATUS=Discharging\nCAPACITY=\nPOWER_NOW=12x", on_battery, {}, {}},
      {"a line cut short", "0", "STATUS=Dis", on_battery, {}, {}},
      {"a bay without its battery", "0", "PRESENT=0\nSTATUS=Unknown", {}, {}, {}},
      {"mains that say nothing", "", "STATUS=Discharging\nCAPACITY=50", on_battery, 0.5, {}},
      {"an empty file", "0", "", on_battery, {}, {}},
  };
  for (const Row& row : rows) {
    Machine machine("laptop-on-battery");
    machine.remove("sys/class/power_supply/ucsi-source-psy-USBC000:001");
    if (row.mains)
      machine.write(kMains, std::string("POWER_SUPPLY_ONLINE=") + row.mains + "\n");
    else
      machine.remove("sys/class/power_supply/AC");
    std::string uevent, line;
    for (std::istringstream lines(row.battery); std::getline(lines, line);) uevent += "POWER_SUPPLY_" + line + "\n";
    machine.write(kBattery, uevent);
    const Reading reading = machine.read();
    check(reading.power_source.value == row.source, row.what + (": " + reading.power_source.note));
    const auto same = [](const Sensed<double>& found, std::optional<double> expected) {
      return found.value.has_value() == expected.has_value() &&
             (!expected || std::abs(*found.value - *expected) < 1e-9);
    };
    check(same(reading.charge_share, row.charge), row.what + (", charge: " + reading.charge_share.note));
    check(same(reading.discharge_watts, row.watts), row.what + (", rate: " + reading.discharge_watts.note));
  }
}

void test_heat_rows() {
  struct Row {
    const char *what, *path, *text;
    std::optional<Thermal> level;
  };
  const Row rows[] = {
      {"the fan's trip point", "thermal_zone0/temp", "71000", Thermal::kFair},
      {"the trip point that slows", "thermal_zone2/temp", "79050", Thermal::kSerious},
      {"the hot one", "thermal_zone2/temp", "94050", Thermal::kCritical},
      {"the critical one", "thermal_zone0/temp", "120000", Thermal::kCritical},
      {"a zone without trip points that are set", "thermal_zone1/temp", "105000", Thermal::kNominal},
      {"a sensor that is broken", "thermal_zone2/temp", "", Thermal::kNominal},
      {"a sensor below nothing", "thermal_zone2/temp", "-274000", Thermal::kNominal},
      {"the processor slowed down", "cooling_device0/cur_state", "1", Thermal::kSerious},
      {"a fan that runs", "cooling_device2/cur_state", "9", Thermal::kNominal},
  };
  for (const Row& row : rows) {
    Machine machine("laptop-on-battery");
    machine.write(std::string("sys/class/thermal/") + row.path, row.text);
    const Reading reading = machine.read();
    check(reading.thermal.value == row.level, row.what + (": " + reading.thermal.note));
  }
}

void test_faults() {
  Machine machine("laptop-on-battery");
  machine.read();
  machine.remove("sys/class/power_supply/BAT0");
  machine.remove("proc/pressure/cpu");
  machine.write("proc/self/stat", "4321 (node) S 1");
  machine.write("sys/class/powercap/intel-rapl:0/energy_uj", "-1");
  machine.remove("sys/firmware/acpi/platform_profile");
  machine.write("sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference", "");
  machine.read();
  Reading reading = machine.read();
  check_unknown(reading.power_source, "no mains supply and no battery", "the source once the battery disappeared");
  check_unknown(reading.charge_share, "no battery", "its charge");
  check_unknown(reading.cpu_pressure, "No such file", "a pressure file that disappeared");
  check_unknown(reading.cpu_busy_by_others, "proc/self/stat: contains no CPU times", "our own time, half written");
  check_unknown(reading.energy_joules, "out of its range", "a negative counter");
  check_unknown(reading.low_power, "platform_profile", "a profile that disappeared");
  check_is(reading.thermal, Thermal::kNominal, "what is whole is read on");

  // Sums of such counters do not fit into 64 bits.
  std::string largest;
  for (int i = 0; i < 8; i++) largest += " 9223372036854775807";
  machine.write("proc/stat", "cpu0" + largest + "\ncpu1" + largest + "\n");
  machine.write("proc/self/stat", "4321 (node) S 1 1 1 1 1 1 1 1 1 1" + largest);
  machine.read();
  check_unknown(machine.read().cpu_busy_by_others, "do not advance", "counters at their end");
  machine.write("proc/self/stat", "4321 (node) S 1");

  machine.write("sys/class/power_supply/BAT0/type", "Battery\n");
  machine.write(kBattery, "POWER_SUPPLY_STATUS=Discharging\nPOWER_SUPPLY_CAPACITY=70\n");
  machine.write("proc/stat", "cpu  0 0\ncpu0 5 5\ncpuX 1 1 1 1 1 1 1 1\n");
  machine.write("proc/pressure/cpu", "some avg10=0.00 avg60=");
  machine.read();
  reading = machine.read();
  check_unknown(reading.cpu_busy_by_others, "no times of the allowed cores", "times that are cut short");
  check_unknown(reading.cpu_pressure, "no total", "a pressure that is cut short");

  Machine nothing("container");
  for (const char* folder : {"proc", "sys"}) nothing.remove(folder);
  check_unknown(nothing.read().cpu_busy_by_others, "No such file", "load where there is nothing at all");
}

void test_intervals() {
  Machine machine("laptop-on-battery");
  machine.read();
  machine.change(kBattery, "CAPACITY=62", "CAPACITY=61");
  machine.change(kBattery, "ENERGY_NOW=31000000", "ENERGY_NOW=30000000");
  check_is(machine.read(1).charge_share, 0.62, "a battery's controller is not asked every second");
  check_is(machine.read(4).charge_share, 0.60, "but every five");
  machine.change(kBattery, "ENERGY_NOW=30000000", "ENERGY_NOW=29000000");
  machine.change(kMains, "ONLINE=0", "ONLINE=1");
  Reading reading = machine.read(1);
  check_is(reading.charge_share, 0.58, "and at once when the charger is plugged in");
  check_is(reading.power_source, PowerSource::kMains, "which is seen at once");

  const double before = reading.cpu_pressure.value.value_or(-1);
  machine.change("proc/pressure/cpu", "total=5000000", "total=5100000");
  check_is(machine.read(0.1).cpu_pressure, before, "load within a fifth of a second is noise");
  check_is(machine.read(0.1).cpu_pressure, 0.5, "and is counted when there is more");
}

void test_work() {
  Machine machine("laptop-on-battery");
  for (int i = 0; i < 3; i++) machine.read();
  const int before = opened;
  for (int i = 0; i < 100; i++) machine.read(1);
  // What is not there is looked for again: here two files of the first GPU, which are AMD's.
  check(opened - before <= 300, "files stay open: " + std::to_string(opened - before) + " opened in 100 readings");
  check(before > 30, "opened files are counted");
}

void test_uevents() {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  int ends[2];
  check(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0, "a pair of sockets");
  Uevents uevents(ends[0]);
  const auto send = [&](const std::string& message) {
    check(write(ends[1], message.data(), message.size()) == static_cast<ssize_t>(message.size()), "a message is sent");
  };
  const std::string zero(1, '\0');
  const std::string power = "change@/devices/AC" + zero + "ACTION=change" + zero + "SUBSYSTEM=power_supply" + zero;
  const std::string other = "change@/devices/x" + zero + "ACTION=change" + zero + "SUBSYSTEM=power_supply2" + zero;

  send(power);
  check(uevents.wait(milliseconds(60000)), "a change of a power supply ends the wait");
  send(other);
  check(!uevents.wait(milliseconds(20)), "another device does not");
  send(other);
  send(power);
  send(other);
  check(uevents.wait(milliseconds(60000)), "one among others does");
  check(!uevents.wait(milliseconds(1)), "once");
  send(std::string(5000, '='));
  check(!uevents.wait(milliseconds(1)), "nonsense does not");

  std::thread later([&] { uevents.interrupt(); });
  const auto start = steady_clock::now();
  check(!uevents.wait(milliseconds(60000)), "another thread may end a wait");
  check(steady_clock::now() - start < std::chrono::seconds(30), "before its time");
  later.join();
  close(ends[1]);

  Uevents none(-1);
  check(!none.wait(milliseconds(1)), "without a socket a wait ends in time");
}

void test_cpu_window() {
  using Times = matcoder::CpuWindow::Times;
  matcoder::CpuWindow window;
  const auto at = [&](double now_s, std::optional<Times> times) { return window.others(times, now_s, "times"); };
  check_unknown(at(0, Times{10, 100, 5}), "two readings", "the first reading has nothing to compare with");
  check_is(at(1, Times{13, 104, 6}), 0.5, "others worked two seconds of four");
  check_is(at(1.1, Times{14, 105, 6}), 0.5, "too soon to tell anew");
  check_is(at(2, Times{15, 108, 8}), 0, "two seconds of work were ours");
  check_is(at(3, Times{15, 112, 9}), 0, "never less than nothing");
  check_unknown(at(4, Times{15, 112, 9}), "do not advance", "counters that stand still");
  check_unknown(at(5, std::nullopt), "cannot be read", "counters that cannot be read");
  check_unknown(at(6, Times{20, 120, 9}), "two readings", "and what comes after is a first reading again");
}

void test_parsing() {
  using matcoder::parse_core_list;
  using Cores = std::vector<bool>;
  check(parse_core_list("0-2,4") == Cores({true, true, true, false, true}), "a list of cores");
  for (const char* text : {"", "a", "3-1", "-1", "0-", "1,,2", "0-99999999999999999999", "0-5000"})
    check(parse_core_list(text).empty(), std::string("no list of cores: ") + text);
  check(matcoder::parse_integer("-42") == -42, "a negative number");
  for (const char* text : {"", "-", "1 ", "1.5", "0x1", "99999999999999999999"})
    check(!matcoder::parse_integer(text), std::string("no number: ") + text);
}

}  // namespace

// Counts the files that are opened, because a reading must not open them again.
extern "C" int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  opened++;
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int main(int, char** arguments) {
  recordings = arguments[1];
  stub_library = arguments[2];
  test_parsing();
  test_cpu_window();
  test_laptop_on_battery();
  test_laptop_on_mains();
  test_desktop();
  test_container();
  test_server();
  test_own_gpu_work();
  test_power_rows();
  test_heat_rows();
  test_faults();
  test_intervals();
  test_work();
  test_uevents();
  return report();
}
