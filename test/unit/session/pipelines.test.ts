import assert from 'node:assert/strict';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import { History } from '../../../src/governor/history';
import { AUTO } from '../../../src/governor/settings';
import { TypingRhythm } from '../../../src/governor/typing';
import type { Pipelines } from '../../../src/session/pipelines';
import { Session } from '../../../src/session/session';
import { requestAt, settle } from '../completion/hand';
import { small } from '../model';
import { World } from './fakes';

describe('the pipelines of a session', () => {
  let checkpoint: Checkpoint;
  let world: World;
  let session: Session;

  before(async () => {
    checkpoint = await small();
  });
  beforeEach(async () => {
    world = new World();
    session = new Session(world.parts());
    void session.start();
    world.opening.at(-1)!.answer.resolve(checkpoint);
    await settle();
    world.lastEngine.ready();
  });
  afterEach(() => {
    session.dispose();
  });

  const typist = () => ({
    rhythm: new TypingRhythm(),
    history: new History(),
    settings: () => ({ ...AUTO, submodel: 'S' }),
    eagerness: () => 'eager' as const,
  });

  async function ask(pipelines: Pipelines, document: string, text: string): Promise<string> {
    const pipeline = pipelines.add(typist());
    const answer = pipeline.complete(requestAt(text, { document }), new AbortController().signal);
    await settle();
    const { emit, request } = world.lastEngine.requests.at(-1)!;
    for (const token of checkpoint.tokenizer.encode((request.healingPrefix ?? '') + document)) {
      emit({ type: 'token', token, probability: 0.99 });
    }
    emit({ type: 'end', reason: 'stop', decodedTokens: 4, passes: 3, decodeMs: 4 });
    const outcome = await answer;
    return 'suggestion' in outcome ? outcome.suggestion.text : outcome.kind;
  }

  it('answer each in its own document, of which the engine has a number each', async () => {
    const pipelines = session.pipelines!;
    assert.equal(await ask(pipelines, 'alpha', 'let a = █'), 'alpha');
    assert.equal(await ask(pipelines, 'beta', 'let a = █'), 'beta');
    const keys = world.lastEngine.requests.map(({ request }) => request.cacheKey);
    assert.equal(new Set(keys).size, 2);
  });

  it('share the time of the engine that they use', async () => {
    const pipelines = session.pipelines!;
    world.nowMs = 1000;
    const answer = ask(pipelines, 'alpha', 'let a = █');
    world.nowMs = 4000;
    await answer;
    const other = pipelines.add(typist());
    assert.ok(other.engineShare > 0);
  });

  it('end with the start that they belong to', async () => {
    const pipelines = session.pipelines!;
    const pipeline = pipelines.add(typist());
    const answer = pipeline.complete(requestAt('let a = █'), new AbortController().signal);
    await settle();
    void session.start();
    assert.notEqual((await answer).kind, 'shown');
    assert.equal(session.pipelines, undefined);
  });
});
