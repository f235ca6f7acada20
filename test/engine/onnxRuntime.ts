import { WITHOUT_RUNTIME } from '../../src/engine/onnx/runtime';
import { thisTarget } from '../../src/engine/target';

/** Skips a test, or all of a suite in its `before`, where ONNX Runtime has no libraries. */
export function needOnnxRuntime(context: Mocha.Context): void {
  if (WITHOUT_RUNTIME.includes(thisTarget())) context.skip();
}
