/** The user and the group that own nothing. */
const NOBODY = 65534;

/**
 * Calls a function as a user whom the modes of files keep out: as nobody, if this is the administrator, whom they do not. On
 * Windows, modes keep nobody out. If the function returns a promise, it acts so until that settles.
 * @returns what lets the function act as the user of this process for a while
 */
export function asOrdinaryUser<T>(work: (asSelf: (act: () => void) => void) => T): T {
  const isRoot = process.geteuid?.() === 0;
  const become = (user: number) => {
    if (isRoot) process.seteuid?.(user);
  };
  const end = () => {
    become(0);
  };
  become(NOBODY);
  let result: T;
  try {
    result = work((act) => {
      become(0);
      act();
      become(NOBODY);
    });
  } catch (error) {
    end();
    throw error;
  }
  if (result instanceof Promise) return result.finally(end) as T;
  end();
  return result;
}
