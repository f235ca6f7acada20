// The sensors on macOS: IOKit for power and GPUs, NSProcessInfo for heat and low-power mode, Mach for the processor.
#include <mach/mach.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "cpu_window.h"
#include "macos_frameworks.h"
#include "sensors.h"

namespace matcoder {
namespace {

// A Core Foundation object that this one releases.
template <typename Ref>
class Owned {
 public:
  explicit Owned(Ref ref) : ref_(ref) {}
  ~Owned() {
    if (ref_) CFRelease(ref_);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Ref get() const { return ref_; }
  explicit operator bool() const { return ref_ != nullptr; }

 private:
  Ref ref_;
};

// The same for an entry of the IO registry.
class Entry {
 public:
  explicit Entry(io_object_t object) : object_(object) {}
  ~Entry() {
    if (object_) IOObjectRelease(object_);
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  io_object_t get() const { return object_; }
  explicit operator bool() const { return object_ != 0; }

  CFTypeRef copy(CFStringRef key) const {
    return IORegistryEntryCreateCFProperty(object_, key, kCFAllocatorDefault, 0);
  }

 private:
  io_object_t object_;
};

std::optional<double> number(CFTypeRef value) {
  double found = 0;
  if (value == nullptr || CFGetTypeID(value) != CFNumberGetTypeID()) return std::nullopt;
  if (!CFNumberGetValue(static_cast<CFNumberRef>(value), kCFNumberDoubleType, &found)) return std::nullopt;
  return found;
}

std::optional<double> number_in(CFTypeRef dictionary, CFStringRef key) {
  if (dictionary == nullptr || CFGetTypeID(dictionary) != CFDictionaryGetTypeID()) return std::nullopt;
  return number(CFDictionaryGetValue(static_cast<CFDictionaryRef>(dictionary), key));
}

// A string of the registry, which may be stored as bytes.
std::string text(CFTypeRef value) {
  char buffer[256] = "";
  if (value == nullptr) return "";
  if (CFGetTypeID(value) == CFStringGetTypeID()) {
    if (!CFStringGetCString(static_cast<CFStringRef>(value), buffer, sizeof buffer, kCFStringEncodingUTF8)) return "";
  } else if (CFGetTypeID(value) == CFDataGetTypeID()) {
    const auto data = static_cast<CFDataRef>(value);
    const CFIndex length = std::min<CFIndex>(CFDataGetLength(data), sizeof buffer - 1);
    std::copy_n(CFDataGetBytePtr(data), length, buffer);
  }
  return buffer;
}

void read_power(Reading& reading) {
  const Owned<CFTypeRef> snapshot(IOPSCopyPowerSourcesInfo());
  const std::string source = "IOPowerSources";
  if (!snapshot) {
    reading.power_source = Sensed<PowerSource>::unknown(source + ": no information");
    reading.charge_share = reading.discharge_watts = Sensed<double>::unknown(source + ": no information");
    return;
  }
  const std::string providing = text(IOPSGetProvidingPowerSourceType(snapshot.get()));
  if (providing == "AC Power")
    reading.power_source = Sensed<PowerSource>::of(PowerSource::kMains, source + ": " + providing);
  else if (providing == "Battery Power" || providing == "UPS Power")
    reading.power_source = Sensed<PowerSource>::of(PowerSource::kBattery, source + ": " + providing);
  else
    reading.power_source = Sensed<PowerSource>::unknown(source + ": not known");

  double now = 0, full = 0;
  const Owned<CFArrayRef> list(IOPSCopyPowerSourcesList(snapshot.get()));
  for (CFIndex i = 0; list && i < CFArrayGetCount(list.get()); i++) {
    const CFDictionaryRef battery =
        IOPSGetPowerSourceDescription(snapshot.get(), CFArrayGetValueAtIndex(list.get(), i));
    if (battery == nullptr) continue;
    if (text(CFDictionaryGetValue(battery, CFSTR(kIOPSTypeKey))) != kIOPSInternalBatteryType) continue;
    const auto charge = number_in(battery, CFSTR(kIOPSCurrentCapacityKey));
    const auto capacity = number_in(battery, CFSTR(kIOPSMaxCapacityKey));
    if (!charge || !capacity || *charge < 0 || *capacity <= 0) continue;
    now += std::min(*charge, *capacity);
    full += *capacity;
  }
  reading.charge_share =
      full > 0 ? Sensed<double>::of(now / full, source) : Sensed<double>::unknown(source + ": no battery");

  const Entry battery(IOServiceGetMatchingService(MACH_PORT_NULL, IOServiceMatching("AppleSmartBattery")));
  if (!battery) {
    reading.discharge_watts = Sensed<double>::unknown("no AppleSmartBattery");
    return;
  }
  const Owned<CFTypeRef> amperage(battery.copy(CFSTR("Amperage"))), voltage(battery.copy(CFSTR("Voltage")));
  const auto milliamperes = number(amperage.get()), millivolts = number(voltage.get());
  // Negative while the battery discharges. Older controllers report it as an unsigned number of 64 bits.
  const bool sane = milliamperes && millivolts && *millivolts > 0 && *milliamperes > -1e6 && *milliamperes < 1e6;
  reading.discharge_watts = sane ? Sensed<double>::of(-*milliamperes * *millivolts * 1e-6, "AppleSmartBattery")
                                 : Sensed<double>::unknown("AppleSmartBattery: the rate is not known");
}

void read_process_info(Reading& reading) {
  @autoreleasepool {
    NSProcessInfo* info = NSProcessInfo.processInfo;
    const std::string source = "NSProcessInfo";
    switch (info.thermalState) {
      case NSProcessInfoThermalStateNominal:
        reading.thermal = Sensed<Thermal>::of(Thermal::kNominal, source);
        break;
      case NSProcessInfoThermalStateFair:
        reading.thermal = Sensed<Thermal>::of(Thermal::kFair, source);
        break;
      case NSProcessInfoThermalStateSerious:
        reading.thermal = Sensed<Thermal>::of(Thermal::kSerious, source);
        break;
      case NSProcessInfoThermalStateCritical:
        reading.thermal = Sensed<Thermal>::of(Thermal::kCritical, source);
        break;
      default:
        reading.thermal = Sensed<Thermal>::unknown(source + ": unknown state");
    }
    if (@available(macOS 12.0, *))
      reading.low_power = Sensed<bool>::of(info.lowPowerModeEnabled, source);
    else
      reading.low_power = Sensed<bool>::unknown("available from macOS 12");
  }
}

// The processor's ticks. Their counters have 32 bits and wrap around.
class Ticks {
 public:
  std::optional<CpuWindow::Times> read() {
    host_cpu_load_info_data_t load{};
    mach_msg_type_number_t count = HOST_CPU_LOAD_INFO_COUNT;
    const mach_port_t host = mach_host_self();
    const kern_return_t status =
        host_statistics(host, HOST_CPU_LOAD_INFO, reinterpret_cast<host_info_t>(&load), &count);
    mach_port_deallocate(mach_task_self(), host);
    rusage own{};
    if (status != KERN_SUCCESS || getrusage(RUSAGE_SELF, &own) != 0) return std::nullopt;
    for (int i = 0; i < CPU_STATE_MAX; i++) {
      const auto step = static_cast<uint32_t>(load.cpu_ticks[i] - before_.cpu_ticks[i]);
      total_ += step;
      if (i != CPU_STATE_IDLE) busy_ += step;
    }
    before_ = load;
    const double per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + time.tv_usec * 1e-6; };
    return CpuWindow::Times{busy_ / per_second, total_ / per_second, seconds(own.ru_utime) + seconds(own.ru_stime)};
  }

