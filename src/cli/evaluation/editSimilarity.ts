/** Twice the longest common subsequence over the characters of both, 0 to 1; 1 for two empty texts. */
export function editSimilarity(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  if (x.length + y.length === 0) return 1;
  let row = new Array<number>(y.length + 1).fill(0);
  for (const character of x) {
    const next = [0];
    y.forEach((other, j) => {
      next.push(character === other ? (row[j] ?? 0) + 1 : Math.max(row[j + 1] ?? 0, next[j] ?? 0));
    });
    row = next;
  }
  return (2 * (row[y.length] ?? 0)) / (x.length + y.length);
}
