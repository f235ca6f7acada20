// What the sensors use of macOS's frameworks, by Apple's public documentation, so that the addon compiles without
// Apple's SDK. The headers of the C library, of Mach and of NSObject come with the compiler. The linker needs each
// symbol in native/macos/*.tbd too.
#pragma once

#include <device/device_types.h>
#include <mach/mach.h>
#import <objc/NSObject.h>

extern "C" {

// CoreFoundation: objects, strings, numbers, data, arrays, dictionaries.
typedef const void* CFTypeRef;
typedef const struct __CFAllocator* CFAllocatorRef;
typedef const struct __CFString* CFStringRef;
typedef const struct __CFNumber* CFNumberRef;
typedef const struct __CFData* CFDataRef;
typedef const struct __CFArray* CFArrayRef;
typedef const struct __CFDictionary* CFDictionaryRef;
typedef struct __CFDictionary* CFMutableDictionaryRef;
typedef long CFIndex;
typedef unsigned long CFTypeID;
typedef unsigned long CFHashCode;
typedef unsigned int CFStringEncoding;
typedef CFIndex CFNumberType;

extern const CFAllocatorRef kCFAllocatorDefault;
static const CFStringEncoding kCFStringEncodingUTF8 = 0x08000100;
static const CFNumberType kCFNumberDoubleType = 13;

#define CFSTR(literal) ((CFStringRef)__builtin___CFStringMakeConstantString("" literal ""))

CFTypeRef CFRetain(CFTypeRef object);
void CFRelease(CFTypeRef object);
CFTypeID CFGetTypeID(CFTypeRef object);
CFTypeID CFNumberGetTypeID(void);
unsigned char CFNumberGetValue(CFNumberRef number, CFNumberType type, void* value);
CFTypeID CFStringGetTypeID(void);
unsigned char CFStringGetCString(CFStringRef string, char* buffer, CFIndex bytes, CFStringEncoding encoding);
CFTypeID CFDataGetTypeID(void);
CFIndex CFDataGetLength(CFDataRef data);
const unsigned char* CFDataGetBytePtr(CFDataRef data);
CFTypeID CFArrayGetTypeID(void);
CFIndex CFArrayGetCount(CFArrayRef array);
const void* CFArrayGetValueAtIndex(CFArrayRef array, CFIndex index);
CFTypeID CFDictionaryGetTypeID(void);
const void* CFDictionaryGetValue(CFDictionaryRef dictionary, const void* key);

// CoreFoundation: run loops.
typedef struct __CFRunLoop* CFRunLoopRef;
typedef struct __CFRunLoopSource* CFRunLoopSourceRef;
typedef CFStringRef CFRunLoopMode;
typedef double CFTimeInterval;  // seconds
typedef struct {
  CFIndex version;
  void* info;
  const void* (*retain)(const void* info);
  void (*release)(const void* info);
  CFStringRef (*copyDescription)(const void* info);
  unsigned char (*equal)(const void* info, const void* other);
  CFHashCode (*hash)(const void* info);
  void (*schedule)(void* info, CFRunLoopRef loop, CFRunLoopMode mode);
  void (*cancel)(void* info, CFRunLoopRef loop, CFRunLoopMode mode);
  void (*perform)(void* info);
} CFRunLoopSourceContext;

extern const CFRunLoopMode kCFRunLoopDefaultMode;

CFRunLoopRef CFRunLoopGetCurrent(void);
void CFRunLoopWakeUp(CFRunLoopRef loop);
int CFRunLoopRunInMode(CFRunLoopMode mode, CFTimeInterval timeout, unsigned char return_after_source_handled);
void CFRunLoopAddSource(CFRunLoopRef loop, CFRunLoopSourceRef source, CFRunLoopMode mode);
CFRunLoopSourceRef CFRunLoopSourceCreate(CFAllocatorRef allocator, CFIndex order, CFRunLoopSourceContext* context);
void CFRunLoopSourceSignal(CFRunLoopSourceRef source);
void CFRunLoopSourceInvalidate(CFRunLoopSourceRef source);

// IOKit: the registry of devices.
typedef unsigned int IOOptionBits;
typedef io_object_t io_iterator_t;
typedef io_object_t io_registry_entry_t;
typedef io_object_t io_service_t;

#define kIOServicePlane "IOService"

kern_return_t IOObjectRelease(io_object_t object);
io_object_t IOIteratorNext(io_iterator_t iterator);
CFMutableDictionaryRef IOServiceMatching(const char* name);
// Takes over the caller's reference to `matching`.
io_service_t IOServiceGetMatchingService(mach_port_t main_port, CFDictionaryRef matching);
CFTypeRef IORegistryEntryCreateCFProperty(io_registry_entry_t entry, CFStringRef key, CFAllocatorRef allocator,
                                          IOOptionBits options);
kern_return_t IORegistryEntryGetChildIterator(io_registry_entry_t entry, const io_name_t plane,
                                              io_iterator_t* iterator);

// IOKit: power sources.
#define kIOPSTypeKey "Type"
#define kIOPSInternalBatteryType "InternalBattery"
#define kIOPSCurrentCapacityKey "Current Capacity"
#define kIOPSMaxCapacityKey "Max Capacity"

typedef void (*IOPowerSourceCallbackType)(void* context);

CFTypeRef IOPSCopyPowerSourcesInfo(void);
CFArrayRef IOPSCopyPowerSourcesList(CFTypeRef snapshot);
CFStringRef IOPSGetProvidingPowerSourceType(CFTypeRef snapshot);
CFDictionaryRef IOPSGetPowerSourceDescription(CFTypeRef snapshot, CFTypeRef source);
CFRunLoopSourceRef IOPSNotificationCreateRunLoopSource(IOPowerSourceCallbackType callback, void* context);
}

// Foundation. Without the attribute the loader would demand what newer systems alone have.
#define MATCODER_FROM_MACOS_12 __attribute__((availability(macos, introduced = 12.0)))

@class NSNotification, NSOperationQueue, NSString;

typedef NSString* NSNotificationName;

extern "C" {
extern const NSNotificationName NSProcessInfoThermalStateDidChangeNotification;
MATCODER_FROM_MACOS_12 extern const NSNotificationName NSProcessInfoPowerStateDidChangeNotification;
}

typedef enum NSProcessInfoThermalState : NSInteger {
  NSProcessInfoThermalStateNominal,
  NSProcessInfoThermalStateFair,
  NSProcessInfoThermalStateSerious,
  NSProcessInfoThermalStateCritical,
} NSProcessInfoThermalState;

@interface NSProcessInfo : NSObject
@property(class, readonly, strong) NSProcessInfo* processInfo;
@property(readonly) NSProcessInfoThermalState thermalState;
@property(readonly, getter=isLowPowerModeEnabled) BOOL lowPowerModeEnabled MATCODER_FROM_MACOS_12;
@end

@interface NSNotificationCenter : NSObject
@property(class, readonly, strong) NSNotificationCenter* defaultCenter;
- (id<NSObject>)addObserverForName:(NSNotificationName)name
                            object:(id)object
                             queue:(NSOperationQueue*)queue
                        usingBlock:(void (^)(NSNotification* notification))block;
- (void)removeObserver:(id)observer;
@end
