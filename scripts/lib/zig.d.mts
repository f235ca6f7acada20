/** The path of the program. */
export function prepareZig(): Promise<string>;
