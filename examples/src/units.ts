/** Conversions between the units a station reports in and those a person reads. */

export type TemperatureUnit = 'celsius' | 'fahrenheit' | 'kelvin';
export type PressureUnit = 'hectopascal' | 'inchOfMercury' | 'millibar';
export type SpeedUnit = 'metrePerSecond' | 'kilometrePerHour' | 'knot';

export function celsiusToFahrenheit(celsius: number): number {
  return (celsius * 9) / 5 + 32;
}

export function fahrenheitToCelsius(fahrenheit: number): number {
  return ((fahrenheit - 32) * 5) / 9;
}

export function celsiusToKelvin(celsius: number): number {
  return celsius + 273.15;
}

export function kelvinToCelsius(kelvin: number): number {
  return kelvin - 273.15;
}

export function hectopascalToInchOfMercury(hectopascal: number): number {
  return hectopascal / 33.8639;
}

export function inchOfMercuryToHectopascal(inchOfMercury: number): number {
  return inchOfMercury * 33.8639;
}

export function metrePerSecondToKilometrePerHour(metrePerSecond: number): number {
  return metrePerSecond * 3.6;
}

export function metrePerSecondToKnot(metrePerSecond: number): number {
  return metrePerSecond * 1.943844;
}

/** The temperature in the unit that is asked for. */
export function convertTemperature(celsius: number, unit: TemperatureUnit): number {
  switch (unit) {
    case 'celsius':
      return celsius;
    case 'fahrenheit':
      return celsiusToFahrenheit(celsius);
    case 'kelvin':
      return celsiusToKelvin(celsius);
  }
}

/** The pressure in the unit that is asked for; a millibar is a hectopascal. */
export function convertPressure(hectopascal: number, unit: PressureUnit): number {
  switch (unit) {
    case 'hectopascal':
      return hectopascal;
    case 'inchOfMercury':
      return hectopascalToInchOfMercury(hectopascal);
    case 'millibar':
      return hectopascal;
  }
}

/** The speed in the unit that is asked for. */
export function convertSpeed(metrePerSecond: number, unit: SpeedUnit): number {
  switch (unit) {
    case 'metrePerSecond':
      return metrePerSecond;
    case 'kilometrePerHour':
      return metrePerSecondToKilometrePerHour(metrePerSecond);
    case 'knot':
      return metrePerSecondToKnot(metrePerSecond);
  }
}
