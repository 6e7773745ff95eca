import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CheckResult, checks, runCheck } from '../checks.ts'

/** `yimen dev test` runs the checks first and hands their results over, so that one count tells all. */
const results = new Map((JSON.parse(process.env.YIMEN_CHECKS ?? '[]') as CheckResult[]).map(result => [result.name, result]))

for (const check of checks) {
  test(`${check.name}: ${check.says}`, { skip: results.size === 0 && 'run by `npm test` or `npm run check`' }, () => {
    const result = results.get(check.name)
    assert.ok(result, 'the check was run')
    assert.ok(result.ok, result.output)
  })
}

test('a command that fails or cannot start is a failed check', async () => {
  const failing = await runCheck({ name: 'x', says: 'x', command: [process.execPath, '-e', 'console.log("why"); process.exit(1)'] })
  assert.deepEqual([failing.ok, failing.output], [false, 'why'])
  const missing = await runCheck({ name: 'x', says: 'x', command: ['/nonexistent/program'] })
  assert.equal(missing.ok, false)
})
