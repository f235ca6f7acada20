/**
 * The weights of the score for a model that nobody has measured (in the order of FEATURES): those of matlm-46m, with a constant
 * that is 0.6 lower. With its own constant, suggestions of SmolLM2-135M with a score of 0.3 to 0.7 were right less often than it
 * said (docs/results/imported-prompts.md). Too low a score only shows less, and what the user accepts corrects it (`LearnedScore`).
 */
export const GENERAL_WEIGHTS: readonly number[] = [
  2.2863, 0.3871, 1.6628, 0.7483, -0.8912, -0.5227, -0.516, -0.1554, 0.1553, 0.1822,
];
