// The sensors on Windows: power settings, system times, and performance counters (PDH) for heat and GPUs.
#ifndef NOMINMAX
#define NOMINMAX
#endif
#define INITGUID  // the identifiers of power settings are defined here
// clang-format off
#include <windows.h>  // before the others
// clang-format on

#include <array>
#include <atomic>

#include "cpu_window.h"
#include "sensors.h"
#include "windows_counters.h"
#include "windows_power.h"

namespace matcoder {
namespace {

double seconds(const FILETIME& time) {  // it counts in units of 100 ns
  return (static_cast<double>(time.dwHighDateTime) * 4294967296.0 + time.dwLowDateTime) * 1e-7;
}

// Whether a user put this process into efficiency mode (EcoQoS) in the task manager. Wine lacks the function.
bool is_in_efficiency_mode() {
  const HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
  const auto get_information = reinterpret_cast<decltype(&GetProcessInformation)>(
      reinterpret_cast<void*>(GetProcAddress(kernel, "GetProcessInformation")));
  PROCESS_POWER_THROTTLING_STATE throttling{};
  throttling.Version = PROCESS_POWER_THROTTLING_CURRENT_VERSION;
  return get_information &&
         get_information(GetCurrentProcess(), ProcessPowerThrottling, &throttling, sizeof throttling) &&
         (throttling.ControlMask & throttling.StateMask & PROCESS_POWER_THROTTLING_EXECUTION_SPEED);
}

// From Windows' flags and percentages, and from the battery's controller in milliwatts.
void read_power(Reading& reading) {
  SYSTEM_POWER_STATUS status{};
  const std::string source = "GetSystemPowerStatus";
  if (!GetSystemPowerStatus(&status)) {
    const std::string why = source + ": error " + std::to_string(GetLastError());
    reading.power_source = Sensed<PowerSource>::unknown(why);
    reading.charge_share = reading.discharge_watts = Sensed<double>::unknown(why);
    reading.low_power = Sensed<bool>::unknown(why);
    return;
  }
  constexpr BYTE kNoBattery = 128, kUnknown = 255;
  if (status.ACLineStatus > 1)
    reading.power_source = Sensed<PowerSource>::unknown(source + ": not known");
  else
    reading.power_source = Sensed<PowerSource>::of(
        status.ACLineStatus == 1 ? PowerSource::kMains : PowerSource::kBattery, source + ", ACLineStatus");

  const bool eco = is_in_efficiency_mode();
  reading.low_power = eco ? Sensed<bool>::of(true, "this process is in efficiency mode")
                          : Sensed<bool>::of(status.SystemStatusFlag == 1, source + ", battery saver");

  if (status.BatteryFlag == kUnknown || (status.BatteryFlag & kNoBattery)) {
    const std::string why = source + (status.BatteryFlag == kUnknown ? ": not known" : ": no battery");
    reading.charge_share = reading.discharge_watts = Sensed<double>::unknown(why);
    return;
  }
  SYSTEM_BATTERY_STATE battery{};
  const bool known = CallNtPowerInformation(SystemBatteryState, nullptr, 0, &battery, sizeof battery) == 0;
  if (known && battery.MaxCapacity > 0 && battery.RemainingCapacity <= battery.MaxCapacity)
    reading.charge_share = Sensed<double>::of(static_cast<double>(battery.RemainingCapacity) / battery.MaxCapacity,
                                              "SystemBatteryState, capacity");
  else if (status.BatteryLifePercent <= 100)
    reading.charge_share = Sensed<double>::of(status.BatteryLifePercent / 100.0, source + ", BatteryLifePercent");
  else
    reading.charge_share = Sensed<double>::unknown(source + ": the charge is not known");

  const auto milliwatts = static_cast<LONG>(battery.Rate);  // negative while it discharges
  constexpr LONG kUnknownRate = static_cast<LONG>(0x80000000);
  const bool is_idle = milliwatts == 0 && battery.Discharging;  // some report a rate only while they charge
  reading.discharge_watts = known && milliwatts != kUnknownRate && !is_idle
                                ? Sensed<double>::of(-milliwatts * 1e-3, "SystemBatteryState, Rate")
                                : Sensed<double>::unknown("SystemBatteryState: the rate is not known");
}

std::optional<CpuWindow::Times> cpu_times() {
  FILETIME idle, kernel, user, created, exited, own_kernel, own_user;
  if (!GetSystemTimes(&idle, &kernel, &user)) return std::nullopt;
  if (!GetProcessTimes(GetCurrentProcess(), &created, &exited, &own_kernel, &own_user)) return std::nullopt;
  const double total_s = seconds(kernel) + seconds(user);  // the kernel time includes the idle time
  return CpuWindow::Times{total_s - seconds(idle), total_s, seconds(own_kernel) + seconds(own_user)};
}

class WindowsSensors : public Sensors {
 public:
  explicit WindowsSensors(Clock now_s)
      : now_s_(std::move(now_s)), event_(CreateEventW(nullptr, FALSE, FALSE, nullptr)) {
    DEVICE_NOTIFY_SUBSCRIBE_PARAMETERS parameters{on_power_setting, this};
    const GUID* settings[] = {&GUID_ACDC_POWER_SOURCE, &kPowerSavingStatus};
    for (size_t i = 0; i < subscriptions_.size(); i++)
      if (PowerSettingRegisterNotification(settings[i], DEVICE_NOTIFY_CALLBACK, &parameters, &subscriptions_[i]) != 0)
        subscriptions_[i] = nullptr;
  }

  ~WindowsSensors() override {
    for (HPOWERNOTIFY subscription : subscriptions_)
      if (subscription) PowerSettingUnregisterNotification(subscription);
    if (event_) CloseHandle(event_);
  }

  Reading read() override {
    Reading reading;
    read_power(reading);
    reading.cpu_busy_by_others = cpu_.others(cpu_times(), now_s_(), "GetSystemTimes");
    reading.cpu_pressure = Sensed<double>::unknown("not available on Windows");
    reading.energy_joules = Sensed<double>::unknown("not read on Windows");
    const double now_s = now_s_();
    if (!counted_s_ || now_s - *counted_s_ >= kCountersEveryS) {
      counted_s_ = now_s;
      counters_.collect();
      thermal_ = counters_.thermal();
      gpu_ = counters_.gpu();
    }
    reading.thermal = thermal_;
    reading.gpu = gpu_;
    return reading;
  }

  bool wait(std::chrono::milliseconds timeout) override {
    if (WaitForSingleObject(event_, static_cast<DWORD>(timeout.count())) != WAIT_OBJECT_0) return false;
    return !interrupted_.exchange(false);
  }

  void interrupt() override {
    interrupted_ = true;
    SetEvent(event_);
  }

 private:
  // On a thread of the system: when a setting changes, and once for each setting at the start.
  static ULONG CALLBACK on_power_setting(PVOID self, ULONG, PVOID) {
    SetEvent(static_cast<WindowsSensors*>(self)->event_);
    return 0;
  }

  // Reading the performance counters takes milliseconds.
  static constexpr double kCountersEveryS = 5;

  Clock now_s_;
  HANDLE event_;
  std::atomic<bool> interrupted_{false};
  std::array<HPOWERNOTIFY, 2> subscriptions_{};
  CpuWindow cpu_;
  Counters counters_;
  std::optional<double> counted_s_;
  Sensed<Thermal> thermal_;
  Sensed<Gpu> gpu_;
};

}  // namespace

std::unique_ptr<Sensors> open_sensors(const SensorOptions& options) {
  return std::make_unique<WindowsSensors>(options.now_s);
}

}  // namespace matcoder
