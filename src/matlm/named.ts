/**
 * An object for values by names from outside, such as a checkpoint or a setting. It inherits nothing, so a look-up of
 * `constructor` finds nothing, and a value named `__proto__` is an ordinary entry.
 */
export function named<T>(entries: Iterable<readonly [string, T]> = []): Record<string, T> {
  const object = Object.create(null) as Record<string, T>;
  for (const [name, value] of entries) object[name] = value;
  return object;
}
