import { type CheckpointConfig } from '../matlm/config';
import { submodelNames } from '../matlm/submodel';
import { UsageError } from './place';

/**
 * The name of a submodel as the checkpoint writes it, for a name in any case.
 * @param option with which it was asked for
 * @param also other values of the option, for the message
 * @throws {UsageError} if there is none, or several differ only in their case
 */
export function submodelNamed(config: CheckpointConfig, option: string, name: string, also = ''): string {
  const names = submodelNames(config);
  if (names.includes(name)) return name;
  const [alike, ...more] = names.filter((one) => one.toLowerCase() === name.toLowerCase());
  if (alike !== undefined && more.length === 0) return alike;
  const sizes = Object.keys(config.granularities).join(', ');
  throw new UsageError(
    `${option} ${name}: the checkpoint has no submodel ${name}; its sizes are ${sizes}${also}, and \`matcoder inspect\` lists the mixes`,
  );
}
