// Reporter for node:test: one JSON line per finished test, for tools/test to count.
import { inspect } from 'node:util';

export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const suite = data.details?.type === 'suite';
    if (suite && type === 'test:pass' && data.skip === undefined) continue;

    const error = data.details?.error;
    // A parent fails with its children; they have been counted already.
    if (error?.failureType === 'subtestsFailed') continue;

    const excused = data.skip !== undefined || data.todo !== undefined;
    yield JSON.stringify({
      name: data.name,
      result: excused ? 'skip' : type === 'test:pass' ? 'pass' : 'fail',
      why: excused ? reason(data) : error ? inspect(error.cause ?? error) : '',
    }) + '\n';
  }
}

function reason({ skip, todo }) {
  if (typeof skip === 'string') return skip;
  if (todo !== undefined) return typeof todo === 'string' ? `to do: ${todo}` : 'to do';
  return 'no reason given';
}