 private:
  host_cpu_load_info_data_t before_{};
  double busy_ = 0, total_ = 0;
};

// The GPU as its driver describes it in the IO registry.
class Accelerator {
 public:
  Sensed<Gpu> read(double now_s) {
    const Entry accelerator(IOServiceGetMatchingService(MACH_PORT_NULL, IOServiceMatching("IOAccelerator")));
    if (!accelerator) return Sensed<Gpu>::unknown("no IOAccelerator");
    const Owned<CFTypeRef> model(accelerator.copy(CFSTR("model")));
    const Owned<CFTypeRef> statistics(accelerator.copy(CFSTR("PerformanceStatistics")));
    Gpu gpu{text(model.get()), {}, {}, {}};
    if (gpu.name.empty()) gpu.name = "GPU";
    std::string note = "IOAccelerator";

    // The driver counts all processes together. Our own time is counted at our own connections.
    const Own own = own_use(accelerator);
    const double took_s = now_s - before_s_;
    const bool own_known = !own.connected || (own.busy_s && before_.busy_s && took_s > 0);
    const double own_share = own.connected && own_known ? (*own.busy_s - *before_.busy_s) / took_s : 0;
    before_ = own;
    before_s_ = now_s;

    const auto percent = number_in(statistics.get(), CFSTR("Device Utilization %"));
    if (!percent || *percent < 0 || *percent > 100)
      note += "; load: not known";
    else if (!own_known)
      note += "; load: this process's part is not known yet";
    else
      gpu.busy_by_others = std::clamp(*percent / 100 - own_share, 0.0, 1.0);

    const auto bytes = number_in(statistics.get(), CFSTR("In use system memory"));
    if (bytes && *bytes >= 0 && !own.connected)
      gpu.memory_used_by_others_bytes = *bytes;
    else
      note += bytes ? "; memory: this process's part is not known" : "; memory: not known";
    return Sensed<Gpu>::of(std::move(gpu), std::move(note));
  }

 private:
  struct Own {
    bool connected = false;
    std::optional<double> busy_s;
  };

  // Connections are children of the accelerator: "IOUserClientCreator" is "pid 533, name", "AppUsage" lists
  // nanoseconds.
  static Own own_use(const Entry& accelerator) {
    Own own;
    io_iterator_t children = 0;
    if (IORegistryEntryGetChildIterator(accelerator.get(), kIOServicePlane, &children) != KERN_SUCCESS) return own;
    const Entry iterator(children);
    const std::string us = "pid " + std::to_string(getpid()) + ",";
    for (;;) {
      const Entry client(IOIteratorNext(children));
      if (!client) return own;
      const Owned<CFTypeRef> creator(client.copy(CFSTR("IOUserClientCreator")));
      if (text(creator.get()).compare(0, us.size(), us) != 0) continue;
      own.connected = true;
      const Owned<CFTypeRef> usage(client.copy(CFSTR("AppUsage")));
      if (!usage || CFGetTypeID(usage.get()) != CFArrayGetTypeID()) continue;
      const auto list = static_cast<CFArrayRef>(usage.get());
      for (CFIndex i = 0; i < CFArrayGetCount(list); i++)
        if (const auto ns = number_in(CFArrayGetValueAtIndex(list, i), CFSTR("accumulatedGPUTime")))
          own.busy_s = own.busy_s.value_or(0) + *ns * 1e-9;
    }
  }

  Own before_;
  double before_s_ = 0;
};

// Ends a wait. Notifications come on threads of the system and may outlive the sensors, so both own it.
class Bell {
 public:
  Bell() {
    CFRunLoopSourceContext context{};
    context.perform = [](void*) {};  // it only has to run
    source_ = CFRunLoopSourceCreate(kCFAllocatorDefault, 0, &context);
  }
  ~Bell() {
    CFRunLoopSourceInvalidate(source_);
    CFRelease(source_);
    if (loop_) CFRelease(loop_);
  }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  // On the thread that is going to wait. Returns false if it is attached already.
  bool attach() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (loop_) return false;
    loop_ = CFRunLoopGetCurrent();
    CFRetain(loop_);
    CFRunLoopAddSource(loop_, source_, kCFRunLoopDefaultMode);
    return true;
  }
  // Ends the wait, or the next one: a source that is signalled before the loop runs fires as soon as it does.
  void ring() {
    const std::lock_guard<std::mutex> lock(mutex_);
    CFRunLoopSourceSignal(source_);
    if (loop_) CFRunLoopWakeUp(loop_);
  }

  std::atomic<bool> changed{false};

 private:
  std::mutex mutex_;
  CFRunLoopRef loop_ = nullptr;
  CFRunLoopSourceRef source_;
};

class MacSensors : public Sensors {
 public:
  explicit MacSensors(Clock now_s) : now_s_(std::move(now_s)), bell_(std::make_shared<Bell>()) {
    power_ =
        IOPSNotificationCreateRunLoopSource([](void* bell) { static_cast<Bell*>(bell)->changed = true; }, bell_.get());
    Reading reading;
    read_process_info(reading);  // the thermal state must be read once before its changes are announced
    @autoreleasepool {
      NSNotificationCenter* center = NSNotificationCenter.defaultCenter;
      const std::shared_ptr<Bell> bell = bell_;
      void (^on_change)(NSNotification*) = ^(NSNotification*) {
        bell->changed = true;
        bell->ring();
      };
      heat_observer_ = [center addObserverForName:NSProcessInfoThermalStateDidChangeNotification
                                           object:nil
                                            queue:nil
                                       usingBlock:on_change];
      if (@available(macOS 12.0, *))
        low_power_observer_ = [center addObserverForName:NSProcessInfoPowerStateDidChangeNotification
                                                  object:nil
                                                   queue:nil
                                              usingBlock:on_change];
    }
  }

  ~MacSensors() override {
    @autoreleasepool {
      NSNotificationCenter* center = NSNotificationCenter.defaultCenter;
      if (heat_observer_) [center removeObserver:heat_observer_];
      if (low_power_observer_) [center removeObserver:low_power_observer_];
    }
    if (power_ == nullptr) return;
    CFRunLoopSourceInvalidate(power_);
    CFRelease(power_);
  }

  Reading read() override {
    Reading reading;
    read_power(reading);
    read_process_info(reading);
    const double now_s = now_s_();
    reading.cpu_busy_by_others = cpu_.others(ticks_.read(), now_s, "host_statistics");
    reading.cpu_pressure = Sensed<double>::unknown("not available on macOS");
    reading.gpu = accelerator_.read(now_s);
    reading.energy_joules = Sensed<double>::unknown("not read on macOS");
    return reading;
  }

  // Always on the same thread, whose run loop receives the changes.
  bool wait(std::chrono::milliseconds timeout) override {
    if (bell_->attach() && power_) CFRunLoopAddSource(CFRunLoopGetCurrent(), power_, kCFRunLoopDefaultMode);
    CFRunLoopRunInMode(kCFRunLoopDefaultMode, std::chrono::duration<double>(timeout).count(), true);
    return bell_->changed.exchange(false);
  }

  void interrupt() override { bell_->ring(); }

 private:
  Clock now_s_;
  std::shared_ptr<Bell> bell_;
  CFRunLoopSourceRef power_ = nullptr;
  id heat_observer_ = nil, low_power_observer_ = nil;
  Ticks ticks_;
  CpuWindow cpu_;
  Accelerator accelerator_;
};

}  // namespace

std::unique_ptr<Sensors> open_sensors(const SensorOptions& options) {
  return std::make_unique<MacSensors>(options.now_s);
}

}  // namespace matcoder
